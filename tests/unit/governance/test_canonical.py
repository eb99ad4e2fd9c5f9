"""A value has one form, which other languages give it too; what has several is refused."""

import json

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.governance.canonical import LARGEST, canonical


def test_texts_are_written_as_the_standard_writes_them() -> None:
    """[Source: RFC 8785, 3.2.2, the string of its example, and what it becomes.]"""
    sent = json.loads(r'"\u20ac$\u000F\u000aA' + "'" + r'\u0042\u0022\u005c\\\"\/"')
    assert canonical(sent) == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_names_are_in_order_and_nothing_stands_between() -> None:
    value = {"b": [1, None, "x"], "a": {"d": -5, "c": ""}}
    assert canonical(value) == b'{"a":{"c":"","d":-5},"b":[1,null,"x"]}'


@pytest.mark.parametrize("character", [*map(chr, range(0x20)), "\x7f", "\u2028", "ü", "😀"])
def test_every_character_comes_back_and_none_breaks_the_line(character: str) -> None:
    written = canonical({"text": character})
    assert b"\n" not in written
    assert json.loads(written) == {"text": character}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0.5, "0.5"),
        (1.0, "1.0"),
        (True, "True"),
        (LARGEST + 1, "number"),
        (-LARGEST - 1, "number"),
        ("\ud800", "half of a character"),
        ({"ä": 1}, "name"),
        ({1: "x"}, "name"),
        ([{"a": [float("nan")]}], "nan"),
        (b"bytes", "bytes"),
        ({"a": {1, 2}}, "set"),
    ],
)
def test_what_has_no_one_form_is_refused(value: object, says: str) -> None:
    with pytest.raises(InvalidParameter, match=says):
        canonical(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [0, -1, LARGEST, -LARGEST])
def test_whole_numbers_are_written_plainly(number: int) -> None:
    assert canonical(number) == str(number).encode()
