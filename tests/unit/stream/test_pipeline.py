"""One stream from bytes to events, with an engine answered by hand."""

import asyncio
import hashlib
import threading
import time
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from hand_engine import HandEngine
from hang import HANG_S
from scripted import RATE, LoudnessScorer, sound

from lab_kit.audio.detect.endpointing import LATEST_ANSWER_SAMPLES
from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.core.errors import (
    InvalidAudioFormat,
    LabError,
    PayloadTooLarge,
    SlowConsumer,
    SystemOverloaded,
)
from lab_kit.core.events import Event, Final, PriorityClass, StreamEnded, StreamOptions
from lab_kit.stream import pipeline as pipeline_module
from lab_kit.stream.pipeline import MAX_OWED_FINALS, TRIES, PipelineServices, StreamPipeline
from lab_kit.stream.sink.named import NamedPersons

QUIETLY = StreamOptions(interim_results=False, speech_events=False)
UTTERANCE = sound(2.0, ((0.5, 1.5),))


def pipeline(
    engine: HandEngine, options: StreamOptions = QUIETLY, longest_s: float = 600.0
) -> StreamPipeline:
    return StreamPipeline(engine, LoudnessScorer(), options, longest_s)


async def say(stream: StreamPipeline, audio: FloatArray, chunk_s: float = 0.1) -> None:
    data, size = to_pcm16(audio), round(chunk_s * RATE) * 2
    for start in range(0, len(data), size):
        await stream.feed(data[start : start + size])
        await asyncio.sleep(0)  # as whoever reads the wire gives way between messages


async def said(stream: StreamPipeline) -> list[Event]:
    events = []
    while (event := await asyncio.wait_for(stream.outbox.take(), HANG_S)) is not None:
        events.append(event)
    return events


async def test_bytes_become_finals_and_the_end_is_told_last() -> None:
    engine = HandEngine(lambda request: "It was.")
    stream = pipeline(engine)
    await say(stream, UTTERANCE)
    await stream.finish()
    final, ended = await said(stream)
    assert isinstance(final, Final)
    assert final.text == "It was."
    digest = hashlib.sha256(to_pcm16(UTTERANCE)).hexdigest()
    assert ended == StreamEnded(2.0, digest, 1)


async def test_any_rate_and_channels_reach_the_model_as_16_khz_mono() -> None:
    engine = HandEngine(lambda request: "said")
    options = StreamOptions("linear16", 48_000, 2, interim_results=False, speech_events=False)
    stream = pipeline(engine, options)
    stereo = np.repeat(np.repeat(UTTERANCE, 3), 2)
    await say(stream, stereo, chunk_s=0.6)
    await stream.finish()
    (final, ended) = await said(stream)
    assert isinstance(ended, StreamEnded)
    assert (ended.audio_s, ended.channels) == (2.0, 2)
    assert isinstance(final, Final)
    assert final.end_s == pytest.approx(1.5, abs=0.05)


async def test_finishing_waits_for_every_final() -> None:
    engine = HandEngine()
    stream = pipeline(engine)
    await say(stream, sound(4.0, ((0.5, 1.5), (2.5, 3.5))))
    finishing = asyncio.create_task(stream.finish())
    await asyncio.sleep(0.01)
    assert not finishing.done()
    engine.answer_all("late")
    await asyncio.wait_for(finishing, HANG_S)
    events = await said(stream)
    assert [type(event) for event in events] == [Final, Final, StreamEnded]


async def test_audio_that_comes_faster_than_it_is_recognized_waits_outside() -> None:
    engine = HandEngine()
    stream = pipeline(engine)

    async def talk() -> None:
        for _ in range(MAX_OWED_FINALS + 4):
            await say(stream, UTTERANCE)

    talking = asyncio.create_task(talk())
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert not talking.done()
    assert len(engine.open) == MAX_OWED_FINALS + 1
    while not talking.done():
        engine.answer_all("caught up")
        await asyncio.sleep(0.001)


