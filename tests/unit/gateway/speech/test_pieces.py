"""A text in pieces: all of it, in order, none too long, the first one soon."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.gateway.speech.pieces import FIRST, LONGEST, between, pieces

READABLE = st.text(st.sampled_from("ab c.!?,;:\n\"'—…é 1"), max_size=900)


def bare(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


@given(READABLE)
@settings(max_examples=300, deadline=None, database=None)
def test_nothing_that_can_be_said_is_lost_or_said_twice(text: str) -> None:
    found = list(pieces(text))
    assert bare("".join(found)) == bare(text)
    assert all(len(piece) <= LONGEST for piece in found)
    assert all(bare(piece) for piece in found)
    assert not found or len(found[0]) <= FIRST


@given(READABLE)
@settings(max_examples=300, deadline=None, database=None)
def test_what_lies_between_the_pieces_is_kept(text: str) -> None:
    found = list(pieces(text))
    parts = list(between(text, found))
    assert "".join(before + said + behind for before, said, behind in parts) == text * bool(found)
    for (before, said, behind), piece in zip(parts, found, strict=True):
        assert " ".join(said.split()) == piece
        assert not bare(before + behind)
    assert not any(before for before, _, _ in parts[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "no." Then he left.', ['He said "no.', "Then he left."]),
        ("No end", ["No end"]),
        ("First\n\nSecond", ["First", "Second"]),
        ("It is 3.5 at 9.30", ["It is 3.5 at 9.30"]),
        ("... !", []),
        ("", []),
    ],
)
def test_sentences_are_pieces(text: str, expected: list[str]) -> None:
    assert list(pieces(text)) == expected


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    text = "It was the best of times, it was the worst of times, " * 8
    found = list(pieces(text))
    assert all(piece.endswith(",") for piece in found[:-1])


def test_what_has_no_gap_is_cut_all_the_same() -> None:
    assert "".join(pieces("x" * 1_000)) == "x" * 1_000
