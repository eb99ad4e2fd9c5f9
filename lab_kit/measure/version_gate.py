"""Whether a new version may take an old one's place, by the words it hears wrong.

Both versions hear the same sounds, so their errors are compared clip by clip: what is hard for both
takes no part in the difference. How far chance reaches is found by the bootstrap: the clips are
drawn again, as many as there are and some of them twice, and the difference is computed of each
draw. Drawn are clips, with all the conditions that one was heard in, because a clip in two noises
is not two clips.

Sources: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
evaluation", ICASSP 2004. Liu and Peng, "Statistical testing on ASR performance via blockwise
bootstrap", Interspeech 2020, arXiv:1912.09508.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lab_kit.measure.percentiles import percentile

LEAST_CLIPS = 8
"""With fewer, the draws repeat a handful of values, and the interval comes out too narrow."""
MOST_RESAMPLES = 100_000
_AT_ONCE = 100
"""Draws in memory: a number for each of them and each clip."""
_MOST_FACTOR = 100
"""A test set that would have to grow beyond this decides nothing in practice."""
ALL = "all"
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VersionPair:
    """One sound, heard by both versions.

    Attributes:
        clip: what is drawn together; the same in all its conditions.
        voice, noise: the groups it belongs to.
        words: that were said.
        old_errors, new_errors: of either version.
    """

    clip: str
    voice: str
    noise: str
    words: int
    old_errors: int
    new_errors: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more the new version hears wrong, in one group.

    Attributes:
        group: `ALL`, or a voice, or a noise.
        clips, words: that it rests on; a clip in several noises counts once, its words each time.
        changed: clips of which the two have not the same number of errors.
        old, new: word error rates.
        low, high: of ``difference``, at ``confidence``; None where the clips are too few.
        confidence: of the interval; more for one of several groups, so that all together have
            what was asked for [Source: Bonferroni's inequality].
    """

    group: str
    clips: int
    words: int
    changed: int
    old: float
    new: float
    low: float | None
    high: float | None
    confidence: float

    @property
    def difference(self) -> float:
        """New less old, in errors a word: above 0 the new one is worse."""
        return self.new - self.old


class Gate(StrEnum):
    """What is done with the new version."""

    SHIP = "ship"
    HOLD = "hold"
    ASK = "ask"
    """The clips do not decide; a person does, or more clips."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says.

    Attributes:
        reason: one sentence, with the figures it rests on.
        more_clips: about how many more would decide, if the difference stays as it is, or are
            missing for an interval; None where that is no question, or no number that anybody would
            record.
    """

    gate: Gate
    reason: str
    more_clips: int | None = None


def differences(
    pairs: Sequence[VersionPair], *, resamples: int, seed: int, confidence: float = 0.95
) -> list[Difference]:
    """The difference over all, then by voice, then by noise.

    Args:
        resamples: draws; 2,000 place the ends of a 95 % interval well enough.
        seed: the same one draws the same.
        confidence: of the interval over all, and of those of the groups taken together.

    Raises:
        ValueError: no pairs, or a number that makes no sense.
    """
    if not pairs:
        raise ValueError("no sound was heard by both versions, so there is nothing to compare")
    if not (1 <= resamples <= MOST_RESAMPLES and 0 < confidence < 1):
        raise ValueError(
            f"{resamples} resamples at {confidence}; expected: 1 to {MOST_RESAMPLES}, inside (0, 1)"
        )
    if any(pair.words < 1 or min(pair.old_errors, pair.new_errors) < 0 for pair in pairs):
        raise ValueError("a pair without words, or with fewer errors than none")
    groups = [*_grouped(pairs, lambda one: one.voice), *_grouped(pairs, lambda one: one.noise)]
    each = 1 - (1 - confidence) / max(1, len(groups))
    return [
        _difference(ALL, pairs, resamples, seed, confidence),
        *(_difference(name, some, resamples, seed, each) for name, some in groups),
    ]