async def test_so_does_the_rest_of_a_large_message() -> None:
    engine = HandEngine()
    stream = pipeline(engine)
    talking = asyncio.create_task(stream.feed(to_pcm16(np.tile(UTTERANCE, MAX_OWED_FINALS + 4))))
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert not talking.done()
    assert len(engine.open) == MAX_OWED_FINALS + 1
    while not talking.done():
        engine.answer_all("caught up")
        await asyncio.sleep(0.001)
    assert len(engine.asked) == MAX_OWED_FINALS + 4


async def test_a_bad_chunk_is_refused_and_what_came_before_it_is_still_said() -> None:
    engine = HandEngine(lambda request: "before")
    stream = pipeline(engine)
    await say(stream, UTTERANCE)
    with pytest.raises(InvalidAudioFormat):
        await stream.feed(bytes(33))
    await stream.finish()
    assert [type(event) for event in await said(stream)] == [Final, StreamEnded]


async def test_too_much_audio_is_refused() -> None:
    stream = pipeline(HandEngine(lambda request: "x"), longest_s=1.0)
    with pytest.raises(PayloadTooLarge):
        await say(stream, UTTERANCE)


async def test_a_stream_that_is_abandoned_gives_everything_back() -> None:
    engine = HandEngine()
    stream = pipeline(engine, StreamOptions())
    await say(stream, sound(3.2, ((0.5, 1.5), (2.2, 3.2))))
    assert engine.open
    stream.abandon()
    assert engine.open == []
    assert await said(stream) is not None  # the writer is let go
    stream.abandon()


async def test_an_engine_that_refuses_a_final_ends_the_stream() -> None:
    stream = pipeline(HandEngine(most_open=0))
    with pytest.raises(SystemOverloaded):
        await say(stream, sound(3.0, ((0.5, 1.5),)))


async def test_a_final_that_does_not_come_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "OWED_S", 0.05)
    engine = HandEngine()
    stream = pipeline(engine)
    await say(stream, UTTERANCE)
    assert stream.owed_since_ns is not None
    with pytest.raises(SystemOverloaded, match="a final is owed"):
        await asyncio.wait_for(stream.finish(), HANG_S)
    stream.abandon()
    assert engine.open == []


