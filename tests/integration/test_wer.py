"""Accuracy end to end: sharing a step, drafting and streaming may round, but must not mishear."""

from collections.abc import Iterator

import numpy as np
import pytest
from hang import HANG_S

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.events import ModelInfo
from lab_kit.datasets import Clip
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import transcript
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import Moonshine
from lab_kit.models.store.store import ModelStore

NAMES = (
    "two-cities-best",
    "two-cities-wisdom",
    "two-cities-light",
    "two-cities-heaven",
    "two-cities-best-and-worst",
    "speech-opening-hours",
    "speech-book-table",
    "speech-password",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineLoop]:
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, choose_device())
    engine = EngineLoop(MoonshineRunner(model), ModelInfo("", "", "", ""), workers=2)
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [datasets.clip(name) for name in NAMES]


@pytest.fixture(scope="module")
def alone(engine: EngineLoop, clips: list[Clip]) -> list[Hypothesis]:
    """Each clip decoded with nobody beside it."""
    return [engine.submit(whole(clip)).future.result(HANG_S) for clip in clips]


def whole(clip: Clip, draft: tuple[int, ...] = ()) -> DecodeRequest:
    return DecodeRequest(np.array(clip.samples), Priority.FINAL, draft=draft)


def error(clips: list[Clip], heard: list[Hypothesis]) -> float:
    truth = " ".join(clip.text for clip in clips)
    return word_error_rate(truth, " ".join(hypothesis.text for hypothesis in heard))


def test_alone_the_model_hears_almost_every_word(
    clips: list[Clip], alone: list[Hypothesis]
) -> None:
    assert error(clips, alone) < 0.08
    assert not any(hypothesis.truncated for hypothesis in alone)


def test_sharing_steps_costs_no_accuracy(
    engine: EngineLoop, clips: list[Clip], alone: list[Hypothesis]
) -> None:
    tickets = [engine.submit(whole(clip)) for clip in clips]
    together = [ticket.future.result(HANG_S) for ticket in tickets]
    assert error(clips, together) <= error(clips, alone) + 0.03
    same = sum(a.text == b.text for a, b in zip(alone, together, strict=True))
    assert same >= len(clips) // 2  # rounding may differ; hearing something else may not


def test_a_good_draft_costs_no_accuracy_and_saves_steps(
    engine: EngineLoop, clips: list[Clip], alone: list[Hypothesis]
) -> None:
    drafted = [
        engine.submit(whole(clip, known.tokens[:-2])).future.result(HANG_S)
        for clip, known in zip(clips, alone, strict=True)
    ]
    assert error(clips, drafted) <= error(clips, alone) + 0.03
    assert sum(h.steps for h in drafted) < 0.7 * sum(h.steps for h in alone)


def test_a_wrong_draft_is_not_believed(
    engine: EngineLoop, clips: list[Clip], alone: list[Hypothesis]
) -> None:
    """Each clip drafted with another's words."""
    misled = [
        engine.submit(whole(clip, other.tokens)).future.result(HANG_S)
        for clip, other in zip(clips, reversed(alone), strict=True)
    ]
    assert error(clips, misled) <= error(clips, alone) + 0.03


def test_a_token_limit_is_kept(engine: EngineLoop, clips: list[Clip]) -> None:
    request = DecodeRequest(np.array(clips[0].samples), Priority.INTERIM, max_tokens=3)
    cut = engine.submit(request).future.result(HANG_S)
    assert (len(cut.tokens), cut.truncated) == (3, True)


@pytest.mark.parametrize("name", ["two-cities-opening"])
async def test_a_stream_is_heard_as_well_as_the_whole_clip(bench: Bench, name: str) -> None:
    clip = datasets.clip(name)
    call = await bench.stream(clip)
    at_once = await bench.transcribe(clip)
    live = word_error_rate(clip.text, transcript(call))
    assert live <= word_error_rate(clip.text, at_once.text) + 0.05, transcript(call)
