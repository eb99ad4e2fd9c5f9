"""How long to wait before a sentence counts as over: people cut off against people kept waiting.

The lab's own endpointer runs over real voice-activity windows of real clips, once for each length
of silence, without waiting for the sound; where sentences and pauses are is known from the words.
It may be told by Smart Turn whether what was said sounds finished: then there are two silences.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from lab_kit.audio.detect.endpointing import Endpointer, Mark
from lab_kit.audio.detect.vad import SpeechScorer, VoiceActivity, Window
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip, Word
from lab_kit.experiments.sound.detectors import default_scorers
from lab_kit.models.smart_turn import HEARD_S, open_smart_turn
from lab_kit.models.store.store import ModelStore

SILENCES_S = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
FINISHED_S, UNFINISHED_S = 0.2, (0.6, 1.0)
"""Silence after what sounds finished, and silences to try after what does not."""
FINISHED_PROBABILITY = 0.5
JUDGED_S = 0.04
"""From the pause until it is judged: about what a judgement takes on one core."""
SHORTEST_PAUSE_S = 0.1
"""Shorter gaps between words are part of the words: a stop consonant holds its breath as long."""
TAIL_S = 3.0
"""Quiet after each clip, longer than any silence that is waited for."""
_SENTENCE_ENDS = (".", "?", "!")
_EDGE_S = 0.15
"""An endpoint may be placed so much before the true end and still be that end."""


@dataclass(frozen=True, slots=True)
class SilenceReport:
    """One length of silence, or two.

    Attributes:
        silence_s: that ends a sentence; with ``unfinished_s``, one that sounds finished.
        pauses: pauses inside sentences.
        cut: those that were taken for the sentence's end.
        sentences, sentences_cut: sentences in all, and those with at least one such pause.
        merged: sentences that got no end of their own, because the next began too soon.
        waits_s: from each sentence's true end until it was declared.
        unfinished_s: silence that ends one which sounds unfinished; None where nobody judges.
    """

    silence_s: float
    pauses: int
    cut: int
    sentences: int
    sentences_cut: int
    merged: int
    waits_s: tuple[float, ...]
    unfinished_s: float | None = None

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
    found = []
    for silence_s in silences_s:
        ends = [endpoints_s(each, Endpointer(samples(silence_s))) for each in windows]
        found.append(_report(clips, ends, silence_s))
    return found


def compare_turns(
    clips: Sequence[Clip],
    unfinished_s: Sequence[float] = UNFINISHED_S,
    new_scorer: Callable[[], SpeechScorer] | None = None,
    completeness: Callable[[FloatArray], float] | None = None,
) -> list[SilenceReport]:
    """Run it with `FINISHED_S` where a sentence sounds finished, and longer silences elsewhere.

    Args:
        completeness: the probability that sound, (samples,) at 16 kHz, ends where somebody has
            finished; Smart Turn's where none is given.

    Raises:
        ModelStoreError: Silero's or Smart Turn's weights are missing, and nothing was given.
    """
    make = new_scorer or default_scorers()["silero"]
    asked = completeness or _smart_turn()
    windows = [windows_of(clip, make()) for clip in clips]
    judges = [_judge_of(with_quiet(clip), asked) for clip in clips]
    found = []
    for longer_s in unfinished_s:
        ends = [
            endpoints_s(each, Endpointer(samples(FINISHED_S), samples(longer_s)), judge)
            for each, judge in zip(windows, judges, strict=True)
        ]
        found.append(_report(clips, ends, FINISHED_S, longer_s))
    return found


def _smart_turn() -> Callable[[FloatArray], float]:
    return open_smart_turn(ModelStore().path("smart-turn")["smart-turn-v3.2-cpu.onnx"]).completeness


def _judge_of(
    audio: FloatArray, completeness: Callable[[FloatArray], float]
) -> Callable[[int], bool]:
    """Whether what was said up to a sample of a clip sounds finished; asked once for each."""

    @cache
    def judge(sample: int) -> bool:
        heard = audio[max(0, sample - samples(HEARD_S)) : sample]
        return completeness(heard) >= FINISHED_PROBABILITY

    return judge


def with_quiet(clip: Clip) -> FloatArray:
    """A clip's samples and quiet after them."""
    # not digital silence: no line is, and a level of minus infinity would mislead the noise floor
    hiss = np.random.default_rng(0).normal(0, 1e-4, samples(TAIL_S)).astype(np.float32)
    return np.concatenate([clip.samples, hiss])


def windows_of(clip: Clip, scorer: SpeechScorer) -> list[Window]:
    """A clip and quiet after it, as the live session labels them."""
    return VoiceActivity(scorer).push(with_quiet(clip))


def endpoints_s(
    windows: Sequence[Window], endpointer: Endpointer, judge: Callable[[int], bool] | None = None
) -> list[tuple[float, float]]:
    """Each endpoint: where the end was placed, and when that was declared.

    Args:
        judge: whether what was said up to a sample sounds finished; known `JUDGED_S` later.
    """
    found: list[tuple[float, float]] = []
    asked: int | None = None
    for window in windows:
        mark = endpointer.push(window)
        if mark is not None and mark.mark is Mark.PAUSE:
            asked = window.end_sample
        elif mark is not None:
            asked = None
        is_judged = asked is not None and window.end_sample - asked >= samples(JUDGED_S)
        if judge is not None and asked is not None and is_judged:
            endpointer.judged(judge(asked))
            asked = None
        end = endpointer.heard_until(window.end_sample)
        if end is not None:
            found.append((end.at_sample / SAMPLE_RATE_HZ, window.end_sample / SAMPLE_RATE_HZ))
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
    clips: Sequence[Clip],
    found: Sequence[Sequence[tuple[float, float]]],
    silence_s: float,
    unfinished_s: float | None = None,
) -> SilenceReport:
    """Count.

    Args:
        found: each clip's endpoints; see `endpoints_s`.
    """
    pauses = cut = count = with_cuts = merged = 0
    waits_s: list[float] = []
    for clip, ends in zip(clips, found, strict=True):
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
    return SilenceReport(
        silence_s, pauses, cut, count, with_cuts, merged, tuple(waits_s), unfinished_s
    )


def _lies_in(end: tuple[float, float], gap: tuple[float, float]) -> bool:
    """Whether an endpoint was placed in a pause."""
    return gap[0] - _EDGE_S <= end[0] <= gap[1]
