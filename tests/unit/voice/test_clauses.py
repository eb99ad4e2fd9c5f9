"""Where a text that is being written is cut to be spoken."""

from lab_kit.voice.clauses import LONGEST, Clauses


def cut(text: str, size: int = 3) -> list[str]:
    clauses, pieces = Clauses(), []
    for start in range(0, len(text), size):
        if (piece := clauses.push(text[start : start + size])) is not None:
            pieces.append(piece)
    rest = clauses.finish()
    return pieces if rest is None else [*pieces, rest]


def test_the_first_piece_ends_at_a_comma_and_others_at_sentences() -> None:
    said = "To boil an egg, heat water, then wait. It takes ten minutes, or so."
    assert cut(said) == [
        "To boil an egg,",
        "heat water, then wait.",
        "It takes ten minutes, or so.",
    ]


def test_one_word_alone_is_no_first_clause_but_a_sentence_is() -> None:
    assert cut("Yes, of course, sir.") == ["Yes, of course,", "sir."]
    assert cut("Yes. Of course.") == ["Yes.", "Of course."]


def test_a_mark_inside_a_word_ends_nothing() -> None:
    for said in ("It costs 3.50 today.", "We open at 10:30 today.", "It has 1,000 rooms."):
        assert [cut(said, size) for size in (1, 2, 3, 50)] == [[said]] * 4


def test_nothing_that_cannot_be_spoken_is_a_piece() -> None:
    assert cut("... ") == []
    assert cut("") == []


def test_a_text_without_ends_is_cut_at_a_space() -> None:
    pieces = cut("word " * 100)
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 100
