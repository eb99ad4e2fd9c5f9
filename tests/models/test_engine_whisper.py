"""One fp32 model, every way to schedule it: the words stay the same, token for token."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hang import HANG_S

from lab_kit.core.events import ModelInfo
from lab_kit.datasets import Clip, Kind, clips
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.engine.batching import Batching, Continuous, Dynamic, NoBatching, Static
from lab_kit.engine.drafting import NgramDraft
from lab_kit.engine.kv import ContiguousKv, KvCache, PagedKv
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.whisper_runner import WhisperRunner
from lab_kit.models.device import choose_device
from lab_kit.models.kv_pool import KvPool
from lab_kit.models.store.store import ModelStore
from lab_kit.models.whisper.model import Whisper

ROOM = 512
PHRASES = 5
LONGEST = 14
"""Tokens of an answer; enough for these phrases, and little, so that memory can be short."""


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(ModelStore().path("whisper-tiny-en").paths, choose_device())


@pytest.fixture(scope="module")
def speech() -> list[Clip]:
    """Short phrases, real and of different length."""
    return sorted(clips(Kind.REAL), key=lambda clip: len(clip.samples))[:PHRASES]


@contextmanager
def running(
    whisper: Whisper,
    batching: Batching,
    kv: KvCache,
    drafter: NgramDraft | None = None,
    encode_width: int = 1,
) -> Iterator[EngineLoop]:
    runner = WhisperRunner(whisper, KvPool.for_model(whisper, kv.slots), kv, drafter, encode_width)
    engine = EngineLoop(runner, ModelInfo("", "", "", ""), 2, batching, kv=kv)
    try:
        yield engine
    finally:
        engine.stop()


def decoded(
    engine: EngineLoop,
    speech: list[Clip],
    drafts: list[tuple[int, ...]] | None = None,
    context: str = "",
) -> list[Hypothesis]:
    """Everything at once, so that whatever may share a pass does."""
    tickets = [
        engine.submit(DecodeRequest(clip.samples, Priority.FINAL, LONGEST, draft, context))
        for clip, draft in zip(speech, drafts or [()] * len(speech), strict=True)
    ]
    return [ticket.future.result(HANG_S) for ticket in tickets]


def tokens(heard: list[Hypothesis]) -> list[tuple[int, ...]]:
    return [hypothesis.tokens for hypothesis in heard]


@pytest.fixture(scope="module")
def alone(whisper: Whisper, speech: list[Clip]) -> list[Hypothesis]:
    """What the model says of each clip when it is the only one."""
    with running(whisper, NoBatching(), ContiguousKv(ROOM)) as engine:
        return [decoded(engine, [clip])[0] for clip in speech]


@pytest.mark.parametrize("batching", [Static(4, 0.1), Dynamic(4, 0.02), Continuous(4)], ids=repr)
def test_every_policy_says_the_same_in_pages(
    whisper: Whisper, speech: list[Clip], alone: list[Hypothesis], batching: Batching
) -> None:
    with running(whisper, batching, PagedKv(32, 16), encode_width=4) as engine:
        heard = decoded(engine, speech)
    assert tokens(heard) == tokens(alone)
    shared_ns = sum(h.compute_ns for h in heard)
    worked_ns = sum(h.finished_ns - h.started_ns for h in heard)
    assert shared_ns < worked_ns, "nobody shared a pass"


def test_when_memory_is_short_some_start_again_and_nobody_says_anything_else(
    whisper: Whisper, speech: list[Clip], alone: list[Hypothesis]
) -> None:
    kv = PagedKv((2 + LONGEST) // 2, 2)
    with running(whisper, Continuous(8), kv, encode_width=8) as engine:
        heard = decoded(engine, speech)
    assert sum(h.preempted for h in heard) > 0
    assert tokens(heard) == tokens(alone)
    assert kv.usage().reserved == 0


def test_what_was_heard_before_is_a_draft_that_takes_one_pass(
    whisper: Whisper, speech: list[Clip], alone: list[Hypothesis]
) -> None:
    with running(whisper, Continuous(4), PagedKv(64, 4)) as engine:
        heard = decoded(engine, speech, tokens(alone))
    assert tokens(heard) == tokens(alone)
    assert all(h.steps == 1 and h.accepted == len(h.tokens) for h in heard)


def test_a_context_over_the_same_audio_is_computed_once(
    whisper: Whisper, speech: list[Clip]
) -> None:
    context = "A Tale of Two Cities, a novel by Charles Dickens, chapter one, the period."
    length = len(whisper.prompt_after(context))
    kv = PagedKv(64, 4)
    with running(whisper, Continuous(4), kv) as engine:
        first = decoded(engine, speech[:2], context=context)
        again = decoded(engine, speech[:2], context=context)
        plain = decoded(engine, speech[:1])
    assert tokens(first) == tokens(again)
    assert [h.reused for h in first] == [0, 0]
    assert [h.reused for h in again] == [(length - 1) // 4 * 4] * 2
    assert plain[0].reused == 0
    assert kv.usage().reserved == 0


def test_a_wrong_draft_changes_nothing(
    whisper: Whisper, speech: list[Clip], alone: list[Hypothesis]
) -> None:
    wrong = [tuple(reversed(h.tokens)) for h in alone]
    with running(whisper, Continuous(4), PagedKv(64, 16)) as engine:
        assert tokens(decoded(engine, speech, wrong)) == tokens(alone)


def test_guesses_from_pairs_save_passes_and_change_nothing(
    whisper: Whisper, speech: list[Clip], alone: list[Hypothesis]
) -> None:
    drafter = NgramDraft()
    for hypothesis in alone:
        drafter.learn(hypothesis.tokens)
    with running(whisper, Continuous(4), PagedKv(64, 16), drafter) as engine:
        heard = decoded(engine, speech)
    assert tokens(heard) == tokens(alone)
    assert 0 < sum(h.accepted for h in heard) <= sum(h.drafted for h in heard)
    assert sum(h.steps for h in heard) < sum(h.steps for h in alone)
