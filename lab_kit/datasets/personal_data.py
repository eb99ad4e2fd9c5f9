"""Sentences as people say them on the telephone, with the personal data in them marked.

All persons and numbers are made up: telephone numbers of the range for fiction, cards of the
published test numbers. A quarter of the sentences have nothing personal and look as if they had:
prices, years, counts, streets in stories. 195 were written before the rules that look for such
data, then parted at random into halves: one to tune by, which grew by fifty sentences since, and
one that is held out to measure with, and that nobody read while the rules were tuned.

`names_from_elsewhere` are others: names that are rare in the United States, mostly with nothing
that announces them, and places, makes and dishes that no person is called by. No rule was tuned by
them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lab_kit.core.personal_data import PersonalKind, PersonalSpan

_FILE = "personal_data.txt"
_NAMES_FILE = "personal_names.txt"
_HELD_OUT = "# held out"
_PART = re.compile(r"<(?P<kind>\w+)>(?P<said>[^<]*)</(?P=kind)>|[^<]+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        text: as it is said.
        spans: what in it is personal, in order.
    """

    text: str
    spans: tuple[PersonalSpan, ...]
    is_held_out: bool


def sentences(*, is_held_out: bool | None = None) -> tuple[Sentence, ...]:
    """The sentences, in the order of their file.

    Args:
        is_held_out: only those to measure with (True), or only those to tune by (False).
    """
    return tuple(one for one in _all() if is_held_out in (None, one.is_held_out))


@cache
def names_from_elsewhere() -> tuple[Sentence, ...]:
    """Sentences with such names, and without; all of them to measure with."""
    lines = files("lab_kit.datasets").joinpath(_NAMES_FILE).read_text("utf-8").splitlines()
    return tuple(_sentence(line, True) for line in lines if not line.startswith("#"))


@cache
def _all() -> tuple[Sentence, ...]:
    return tuple(_read(files("lab_kit.datasets").joinpath(_FILE).read_text("utf-8")))


def _read(content: str) -> Iterator[Sentence]:
    is_held_out = False
    for line in content.splitlines():
        if line.startswith("#"):
            is_held_out = line == _HELD_OUT
        else:
            yield _sentence(line, is_held_out)


def _sentence(line: str, is_held_out: bool) -> Sentence:
    text, spans = "", []
    for part in _PART.finditer(line):
        said = part["said"] if part["kind"] else part.group()
        if part["kind"]:
            kind = PersonalKind(part["kind"])
            spans.append(PersonalSpan(kind, len(text), len(text) + len(said)))
        text += said
    return Sentence(text, tuple(spans), is_held_out)
