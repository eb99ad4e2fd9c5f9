"""Spans of sound that are filled: padded, merged, never beyond the ends, and nothing is cut."""

import numpy as np
import pytest

from lab_kit.privacy.sound import PAD_S, Fill, covered

SECOND = 16_000
SOUND = np.full(3 * SECOND, 0.5, np.float32)


def filled(*spans_s: tuple[float, float]) -> list[tuple[float, float]]:
    """Where the sound is not what it was, in seconds."""
    changed = np.flatnonzero(covered(SOUND, spans_s) != SOUND)
    breaks = np.flatnonzero(np.diff(changed) > 1) + 1
    return [
        (round(part[0] / SECOND, 3), round(part[-1] / SECOND, 3))
        for part in np.split(changed, breaks)
        if len(part)
    ]


def test_a_span_is_silent_with_its_pad_and_nothing_else_is() -> None:
    done = covered(SOUND, [(1.0, 1.5)])
    assert filled((1.0, 1.5)) == [(1.0 - PAD_S, 1.5 + PAD_S)]
    assert not done[SECOND : SECOND + SECOND // 2].any()
    assert len(done) == len(SOUND)
    assert done.dtype == np.float32
    assert (SOUND == 0.5).all(), "the caller's own is left alone"


def test_spans_that_touch_are_one_whatever_their_order() -> None:
    assert filled((2.0, 2.2), (1.0, 1.4), (1.45, 1.6)) == [(0.95, 1.65), (1.95, 2.25)]
    assert filled((1.0, 2.0), (1.2, 1.3)) == [(0.95, 2.05)]


@pytest.mark.parametrize(
    ("span", "left"),
    [
        ((-1.0, 0.1), [(0.0, 0.15)]),
        ((2.9, 9.0), [(2.85, 3.0)]),
        ((5.0, 6.0), []),
    ],
)
def test_what_lies_beyond_the_ends_is_cut_off(
    span: tuple[float, float], left: list[tuple[float, float]]
) -> None:
    assert filled(span) == left


def test_a_tone_is_as_long_and_hides_what_was_there() -> None:
    done = covered(SOUND, [(1.0, 2.0)], Fill.TONE)
    inside = done[SECOND : 2 * SECOND]
    spectrum = np.abs(np.fft.rfft(inside))
    assert np.argmax(spectrum) == 1_000
    assert abs(inside.mean()) < 0.01, "nothing of the sound is left under it"
    assert np.abs(inside).max() < 0.2


def test_nothing_to_cover_changes_nothing() -> None:
    assert (covered(SOUND, []) == SOUND).all()
    assert len(covered(np.zeros(0, np.float32), [(0.0, 1.0)])) == 0
