"""How a value that somebody sent is shown in an error message: short, whatever it is."""

MOST_CHARS = 80


def shown(value: object) -> str:
    """The value, or of a container only what it is: it may be deep, and as long as its message."""
    if not isinstance(value, str | bytes | int | float | None):
        return f"of type {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 3]}..."
