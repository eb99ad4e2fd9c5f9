"""How long runs may take: in full for a reader, shortened for a machine that only checks.

Notebook text never changes between the two; what a run repeats or waits for does.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from lab_kit.core.errors import InvalidParameter

VARIABLE = "LAB_PROFILE"

T = TypeVar("T")


class Profile(StrEnum):
    """The two lengths of a run."""

    FULL = "full"
    CI = "ci"


def profile(environ: Mapping[str, str] | None = None) -> Profile:
    """What ``LAB_PROFILE`` asks for; ``full`` where it is not set.

    Args:
        environ: where the variable is read; default the process's environment.

    Raises:
        InvalidParameter: it holds another word.
    """
    asked = (os.environ if environ is None else environ).get(VARIABLE) or Profile.FULL
    try:
        return Profile(asked)
    except ValueError as error:
        raise InvalidParameter(
            f"{VARIABLE}={asked}",
            f"one of {', '.join(Profile)}",
            f"set {VARIABLE} to one of these, or unset it for full runs",
        ) from error


def by_profile(full: T, ci: T) -> T:
    """``full`` for a reader, ``ci`` where runs are shortened.

    Raises:
        InvalidParameter: ``LAB_PROFILE`` holds an unknown word.
    """
    return ci if profile() is Profile.CI else full
