"""The times of characters: equal parts of what was measured, without a gap."""

import pytest

from lab_kit.protocol.character_times import PieceTimes

EDGE_S = 1e-9


def test_silence_is_for_what_is_silent() -> None:
    piece = PieceTimes("  ", "Go!", "\n", quiet_s=0.2, voice_s=0.6, rest_s=0.4)
    told = piece.characters_from(10.0)
    assert told.characters == [" ", " ", "G", "o", "!", "\n"]
    assert told.starts_s == pytest.approx([10.0, 10.1, 10.2, 10.4, 10.6, 10.8], abs=EDGE_S)
    assert told.ends_s == pytest.approx([10.1, 10.2, 10.4, 10.6, 10.8, 11.2], abs=EDGE_S)


def test_where_nothing_is_silent_the_nearest_has_the_silence() -> None:
    piece = PieceTimes("", "Go", "", quiet_s=0.2, voice_s=0.4, rest_s=0.4)
    told = piece.characters_from(0.0)
    assert told.starts_s == pytest.approx([0.0, 0.4], abs=EDGE_S)
    assert told.ends_s == pytest.approx([0.4, 1.0], abs=EDGE_S)
    assert piece.duration_s == pytest.approx(1.0)