def decide(found: Sequence[Difference], allowance: float) -> Decision:
    """Ship, hold or ask.

    Over all clips the whole interval has to lie within the allowance. A group stops the version
    where its whole interval lies beyond; where only its difference does, a person is asked.

    Args:
        found: as `differences` gives them.
        allowance: what the new version may hear wrong more, in errors a word. Below 0 it has to be
            better over all; a single group then must not be worse.

    Raises:
        ValueError: nothing was compared.
    """
    if not found:
        raise ValueError("nothing was compared, so nothing can be decided")
    whole, groups = found[0], found[1:]
    of_group = max(allowance, 0.0)
    for one, allowed in ((whole, allowance), *((one, of_group) for one in groups)):
        if one.low is not None and one.low > allowed:
            return Decision(Gate.HOLD, f"{_told(one)}: all of it beyond {points(allowed)}")
    if whole.high is None:
        return _asked(_told(whole), whole, allowance)
    if whole.high > allowance:
        return _asked(f"{_told(whole)}: {points(allowance)} lies inside it", whole, allowance)
    doubtful = max(groups, key=lambda one: one.difference, default=whole)
    if groups and doubtful.difference > of_group:
        reason = f"inside over all, but {_told(doubtful)}, beyond {points(of_group)}"
        return _asked(reason, doubtful, of_group)
    if not whole.changed:
        share = 3 / whole.clips  # the rule of three: what n tries without one still allow
        may = f"{100 * share:.0f} % of all still may"
        return Decision(Gate.SHIP, f"no clip of {whole.clips} got other errors, though {may}")
    return Decision(Gate.SHIP, f"{_told(whole)}: all of it within {points(allowance)}")


def _grouped(
    pairs: Sequence[VersionPair], name: Callable[[VersionPair], str]
) -> list[tuple[str, list[VersionPair]]]:
    """By a name, in the order in which they come; a single group would say what all do."""
    names = list(dict.fromkeys(name(pair) for pair in pairs))
    if len(names) < 2:
        return []
    return [(one, [pair for pair in pairs if name(pair) == one]) for one in names]


def _difference(
    group: str, pairs: Sequence[VersionPair], resamples: int, seed: int, confidence: float
) -> Difference:
    words, old, new = _by_clip(pairs)
    low = high = None
    if len(words) >= LEAST_CLIPS:
        drawn = _drawn(words, new - old, resamples, seed)
        tail = (1 - confidence) / 2
        low, high = percentile(drawn, tail), percentile(drawn, 1 - tail)
    total = int(words.sum())
    return Difference(
        group,
        clips=len(words),
        words=total,
        changed=int((old != new).sum()),
        old=float(old.sum()) / total,
        new=float(new.sum()) / total,
        low=low,
        high=high,
        confidence=confidence,
    )


def _by_clip(pairs: Iterable[VersionPair]) -> tuple[_Counts, _Counts, _Counts]:
    """Words, old and new errors: (clips,) int64 each."""
    sums: dict[str, list[int]] = {}
    for pair in pairs:
        of_clip = sums.setdefault(pair.clip, [0, 0, 0])
        for place, count in enumerate((pair.words, pair.old_errors, pair.new_errors)):
            of_clip[place] += count
    words, old, new = np.array(list(sums.values()), np.int64).T
    return words, old, new


def _drawn(words: _Counts, more: _Counts, resamples: int, seed: int) -> list[float]:
    """The difference of each draw of as many clips as there are."""
    chance = np.random.default_rng(seed)
    clips, found = len(words), []
    for start in range(0, resamples, _AT_ONCE):
        count = min(_AT_ONCE, resamples - start)
        times = chance.multinomial(clips, np.full(clips, 1 / clips), size=count)  # (draws, clips)
        found += ((times @ more) / (times @ words)).tolist()
    return found


def _asked(reason: str, one: Difference, allowance: float) -> Decision:
    """What a person is told, with what more clips would do."""
    more = _more_clips(one, allowance)
    if one.low is None:
        then = f"an interval takes {LEAST_CLIPS} clips"
    elif more is None:
        then = "it is so near that more clips will hardly decide"
    else:
        then = f"about {more:,} clips more would decide"
    return Decision(Gate.ASK, f"{reason}; {then}", more)


def _more_clips(one: Difference, allowance: float) -> int | None:
    """Intervals narrow with the square root of the clips."""
    if one.low is None or one.high is None:
        return LEAST_CLIPS - one.clips
    gap = abs(one.difference - allowance)
    reach = one.high - one.difference if one.difference <= allowance else one.difference - one.low
    if gap * math.sqrt(_MOST_FACTOR) <= reach:
        return None
    return max(1, math.ceil(one.clips * ((reach / gap) ** 2 - 1) - 1e-6))


def _told(one: Difference) -> str:
    """The difference of a group and its interval."""
    told = f"{one.group} {points(one.difference)} word errors in 100"
    if one.low is None or one.high is None:
        return f"{told}, on {one.clips} clips"
    share = f"{100 * one.confidence:.3g} %"
    return f"{told} ({points(one.low)} to {points(one.high)}, {share} interval)"


def points(rate: float) -> str:
    """A difference in errors of 100 words, with its sign; a rounded 0 has none."""
    text = f"{100 * rate:+.1f}"
    return text.lstrip("+-") if float(text) == 0 else text
