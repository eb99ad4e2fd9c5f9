"""Clips made by hand: tones where words are, so that no recording and no model is needed."""

from pathlib import Path

import numpy as np
import soundfile

from lab_kit.datasets import Clip, Kind, Word

RATE = 16_000


def clip(folder: Path, words: tuple[Word, ...], seconds: float, name: str = "made") -> Clip:
    """A hiss with a buzz of 150 Hz at each word; written as a WAV, which is what a clip reads."""
    audio = np.random.default_rng(1).normal(0, 1e-3, round(seconds * RATE))
    buzz = np.sign(np.sin(2 * np.pi * 150 * np.arange(len(audio)) / RATE)) * 0.2
    for word in words:
        audio[round(word.start_s * RATE) : round(word.end_s * RATE)] += buzz[
            round(word.start_s * RATE) : round(word.end_s * RATE)
        ]
    path = folder / f"{name}.wav"
    soundfile.write(path, audio.astype(np.float32), RATE, subtype="PCM_16")
    text = " ".join(word.text for word in words)
    return Clip(name, text, Kind.REAL, seconds, RATE, words, "", "", "", "", False, path)
