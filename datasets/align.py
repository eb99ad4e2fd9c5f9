"""When each word sounds: forced alignment with PocketSphinx, checked against the sound itself.

The aligner is given the words and finds their borders with its acoustic model. Where speech meets
quiet its answer is compared with the level in two ways, and the nearer of them wins if it differs
from the aligner by more than ``MAX_DISAGREEMENT_S``. Needs the dev extra; the results are
committed, so nobody else needs to run this.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets.sound import FRAME_SAMPLES, Pcm, frame_levels_dbfs

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
# Three frames. The aligner's own window is 25.6 ms, so agreement closer than this means nothing.
MAX_DISAGREEMENT_S = 0.03
# Speech is what is this far above the recording's quiet, whose 10 ms levels spread by ±5 dB.
SPEECH_ABOVE_QUIET_DB = 8.0
# Quiet inside a word: a stop's closure lasts up to 0.1 s, so shorter quiet ends nothing.
MIN_QUIET_BEFORE_S = 0.06
MIN_QUIET_AFTER_S = 0.12
MIN_PAUSE_S = 0.15
# An aligner further off than this has lost its way, and a human must look.
MAX_CORRECTION_S = 0.5


@dataclass(frozen=True, slots=True)
class Timed:
    """One written word with its times in seconds from the start of what was aligned."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """The result for one phrase, with both opinions on where it begins and ends.

    ``onset_rule`` and ``end_rule`` are ``aligner`` or ``energy``: whose figure ``words`` holds.
    """

    words: tuple[Timed, ...]
    aligned_by: str
    aligner_onset_s: float
    aligner_end_s: float
    energy_onset_s: float
    energy_end_s: float
    onset_rule: str
    end_rule: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """How loud a recording is when nobody speaks: plainly, and after a first difference."""

    level_dbfs: float
    bright_dbfs: float


def align(pcm: Pcm, text: str, quiet: Quiet, spoken: Mapping[str, str]) -> Aligned:
    """Time the words of one phrase.

    Args:
        pcm: (samples,) int16 at 16 kHz, with some quiet before and after the phrase.
        text: as printed.
        quiet: of the recording, from ``quiet_of``.
        spoken: how words are said that the dictionary cannot know, such as numbers.

    Raises:
        ValueError: the aligner fails, or is too far from the sound to be corrected.
    """
    tokens = [_say(word, spoken) for word in _words(text)]
    timed, aligned_by = _align_tokens(pcm, [token for group in tokens for token in group])
    raw = _regroup(_words(text), tokens, timed)
    witnesses = _witnesses(pcm, quiet)
    energy_onset_s = _nearest(raw[0].start_s, [_onset_s(w, raw[0].start_s) for w in witnesses])
    energy_end_s = _nearest(raw[-1].end_s, [_end_s(w, raw[-1].end_s) for w in witnesses])
    onset_s, onset_rule = _decide(raw[0].start_s, energy_onset_s, text)
    end_s, end_rule = _decide(raw[-1].end_s, energy_end_s, text)
    words = _settle_pauses(raw, np.logical_or(*witnesses), onset_s, end_s)
    return Aligned(
        words=tuple(words),
        aligned_by=aligned_by,
        aligner_onset_s=raw[0].start_s,
        aligner_end_s=raw[-1].end_s,
        energy_onset_s=energy_onset_s,
        energy_end_s=energy_end_s,
        onset_rule=onset_rule,
        end_rule=end_rule,
    )


def quiet_of(pcm: Pcm) -> Quiet:
    """Measure a recording's room tone: the median of its 10 ms frames."""
    return Quiet(
        level_dbfs=float(np.median(frame_levels_dbfs(pcm))),
        bright_dbfs=float(np.median(_bright_levels_dbfs(pcm))),
    )


def _witnesses(pcm: Pcm, quiet: Quiet) -> tuple[np.ndarray, np.ndarray]:
    """Which frames are quiet, by plain level and by the level of the first difference.

    Hum and a room's echo are low, so they hide the end of speech from the first witness only; a
    breath drawn after a word is high, so it hides it from the second only. Each phrase's borders
    are judged by the one that comes nearer to the aligner, since the other has been misled.
    """
    plain = frame_levels_dbfs(pcm) < quiet.level_dbfs + SPEECH_ABOVE_QUIET_DB
    bright = _bright_levels_dbfs(pcm) < quiet.bright_dbfs + SPEECH_ABOVE_QUIET_DB
    return plain, bright


def _bright_levels_dbfs(pcm: Pcm) -> np.ndarray:
    brighter = np.diff(pcm.astype(np.int32), prepend=int(pcm[0]))
    return frame_levels_dbfs(np.clip(brighter, -32_768, 32_767).astype(np.int16))


def _nearest(near_s: float, candidates_s: Sequence[float]) -> float:
    return min(candidates_s, key=lambda at_s: abs(at_s - near_s))


def quietest_stretch(pcm: Pcm, length_s: float) -> tuple[int, int]:
    """First sample and one past the last of the quietest stretch of a given length."""
    levels = frame_levels_dbfs(pcm)
    n = round(length_s / FRAME_S)
    loudest = np.lib.stride_tricks.sliding_window_view(levels, n).max(axis=1)
    start = int(loudest.argmin()) * FRAME_SAMPLES
    return start, start + n * FRAME_SAMPLES


