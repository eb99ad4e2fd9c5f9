"""A clip: audio with its words and the instants at which they are spoken.

The times are the ground truth that delays are measured from, so they come from the text and the
sound (see ``datasets/README.md``), never from a voice activity detector under test.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from lab_kit.core.errors import InvalidParameter

# a pause from this length on separates two utterances in ``Clip.speech_spans_s``;
# it is the lab's default endpointing silence
DEFAULT_PAUSE_S = 0.2
_INT16_FULL_SCALE = 32_768.0


class Kind(StrEnum):
    """Who speaks: a person in a recording, or the local synthesizer."""

    REAL = "real"
    SYNTHESIZED = "synthesized"


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, and when it sounds, in seconds from the clip's first sample."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words without a long pause between them; ``end_s`` is where the last one falls silent."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """One entry of the manifest, built and checked.

    Args:
        id: what ``datasets.clip`` takes.
        text: the exact transcript, with case and punctuation.
        kind: real or synthesized.
        duration_s: length of the audio, leading and trailing quiet included.
        sample_rate_hz: 16,000 for every clip.
        words: each word of ``text`` with its times.
        source: where the sound comes from.
        licence: of the sound.
        sha256: of the samples as little-endian 16-bit PCM.
        how_made: what was done to the source, in one or two sentences.
        is_held_out: True for the single utterances meant for benchmarks; choose no setting by them.
        path: the WAV file in the cache.
    """

    id: str
    text: str
    kind: Kind
    duration_s: float
    sample_rate_hz: int
    words: tuple[Word, ...]
    source: str
    licence: str
    sha256: str
    how_made: str
    is_held_out: bool
    path: Path

    @property
    def samples(self) -> NDArray[np.float32]:
        """The audio, read at first use: (samples,) float32 in [-1, 1) at ``sample_rate_hz``.

        The array is shared and read-only; copy it to change it.
        """
        return _read_samples(self.path)

    @property
    def pcm16(self) -> bytes:
        """The same audio as little-endian signed 16-bit PCM."""
        return read_pcm(self.path).tobytes()

    @property
    def speech_spans_s(self) -> tuple[tuple[float, float], ...]:
        """Onset and end of each utterance at the default pause of 0.2 s."""
        return tuple((span.start_s, span.end_s) for span in self.utterances())

    def utterances(self, min_silence_s: float = DEFAULT_PAUSE_S) -> tuple[Utterance, ...]:
        """Group the words by the pauses between them.

        Args:
            min_silence_s: a pause of this length or longer separates two utterances.

        Raises:
            InvalidParameter: ``min_silence_s`` is not positive.
        """
        if min_silence_s <= 0:
            raise InvalidParameter(
                received=f"a pause of {min_silence_s} s",
                expected="more than 0 s",
                next_step="use the endpointing silence that you measure with, such as 0.2",
            )
        return tuple(_utterance(group) for group in _groups(self.words, min_silence_s))


def read_pcm(path: Path) -> NDArray[np.int16]:
    """Read a mono WAV: (samples,) int16."""
    pcm, _ = soundfile.read(path, dtype="int16")
    return np.asarray(pcm, dtype=np.int16)


@lru_cache(maxsize=64)
def _read_samples(path: Path) -> NDArray[np.float32]:
    samples = (read_pcm(path) / _INT16_FULL_SCALE).astype(np.float32)
    samples.flags.writeable = False
    return samples


def _groups(words: tuple[Word, ...], min_silence_s: float) -> Iterator[tuple[Word, ...]]:
    group: list[Word] = []
    for word in words:
        # rounded, since 0.55 - 0.35 is a hair less than the 0.2 that it means
        if group and round(word.start_s - group[-1].end_s, 6) >= min_silence_s:
            yield tuple(group)
            group = []
        group.append(word)
    if group:
        yield tuple(group)


def _utterance(words: tuple[Word, ...]) -> Utterance:
    text = " ".join(word.text for word in words)
    return Utterance(text, words[0].start_s, words[-1].end_s, words)
