"""What is looked for: the words, the sound and the key of one caller, in every form known for them.

A form is a row of bytes. Text is sought as UTF-8, UTF-16 and UTF-32, whatever its case; sound as
PCM16, as float32, and as PCM16 in base64; a key as it is. What a server makes of sound otherwise
is not recognized: resampled, encoded again, as features or as tokens.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from lab_kit.audio.pcm import FloatArray, to_pcm16

WINDOW_SAMPLES = 32
"""64 bytes of PCM16: what two recordings have in common only where they are one."""
WINDOWS = 6
_SMALLEST_RMS = 0.01
"""Quieter windows may be silence, which all recordings share."""
_PCM16_STEPS = 32_768.0


class Kind(StrEnum):
    """Whose nature it is."""

    TEXT = "text"
    WAVEFORM = "waveform"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that is looked for, in one form.

    Attributes:
        name: of the thing, to be shown; never a key itself.
        pattern: in lower case where ``folds``.
        folds: whether capitals and small letters are the same.
    """

    kind: Kind
    name: str
    form: str
    pattern: bytes = field(repr=False)
    folds: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.form})"


def marks_of(words: Iterable[str], audio: FloatArray, key: str) -> tuple[Mark, ...]:
    """All forms of a caller's words, sound and key.

    Args:
        audio: (samples,) float32 in [-1, 1] at 16 kHz, as it is sent as PCM16.
    """
    return (*_of_words(words), *_of_sound(audio), Mark(Kind.KEY, "key", "as it is", key.encode()))


def _of_words(words: Iterable[str]) -> Iterator[Mark]:
    for word in dict.fromkeys(one.lower() for one in words):
        forms = {
            "UTF-8": word.encode(),
            "JSON": json.dumps(word)[1:-1].encode(),
            "UTF-16": word.encode("utf-16-le"),
            "UTF-32": word.encode("utf-32-le"),
        }
        seen: set[bytes] = set()
        for form, pattern in forms.items():
            if pattern not in seen:
                seen.add(pattern)
                yield Mark(Kind.TEXT, word, form, pattern, folds=True)


def _of_sound(audio: FloatArray) -> Iterator[Mark]:
    pcm = np.frombuffer(to_pcm16(audio), "<i2")
    for start in _loud_windows(audio):
        window = pcm[start : start + WINDOW_SAMPLES]
        name = f"samples {start}–{start + WINDOW_SAMPLES - 1}"
        yield Mark(Kind.WAVEFORM, name, "PCM16", window.tobytes())
        floats = (window / _PCM16_STEPS).astype("<f4")
        yield Mark(Kind.WAVEFORM, name, "float32", floats.tobytes())
        for shift in range(3):  # where the window begins among the three bytes that make a letter
            yield Mark(Kind.WAVEFORM, name, f"base64+{shift}", _within_base64(window, shift))


def _loud_windows(audio: FloatArray) -> Sequence[int]:
    """Where windows begin that are loud, spread over the recording."""
    count = len(audio) // WINDOW_SAMPLES
    rms = np.sqrt(np.mean(audio[: count * WINDOW_SAMPLES].reshape(count, -1) ** 2, axis=1))
    loud = np.flatnonzero(rms >= _SMALLEST_RMS)
    picked = loud[np.linspace(0, len(loud) - 1, min(WINDOWS, len(loud))).astype(int)]
    return [int(one) * WINDOW_SAMPLES for one in np.unique(picked)]


def _within_base64(window: "np.ndarray[tuple[int], np.dtype[np.int16]]", shift: int) -> bytes:
    """The letters that depend on nothing but the window."""
    encoded = b64encode(bytes(shift) + window.tobytes())
    whole = (shift + len(window) * 2) // 3 * 4
    return encoded[(4 if shift else 0) : whole]
