"""How long to wait before a sentence counts as over: people cut off against people kept waiting.

The lab's own endpointer runs over real voice-activity windows of real clips, once for each length
of silence, without waiting for the sound; where sentences and pauses are is known from the words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lab_kit.audio.detect.endpointing import Endpointer, Mark
from lab_kit.audio.detect.vad import SpeechScorer, VoiceActivity, Window
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip, Word
from lab_kit.experiments.sound.detectors import default_scorers

SILENCES_S = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
SHORTEST_PAUSE_S = 0.1
"""Shorter gaps between words are part of the words: a stop consonant holds its breath as long."""
TAIL_S = 3.0
"""Quiet after each clip, longer than any silence that is waited for."""
_SENTENCE_ENDS = (".", "?", "!")
_EDGE_S = 0.15
"""An endpoint may be placed so much before the true end and still be that end."""


@dataclass(frozen=True, slots=True)
class SilenceReport:
    """One length of silence.

    Attributes:
        pauses: pauses inside sentences.
        cut: those that were taken for the sentence's end.
        sentences, sentences_cut: sentences in all, and those with at least one such pause.
        merged: sentences that got no end of their own, because the next began too soon.
        waits_s: from each sentence's true end until it was declared.
    """

    silence_s: float
    pauses: int
    cut: int
    sentences: int
    sentences_cut: int
    merged: int
    waits_s: tuple[float, ...]

    @property
    def cut_share(self) -> float:
        """Pauses taken for an end, of all pauses inside sentences."""
        return self.cut / self.pauses if self.pauses else 0.0


def compare_silences(
    clips: Sequence[Clip],
    silences_s: Sequence[float] = SILENCES_S,
    new_scorer: Callable[[], SpeechScorer] | None = None,
) -> list[SilenceReport]:
    """Run the endpointer over every clip with every silence.

    Raises:
        ModelNotLoaded: Silero's graph is not installed, and no scorer was given.
    """
    make = new_scorer or default_scorers()["silero"]
    windows = [windows_of(clip, make()) for clip in clips]
    return [_report(clips, windows, silence_s) for silence_s in silences_s]


def windows_of(clip: Clip, scorer: SpeechScorer) -> list[Window]:
    """A clip and quiet after it, as the live session labels them."""
    # not digital silence: no line is, and a level of minus infinity would mislead the noise floor
    hiss = np.random.default_rng(0).normal(0, 1e-4, samples(TAIL_S)).astype(np.float32)
    return VoiceActivity(scorer).push(np.concatenate([clip.samples, hiss]))


def endpoints_s(windows: Sequence[Window], silence_s: float) -> list[tuple[float, float]]:
    """Each endpoint: where the end was placed, and when that was declared."""
    endpointer, found = Endpointer(samples(silence_s)), []
    for window in windows:
        endpointer.push(window)
        mark = endpointer.heard_until(window.end_sample)
        if mark is not None and mark.mark is Mark.ENDPOINT:
            found.append((mark.at_sample / SAMPLE_RATE_HZ, window.end_sample / SAMPLE_RATE_HZ))
    return found


def sentences(clip: Clip) -> list[tuple[Word, ...]]:
    """The words of each sentence; a clip's end ends one, too."""
    found, words = [], []
    for word in clip.words:
        words.append(word)
        if word.text.rstrip("\"'”’").endswith(_SENTENCE_ENDS):
            found.append(tuple(words))
            words = []
    return [*found, tuple(words)] if words else found


def _report(
    clips: Sequence[Clip], windows: Sequence[Sequence[Window]], silence_s: float
) -> SilenceReport:
    pauses = cut = count = with_cuts = merged = 0
    waits_s: list[float] = []
    for clip, labelled in zip(clips, windows, strict=True):
        ends = endpoints_s(labelled, silence_s)
        told = sentences(clip)
        nexts_s = [s[0].start_s for s in told[1:]] + [float("inf")]
        for words, next_s in zip(told, nexts_s, strict=True):
            gaps = [
                (left.end_s, right.start_s)
                for left, right in pairwise(words)
                if right.start_s - left.end_s >= SHORTEST_PAUSE_S
            ]
            taken = [gap for gap in gaps if any(_lies_in(end, gap) for end in ends)]
            own = [at_s for end_s, at_s in ends if words[-1].end_s - _EDGE_S <= end_s < next_s]
            pauses, cut, count = pauses + len(gaps), cut + len(taken), count + 1
            with_cuts += bool(taken)
            merged += not own
            waits_s += [own[0] - words[-1].end_s] if own else []
    return SilenceReport(silence_s, pauses, cut, count, with_cuts, merged, tuple(waits_s))


def _lies_in(end: tuple[float, float], gap: tuple[float, float]) -> bool:
    """Whether an endpoint was placed in a pause."""
    return gap[0] - _EDGE_S <= end[0] <= gap[1]