async def test_what_is_owed_is_known_until_it_is_sent() -> None:
    engine = HandEngine()
    stream = pipeline(engine)
    await say(stream, UTTERANCE[: RATE // 2])
    assert stream.owed_since_ns is None
    before_ns = time.perf_counter_ns()
    await say(stream, UTTERANCE[RATE // 2 :])
    first_ns = stream.owed_since_ns
    await say(stream, UTTERANCE)
    assert first_ns is not None
    assert before_ns <= first_ns == stream.owed_since_ns
    engine.answer_all("so")
    await stream.finish()
    assert stream.owed_since_ns is None


async def test_an_engine_that_refuses_interims_only_does_not() -> None:
    engine = HandEngine(most_open=0)
    stream = pipeline(engine, StreamOptions(speech_events=False))
    await say(stream, sound(1.0, ((0.5, 1.0),)))
    engine.most_open, engine.answer_with = 10, lambda request: "after all"
    await stream.finish()
    events = await said(stream)
    assert [type(event) for event in events] == [Final, StreamEnded]


@pytest.mark.parametrize("at_the_end", [False, True])
async def test_a_decode_that_fails_ends_the_stream_with_an_error_of_ours(at_the_end: bool) -> None:
    """Whatever the runtime raised, the client is owed a close code with a name."""
    engine = HandEngine()
    stream = pipeline(engine)
    await say(stream, UTTERANCE)
    for _ in range(TRIES):
        engine.open[0].future.set_exception(RuntimeError("device lost"))
        await asyncio.sleep(0.01)
    with pytest.raises(LabError, match="device lost"):
        await (stream.finish() if at_the_end else stream.feed(bytes(320)))


async def test_a_final_that_cannot_be_tried_again_ends_the_stream_with_the_engines_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = HandEngine()
    stream = pipeline(engine)
    await say(stream, UTTERANCE)

    def refuse(_: object) -> None:
        raise LabError("the engine broke", "an answer", "restart it")

    monkeypatch.setattr(engine, "submit", refuse)
    engine.open[0].future.set_exception(RuntimeError("device lost"))
    with pytest.raises(LabError, match="the engine broke"):
        await asyncio.wait_for(stream.finish(), HANG_S)


async def test_a_client_that_never_reads_is_told_so() -> None:
    engine = HandEngine(lambda request: "unread")
    stream = pipeline(engine)

    async def talk() -> None:
        for _ in range(100):
            await say(stream, UTTERANCE, chunk_s=0.5)
            await asyncio.sleep(0)

    with pytest.raises(SlowConsumer):
        await asyncio.wait_for(talk(), HANG_S)


async def test_a_requested_final_comes_before_the_speaker_stops() -> None:
    engine = HandEngine(lambda request: "so far")
    stream = pipeline(engine)
    await say(stream, sound(1.2, ((0.5, 1.2),)))
    await stream.finalize()
    event = await asyncio.wait_for(stream.outbox.take(), HANG_S)
    assert isinstance(event, Final)
    assert event.requested


async def test_who_asks_for_finals_faster_than_they_come_waits_and_gets_each() -> None:
    engine, asked = HandEngine(), 200  # more than may lie unread
    stream = pipeline(engine)
    await say(stream, sound(1.2, ((0.5, 1.2),)))

    async def ask() -> None:
        for _ in range(asked):
            await stream.finalize()
            await asyncio.sleep(0)
        await stream.finish()

    asking = asyncio.create_task(ask())
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert not asking.done()
    engine.answer_all("it was")
    finals = []
    async with asyncio.timeout(HANG_S):
        while isinstance(event := await stream.outbox.take(), Final):
            finals.append(event)
        await asking
    assert [final.text for final in finals] == ["it was"] + [""] * (asked - 1)


async def test_a_large_message_does_not_hold_up_the_others() -> None:
    stream = pipeline(HandEngine(lambda request: "x"))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await asyncio.sleep(0)
    before = turns
    await stream.feed(to_pcm16(sound(30.0, ())))
    assert turns - before >= 50
    beside.cancel()


JUDGED = StreamOptions(interim_results=False, speech_events=False, unfinished_silence_s=1.0)


@pytest.mark.parametrize("probability", [0.9, 0.1])
async def test_whoever_judges_turns_decides_how_long_silence_must_be(probability: float) -> None:
    def judged(audio: FloatArray) -> "Future[float]":
        answer: Future[float] = Future()
        answer.set_result(probability)
        return answer

    services = PipelineServices(completeness=judged)
    stream = StreamPipeline(HandEngine(lambda r: "Yes."), LoudnessScorer(), JUDGED, 60.0, services)
    await say(stream, sound(1.9, ((0.5, 1.5),)), 0.02)
    await asyncio.sleep(0.05)
    is_over = probability > 0.5
    assert stream.owed_since_ns is None
    stream.outbox.close()
    finals = [event for event in await said(stream) if isinstance(event, Final)]
    assert [final.finished_probability for final in finals] == ([0.9] if is_over else [])
    stream.abandon()


async def test_one_stream_asks_about_one_pause_at_a_time() -> None:
    asked: list[Future[float]] = []

    def judged_late(audio: FloatArray) -> "Future[float]":
        asked.append(Future())
        return asked[-1]

    services = PipelineServices(completeness=judged_late)
    stream = StreamPipeline(HandEngine(lambda r: "Yes."), LoudnessScorer(), JUDGED, 60.0, services)
    two_pauses = sound(4.0, ((0.5, 1.5), (2.3, 3.3)))
    await say(stream, two_pauses, 0.02)
    assert len(asked) == 1
    asked[0].set_result(0.9)
    await asyncio.sleep(0.05)
    await say(stream, two_pauses, 0.02)
    assert len(asked) == 2
    asked[1].cancel()
    stream.abandon()


async def test_a_judge_that_fails_leaves_turns_to_silence() -> None:
    def failing(audio: FloatArray) -> "Future[float]":
        answer: Future[float] = Future()
        answer.set_exception(RuntimeError("no memory"))
        return answer

    services = PipelineServices(completeness=failing)
    stream = StreamPipeline(HandEngine(lambda r: "Yes."), LoudnessScorer(), JUDGED, 60.0, services)
    await say(stream, sound(3.0, ((0.5, 1.5),)), 0.02)
    await stream.finish()
    finals = [event for event in await said(stream) if isinstance(event, Final)]
    assert [(final.endpoint, final.finished_probability) for final in finals] == [(True, None)]


@pytest.mark.parametrize("has_judge", [False, True])
async def test_where_nobody_will_judge_nothing_more_is_waited_for(has_judge: bool) -> None:
    """A judge that was asked may still answer for a while; one that has no time will not."""

    def unanswered(audio: FloatArray) -> "Future[float] | None":
        return Future() if has_judge else None

    services = PipelineServices(completeness=unanswered)
    stream = StreamPipeline(HandEngine(lambda r: "Yes."), LoudnessScorer(), JUDGED, 60.0, services)
    await say(stream, sound(3.0, ((0.5, 1.5),)), 0.02)
    await stream.finish()
    (final,) = [event for event in await said(stream) if isinstance(event, Final)]
    silence_s = 0.2 + (LATEST_ANSWER_SAMPLES / RATE if has_judge else 0.0)
    assert final.timing.trigger_audio_s - 1.5 == pytest.approx(silence_s, abs=0.025)


async def test_what_comes_faster_than_speech_is_batch_work() -> None:
    engine = HandEngine(lambda r: "Yes.")
    options = StreamOptions(interim_results=False, speech_events=False)
    stream = StreamPipeline(engine, LoudnessScorer(), options, 60.0)
    assert not stream.is_ahead
    await stream.feed(to_pcm16(sound(1.9, ((0.3, 1.0),))))
    kept = await stream.outbox.take()
    assert kept is not None
    assert not stream.is_ahead  # two seconds may have been kept
    assert not stream.came_ahead(kept)
    await stream.feed(to_pcm16(sound(4.0, ((1.0, 2.0),))))
    assert stream.is_ahead
    classes = [request.priority_class for request, _ in engine.asked]
    assert classes == [PriorityClass.INTERACTIVE, PriorityClass.BATCH]
    await stream.finish()
    sent, _ = await said(stream)
    assert stream.came_ahead(sent)


async def test_the_end_waits_for_results_that_a_model_looks_through_for_persons() -> None:
    go_on = threading.Event()

    def find(text: str) -> list[tuple[int, int]]:
        assert go_on.wait(HANG_S)
        return [(0, len("Priya"))]

    persons = NamedPersons("a model", find)
    options = replace(QUIETLY, postprocess=("redact",))
    engine = HandEngine(lambda request: "Priya came.")
    services = PipelineServices(persons=persons)
    stream = StreamPipeline(engine, LoudnessScorer(), options, 600.0, services)
    await say(stream, UTTERANCE)
    ending = asyncio.create_task(stream.finish())
    done, _ = await asyncio.wait([ending], timeout=0.02)
    assert not done
    go_on.set()
    await asyncio.wait_for(ending, HANG_S)
    final, ended = await said(stream)
    assert isinstance(final, Final)
    assert final.text == "[name] came."
    assert isinstance(ended, StreamEnded)
    stream.abandon()
    persons.stop()