def _words(text: str) -> list[str]:
    """Printed words; a dash on its own belongs to the word before it."""
    return [word for word in text.split() if re.search(r"\w", word)]


def _say(word: str, spoken: Mapping[str, str]) -> list[str]:
    bare = word.strip(".,;:!?–—'\"").lower()
    return spoken.get(bare, bare).split()


def _align_tokens(pcm: Pcm, tokens: Sequence[str]) -> tuple[list[Timed], str]:
    """Word borders from the state alignment, or from the first pass where that fails.

    The second pass refuses utterances whose first pass gave the leading silence too few frames;
    a start some frames later is often enough to make it run.
    """
    for skip_frames in range(6):
        part = pcm[skip_frames * FRAME_SAMPLES :]
        decoder = _first_pass(part, tokens)
        try:
            decoder.set_alignment()
            _decode(decoder, part)
        except RuntimeError:
            continue
        entries = [(w.name, w.start, w.start + w.duration) for w in decoder.get_alignment()]
        return _in_seconds(entries, tokens, skip_frames), "pocketsphinx 5.1.1, state alignment"
    decoder = _first_pass(pcm, tokens)  # must outlive its segments, which point into it
    entries = [(s.word, s.start_frame, s.end_frame + 1) for s in decoder.seg()]
    return _in_seconds(entries, tokens, 0), "pocketsphinx 5.1.1, word alignment"


def _first_pass(pcm: Pcm, tokens: Sequence[str]) -> Any:
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, loglevel="FATAL", samprate=SAMPLE_RATE_HZ)
    decoder.set_align_text(" ".join(tokens))
    _decode(decoder, pcm)
    return decoder


def _decode(decoder: Any, pcm: Pcm) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()


def _in_seconds(
    entries: Sequence[tuple[str, int, int]], tokens: Sequence[str], skip_frames: int
) -> list[Timed]:
    """Keep the words, drop silences and noises, and check that every word was found."""
    timed = [
        Timed(
            re.sub(r"\(\d+\)$", "", name), (a + skip_frames) * FRAME_S, (b + skip_frames) * FRAME_S
        )
        for name, a, b in entries
        if name[0] not in "<[+"
    ]
    if [word.text for word in timed] != list(tokens):
        raise ValueError(f"aligned {[word.text for word in timed]}, wanted {list(tokens)}")
    return timed


def _regroup(
    words: Sequence[str], tokens: Sequence[Sequence[str]], timed: Sequence[Timed]
) -> list[Timed]:
    """One entry a printed word: "47" runs from the start of "forty" to the end of "seven"."""
    out, at = [], 0
    for word, group in zip(words, tokens, strict=True):
        said = timed[at : at + len(group)]
        out.append(Timed(word, said[0].start_s, said[-1].end_s))
        at += len(group)
    return out


def _quiet_runs(is_quiet: np.ndarray, min_s: float) -> list[tuple[float, float]]:
    """Stretches of quiet of at least ``min_s``, or cut short by the edge, as (start_s, end_s)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_quiet, [False]]).astype(int)))
    return [
        (a * FRAME_S, b * FRAME_S)
        for a, b in edges.reshape(-1, 2)
        if (b - a) * FRAME_S >= min_s - 1e-9 or a == 0 or b == len(is_quiet)
    ]


def _onset_s(is_quiet: np.ndarray, near_s: float) -> float:
    runs = _quiet_runs(is_quiet, MIN_QUIET_BEFORE_S)
    return min(runs, key=lambda run: _distance(run, near_s, border=1))[1]


def _end_s(is_quiet: np.ndarray, near_s: float) -> float:
    runs = _quiet_runs(is_quiet, MIN_QUIET_AFTER_S)
    return min(runs, key=lambda run: _distance(run, near_s, border=0))[0]


def _distance(run: tuple[float, float], near_s: float, border: int) -> float:
    """0 for the quiet that holds the aligner's figure, else how far its border is from it."""
    return 0.0 if run[0] <= near_s <= run[1] else abs(run[border] - near_s)


def _decide(aligner_s: float, energy_s: float, what: str) -> tuple[float, str]:
    if abs(aligner_s - energy_s) > MAX_CORRECTION_S:
        raise ValueError(f"{what!r}: aligner says {aligner_s:.2f} s, level {energy_s:.2f} s")
    if abs(aligner_s - energy_s) > MAX_DISAGREEMENT_S + 1e-9:
        return energy_s, "energy"
    return aligner_s, "aligner"


def _settle_pauses(
    raw: Sequence[Timed], is_quiet: np.ndarray, onset_s: float, end_s: float
) -> list[Timed]:
    """Put the ends of the phrase and of each pause inside it where speech meets quiet."""
    words = list(raw)
    words[0] = replace(words[0], start_s=onset_s)
    words[-1] = replace(words[-1], end_s=end_s)
    for start_s, stop_s in _quiet_runs(is_quiet, MIN_PAUSE_S):
        if onset_s < start_s and stop_s < end_s:
            at = min(range(len(words) - 1), key=lambda k: _misfit(words, k, start_s, stop_s))
            words[at] = replace(words[at], end_s=start_s)
            words[at + 1] = replace(words[at + 1], start_s=stop_s)
    return words


def _misfit(words: Sequence[Timed], k: int, start_s: float, stop_s: float) -> float:
    return abs(words[k].end_s - start_s) + abs(words[k + 1].start_s - stop_s)
