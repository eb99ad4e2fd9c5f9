"""Pauses between words make utterances; audio is read when it is asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets.clips import Clip, Kind, Word

WORDS = (
    Word("One,", 0.50, 0.80),
    Word("two.", 0.80, 1.10),
    Word("Three,", 1.30, 1.60),  # after 0.20 s, which floats make a hair less
    Word("four.", 2.10, 2.40),  # after 0.50 s
)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    pcm = np.array([0, 16_384, -32_768, 32_767], dtype=np.int16)
    soundfile.write(tmp_path / "clip.wav", pcm, 16_000, subtype="PCM_16")
    return Clip(
        id="c", text="One, two. Three, four.", kind=Kind.REAL, duration_s=4 / 16_000,
        sample_rate_hz=16_000, words=WORDS, source="here", licence="ours", sha256="",
        how_made="by hand", is_held_out=False, path=tmp_path / "clip.wav",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("min_silence_s", "texts"),
    [
        (0.1, ["One, two.", "Three,", "four."]),
        (0.2, ["One, two.", "Three,", "four."]),
        (0.3, ["One, two. Three,", "four."]),
        (0.6, ["One, two. Three, four."]),
    ],
)
def test_utterances_follow_the_silence(clip: Clip, min_silence_s: float, texts: list[str]) -> None:
    utterances = clip.utterances(min_silence_s)
    assert [utterance.text for utterance in utterances] == texts
    assert utterances[0].start_s == 0.50
    assert utterances[-1].end_s == 2.40
    assert tuple(word for utterance in utterances for word in utterance.words) == WORDS


def test_speech_spans_use_the_default_pause(clip: Clip) -> None:
    assert clip.speech_spans_s == ((0.50, 1.10), (1.30, 1.60), (2.10, 2.40))


def test_no_words_no_utterances(clip: Clip) -> None:
    assert replace(clip, words=()).utterances() == ()


@pytest.mark.parametrize("min_silence_s", [0.0, -0.1])
def test_a_pause_must_last(clip: Clip, min_silence_s: float) -> None:
    with pytest.raises(InvalidParameter, match="more than 0 s"):
        clip.utterances(min_silence_s)


def test_samples_and_bytes_are_the_same_audio(clip: Clip) -> None:
    assert clip.samples.dtype == np.float32
    assert clip.samples.tolist() == pytest.approx([0.0, 0.5, -1.0, 32_767 / 32_768])
    assert clip.pcm16 == np.array([0, 16_384, -32_768, 32_767], dtype="<i2").tobytes()


def test_shared_samples_cannot_be_changed(clip: Clip) -> None:
    with pytest.raises(ValueError, match="read-only"):
        clip.samples[0] = 1.0
