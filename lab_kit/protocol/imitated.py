"""What a provider offers and is not imitated, refused by name where somebody wants to know.

A provider's server ignores names that it does not know, and so do ours. What the provider knows,
and ours does not do, would then pass unnoticed in a test.
"""

from collections.abc import Collection, Mapping

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown

OURS = "lab_"
"""How names begin that are this server's own, in any provider's request."""
STEPS = ("punctuate", "numerals", "redact")
"""Of this server's own, too."""
_NOTHING = ("", "false", "0", "none", "null")


def check_imitated(asked: Mapping[str, object], imitated: Collection[str]) -> None:
    """Make sure that all that is asked for has its effect; what is switched off asks for nothing.

    Raises:
        InvalidParameter: something has none; the first such name.
    """
    for name, value in asked.items():
        is_known = name in imitated or name in STEPS or name.startswith(OURS)
        if not is_known and str(value).lower() not in _NOTHING:
            raise not_imitated(f"{name}={value}")


def check_language(name: str, code: object) -> None:
    """Make sure that a language is the one that the model hears.

    Raises:
        InvalidParameter: it is another.
    """
    if code is not None and not str(code).lower().startswith("en"):
        raise not_imitated(f"{name}={code}")


def not_imitated(what: str) -> InvalidParameter:
    """The error for something that would have no effect."""
    return InvalidParameter(
        f"{shown(what)}, which is not imitated here",
        "what this server does, since it was started with --strict",
        "leave it out, or start the server without --strict",
    )
