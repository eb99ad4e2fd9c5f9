"""Cutting a stream into the detector's windows, whatever the chunks were."""

import numpy as np
import pytest

from lab_kit.audio.detect.vad import WINDOW_SAMPLES, VoiceActivity, Window
from lab_kit.audio.pcm import FloatArray


class Remembering:
    """A scorer that notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[FloatArray] = []

    def score(self, windows: FloatArray) -> list[float]:
        before = len(self.shown)
        self.shown += [window.copy() for window in windows]
        return [n / 1_000 for n in range(before + 1, len(self.shown) + 1)]


def windows_of(audio: FloatArray, chunk: int) -> tuple[list[Window], Remembering]:
    scorer = Remembering()
    activity = VoiceActivity(scorer)
    windows: list[Window] = []
    for start in range(0, len(audio), chunk):
        windows += activity.push(audio[start : start + chunk])
    return windows, scorer


@pytest.mark.parametrize("chunk", [1, 160, 512, 513, 16_000])
def test_windows_do_not_depend_on_the_chunks(chunk: int) -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 5_000).astype(np.float32)
    windows, scorer = windows_of(audio, chunk)
    assert windows == windows_of(audio, 5_000)[0]
    whole = 5_000 // WINDOW_SAMPLES
    assert [w.end_sample for w in windows] == [512 * n for n in range(1, whole + 1)]
    assert [w.start_sample for w in windows] == [512 * n for n in range(whole)]
    assert np.array_equal(np.concatenate(scorer.shown), audio[: whole * 512])
