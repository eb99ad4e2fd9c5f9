"""Voice activity detectors judged by words: how much speech each finds, how much noise it believes.

A window holds speech if words cover more than half of it; the clips' aligned words are the truth,
never a detector. A receiver operating characteristic shows every threshold at once, so that no
detector wins by a lucky one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lab_kit.audio import signals
from lab_kit.audio.detect.endpointing import ONSET_PROBABILITY
from lab_kit.audio.detect.energy import EnergyScorer
from lab_kit.audio.detect.vad import WINDOW_SAMPLES, SpeechScorer
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import samples
from lab_kit.datasets import Clip
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.store.store import ModelStore

SEED = 4


class Noise(StrEnum):
    """What is mixed into the speech."""

    CLEAN = "clean"
    WHITE = "white"
    PINK = "pink"
    BABBLE = "babble"


@dataclass(frozen=True, slots=True)
class RocPoint:
    """One threshold: shares of speech found and of silence taken for speech."""

    threshold: float
    hits: float
    false_alarms: float


@dataclass(frozen=True, slots=True)
class Detection:
    """One detector in one noise, at one level.

    Attributes:
        snr_db: speech level over noise level; None where none was added.
        points: from the strictest threshold to the laxest.
        area: under the curve; 1 tells speech from noise always, 0.5 by chance.
        at: the point of the threshold that is really used.
        skipped: share of windows, silent and found to be so, that the recognizer is spared. What is
            skipped of speech is no saving.
        us_per_window: what scoring 32 ms took.
    """

    detector: str
    noise: Noise
    snr_db: float | None
    points: tuple[RocPoint, ...]
    area: float
    at: RocPoint
    skipped: float
    us_per_window: float


def compare_detectors(
    clips: Sequence[Clip],
    snrs_db: Sequence[float] = (20.0, 10.0, 5.0, 0.0),
    noises: Sequence[Noise] = (Noise.WHITE, Noise.PINK, Noise.BABBLE),
    voices: Sequence[Clip] = (),
    scorers: Mapping[str, Callable[[], SpeechScorer]] | None = None,
) -> list[Detection]:
    """Every detector on the clean clips, then in each noise at each signal-to-noise ratio.

    Args:
        voices: who talks in the babble; not the clips themselves.
        scorers: how a new one is made, by name; default energy and Silero.
    """
    conditions: list[tuple[Noise, float | None]] = [(Noise.CLEAN, None)]
    conditions += [(noise, snr_db) for noise in noises for snr_db in snrs_db]
    found = []
    for noise, snr_db in conditions:
        heard = [_in_noise(clip, noise, snr_db, voices) for clip in clips]
        truth = np.concatenate([speech_truth(clip) for clip in clips])
        for name, new_scorer in (scorers or default_scorers()).items():
            found.append(_judge(name, noise, snr_db, heard, truth, new_scorer))
    return found


def default_scorers() -> dict[str, Callable[[], SpeechScorer]]:
    """Energy and Silero; all of Silero's share one session.

    Raises:
        ModelNotLoaded: Silero's graph is not installed.
    """
    session = open_silero(ModelStore().path("silero-vad")["silero_vad_16k_sequence.onnx"])
    return {"energy": EnergyScorer, "silero": lambda: SileroScorer(session)}


def speech_truth(clip: Clip) -> NDArray[np.bool_]:
    """For each whole window of a clip, whether words cover more than half of it: (windows,)."""
    spoken = np.zeros(len(clip.samples), np.bool_)
    for word in clip.words:
        spoken[samples(word.start_s) : samples(word.end_s)] = True
    whole = len(spoken) // WINDOW_SAMPLES
    covered = spoken[: whole * WINDOW_SAMPLES].reshape(whole, WINDOW_SAMPLES).mean(axis=1)
    return np.asarray(covered > 0.5)


def roc(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[RocPoint, ...]:
    """A point for every threshold that changes anything, strictest first.

    Raises:
        ValueError: there is only speech, or none.
    """
    if truth.all() or not truth.any():
        raise ValueError("a curve needs windows with speech and windows without")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(truth[order]) / truth.sum()
    alarms = np.cumsum(~truth[order]) / (~truth).sum()
    last_of_its_score = np.append(ranked[1:] != ranked[:-1], True)
    nothing = RocPoint(float("inf"), 0.0, 0.0)
    found = zip(ranked, hits, alarms, last_of_its_score, strict=True)
    return (
        nothing,
        *(RocPoint(float(s), float(h), float(a)) for s, h, a, is_last in found if is_last),
    )


def area_under(points: Sequence[RocPoint]) -> float:
    """Area under the curve by trapezoids."""
    alarms, hits = ([getattr(p, name) for p in points] for name in ("false_alarms", "hits"))
    return float(np.trapezoid(hits, alarms))


def _judge(
    name: str,
    noise: Noise,
    snr_db: float | None,
    heard: Sequence[FloatArray],
    truth: NDArray[np.bool_],
    new_scorer: Callable[[], SpeechScorer],
) -> Detection:
    scores, took_s = _scores(heard, new_scorer)
    points = roc(scores, truth)
    said = scores >= ONSET_PROBABILITY
    return Detection(
        detector=name,
        noise=noise,
        snr_db=snr_db,
        points=points,
        area=area_under(points),
        at=RocPoint(ONSET_PROBABILITY, float(said[truth].mean()), float(said[~truth].mean())),
        skipped=float((~said & ~truth).mean()),
        us_per_window=1e6 * took_s / len(scores),
    )


def _scores(
    heard: Sequence[FloatArray], new_scorer: Callable[[], SpeechScorer]
) -> tuple[NDArray[np.float64], float]:
    """The score of each window of each recording, every recording with a scorer of its own."""
    scores, took_s = [], 0.0
    for audio in heard:
        scorer = new_scorer()
        whole = len(audio) // WINDOW_SAMPLES * WINDOW_SAMPLES
        began = time.perf_counter()
        # one at a time, as a live stream's windows come when its chunks are short
        for window in audio[:whole].reshape(-1, 1, WINDOW_SAMPLES):
            scores += scorer.score(window)
        took_s += time.perf_counter() - began
    return np.array(scores), took_s


def _in_noise(clip: Clip, noise: Noise, snr_db: float | None, voices: Sequence[Clip]) -> FloatArray:
    count = len(clip.samples)
    if noise is Noise.CLEAN or snr_db is None:
        return clip.samples
    spoken_s = [(word.start_s, word.end_s) for word in clip.words]
    if noise is Noise.BABBLE:
        added = signals.babble([voice.samples for voice in voices or (clip,)], count, SEED)
    else:
        added = (signals.white if noise is Noise.WHITE else signals.pink)(count, SEED)
    return signals.in_noise(clip.samples, added, snr_db, spoken_s)
