"""By what name a caller takes turns with others and has a share of what all hold."""

from lab_kit.gateway.door.keys import Keys


def caller_of(keys: Keys, host: str | None) -> str:
    """The key's holder; on a server that asks for no key, the machine that calls.

    Args:
        host: its address; None where the connection does not tell it.
    """
    return "caller" if keys.caller is not None else host or "unknown"
