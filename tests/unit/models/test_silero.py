"""The detector's probabilities: those of the graph that takes windows singly, however they come."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.datasets import clip
from lab_kit.models.device import Device, open_session
from lab_kit.models.silero import WINDOW_SAMPLES, SileroScorer, open_silero
from lab_kit.models.store.store import ModelStore

RATE = np.array(16_000, np.int64)


@pytest.fixture(scope="module")
def windows() -> FloatArray:
    audio = clip("two-cities-opening").samples
    return audio[: len(audio) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)


@pytest.fixture
def scorer() -> SileroScorer:
    return SileroScorer(
        open_silero(ModelStore().path("silero-vad")["silero_vad_16k_sequence.onnx"])
    )


def singly(windows: FloatArray) -> list[float]:
    """By the package's own graph, as its documentation feeds it."""
    spec = find_spec("silero_vad")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "data" / "silero_vad.onnx"
    session = open_session(path, Device("cpu", "this one", workers=1))
    state, context, found = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
    for window in windows:
        shown = np.concatenate([context, window])[None]
        probability, state = session.run(None, {"input": shown, "state": state, "sr": RATE})
        context = window[-64:]
        found.append(float(probability[0, 0]))
    return found


@pytest.mark.parametrize("at_once", [1, 2, 3, 16, 50])
def test_windows_in_a_row_score_as_they_do_singly(
    scorer: SileroScorer, windows: FloatArray, at_once: int
) -> None:
    found = []
    for start in range(0, len(windows), at_once):
        found += scorer.score(windows[start : start + at_once])
    assert found == pytest.approx(singly(windows), abs=1e-5)
    assert min(found) < 0.1
    assert max(found) > 0.9


def test_a_stream_that_is_forgotten_starts_afresh(
    scorer: SileroScorer, windows: FloatArray
) -> None:
    first = scorer.score(windows[:40])
    assert scorer.score(windows[:40]) != first
    scorer.reset()
    assert scorer.score(windows[:40]) == first
