"""The model's stream asks for what the real one asks for."""

import numpy as np
import pytest

from lab_kit.audio.detect.energy import EnergyScorer
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.experiments.scale.callers import heard
from lab_kit.experiments.scale.plateaus import OPTIONS
from lab_kit.scale import listening
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.server import serve
from lab_kit.stream import segment, session, stability
from lab_kit.stream.actions import Submit
from lab_kit.stream.session import StreamSession


def test_the_rules_are_those_of_the_real_stream() -> None:
    real = {
        "PRE_ROLL_S": segment.PRE_ROLL_SAMPLES / SAMPLE_RATE_HZ,
        "FIRST_INTERIM_S": segment.FIRST_INTERIM_SAMPLES / SAMPLE_RATE_HZ,
        "SETTLED_S": segment.SETTLED_SEGMENT_SAMPLES / SAMPLE_RATE_HZ,
        "LONGEST_S": segment.MAX_SEGMENT_SAMPLES / SAMPLE_RATE_HZ,
        "EARLY_S": stability.EARLY_S,
        "EARLY_TOKENS": stability.EARLY_TOKENS,
        "EARLY_TAIL_S": segment.EARLY_TAIL_SAMPLES / SAMPLE_RATE_HZ,
        "DRAFT_DROPS": session.DRAFT_DROPS_TOKENS,
        "FINAL_DRAFT_DROPS": session.FINAL_DROPS_TOKENS,
        "LONG_S": session.LONG_SAMPLES / SAMPLE_RATE_HZ,
    }
    assert {name: getattr(listening, name) for name in real} == pytest.approx(real)


@pytest.mark.parametrize("speech_s", [0.1, 0.3, 1.0, 2.0, 5.0])
def test_interims_are_as_often(speech_s: float) -> None:
    real = segment.interim_interval_samples(samples(speech_s)) / SAMPLE_RATE_HZ
    assert listening.interim_interval_s(speech_s) == pytest.approx(real, abs=1e-3)


def test_a_stream_decodes_as_often_as_the_real_one() -> None:
    """Over the same sound, with answers that come at once."""
    sound = _bursts()
    free = ServerCosts(encode=0, passes=0, row=0, drafted=0, decode=0, sound=0, caller=0)
    run = serve([heard(PacedRecording("bursts", sound), 0.0, EnergyScorer())], free)
    asked = _asked_for(sound)
    finals = sum(request.priority is Priority.FINAL for request in asked)
    assert run.finals == finals
    assert run.interims == pytest.approx(len(asked) - finals, abs=2)


def _bursts() -> np.ndarray:
    """Loud and quiet, from one to seven seconds, with pauses short and long."""
    chance = np.random.default_rng(5)
    pieces = [np.zeros(samples(0.5), np.float32)]
    for speech_s, pause_s in ((1.0, 0.6), (3.2, 0.15), (2.0, 0.9), (7.0, 1.0), (0.4, 1.2)):
        noise = chance.normal(0, 0.2, samples(speech_s)).astype(np.float32)
        pieces += [noise, np.zeros(samples(pause_s), np.float32)]
    return np.concatenate(pieces)


def _asked_for(sound: np.ndarray) -> list[DecodeRequest]:
    real, asked = StreamSession(OPTIONS, EnergyScorer()), []
    size = samples(0.05)
    for start in range(0, len(sound), size):
        waiting = real.push(sound[start : start + size], 0, 0)
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, Submit):
                asked.append(action.request)
                waiting += real.answer(action.number, _answer(action.request))
    real.flush(0, 0)
    return asked


def _answer(request: DecodeRequest) -> Hypothesis:
    tokens = tuple(range(max(1, round(len(request.audio) / SAMPLE_RATE_HZ * 4))))
    text = " ".join(f"w{token}" for token in tokens)
    return Hypothesis(text, tokens, (-0.1,) * len(tokens), False, 0, 0, 0, 1, 0)
