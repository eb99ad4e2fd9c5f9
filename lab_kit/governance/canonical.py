"""One way to write a value as bytes, so that its hash means the value.

The JSON Canonicalization Scheme [Source: RFC 8785], as far as records need it: texts, whole
numbers, nothing, and lists and objects of these. Fractions are refused: how they are written
differs between languages, and a record in whole milliseconds needs none. Names are ASCII, for which
the order by UTF-16 units that the scheme asks for is Python's own.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias, Union

from lab_kit.core.errors import InvalidParameter

Value: TypeAlias = Union[str, int, "Sequence[Value]", "Mapping[str, Value]", None]
LARGEST = 2**53 - 1
"""Whole numbers beyond it are not the same in every language [Source: RFC 7493, 2.2]."""


def canonical(value: Value) -> bytes:
    """The value as UTF-8, without a line break.

    Raises:
        InvalidParameter: it holds something else than the above.
    """
    _check(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _refusal("half of a character") from error


def _check(value: object) -> None:
    if isinstance(value, bool | float):  # a bool is an int in Python, and none in a record
        raise _refusal(f"{value!r}")
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise _refusal(f"the number {value}")
    elif isinstance(value, dict):
        for name, part in value.items():
            if not isinstance(name, str) or not name.isascii():
                raise _refusal(f"the name {name!r}")
            _check(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _check(part)
    elif value is not None and not isinstance(value, str):
        raise _refusal(f"a {type(value).__name__}")


def _refusal(received: str) -> InvalidParameter:
    return InvalidParameter(
        f"{received[:80]} in a record",
        f"texts, whole numbers up to {LARGEST:,}, nothing, lists and objects with ASCII names",
        "write fractions as whole milliseconds, and yes or no as a word",
    )
