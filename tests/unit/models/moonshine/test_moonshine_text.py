"""What the model spells and nobody spoke is taken away; what somebody may have said is not."""

import pytest

from lab_kit.models.moonshine.model import read_vocabulary, tidy


@pytest.mark.parametrize(
    ("spelled", "shown"),
    [
        ("\"'It was the age of wisdom,", "It was the age of wisdom,"),
        ("In short,,", "In short,"),
        ('"Yes," he said.', '"Yes," he said.'),
        ("'tis the season'", "'tis the season'"),
        ("Well... yes", "Well... yes"),
        ("", ""),
    ],
)
def test_marks_without_a_partner_go(spelled: str, shown: str) -> None:
    assert tidy(spelled) == shown


def test_a_vocabulary_is_pieces_after_their_lengths() -> None:
    long_piece = b"x" * 300
    data = b"\x02ab" + b"\x00" + bytes([300 % 128 + 128, 300 // 128]) + long_piece
    assert read_vocabulary(data) == [b"ab", b"", long_piece]
