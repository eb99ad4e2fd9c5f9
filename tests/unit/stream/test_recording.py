"""A whole recording at once: cut at pauses, behind whatever is live, never filling the queue."""

import asyncio

import numpy as np
import pytest
from hand_engine import HandEngine
from hang import HANG_S
from scripted import LoudnessScorer, sound

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import Final, PriorityClass
from lab_kit.core.ids import StreamId
from lab_kit.stream.recording import recognize
from lab_kit.stream.sink.steps import Postprocess, Skipped

SENTENCES = tuple((n * 2.0 + 0.3, n * 2.0 + 1.2) for n in range(40))


def ignore(skipped: Skipped) -> None:
    """No step is asked for, so none can be skipped."""


async def read(engine: HandEngine, audio: FloatArray) -> list[Final]:
    results = recognize(
        engine, LoudnessScorer(), audio, asyncio.to_thread, Postprocess(()), ignore, StreamId.new()
    )
    return [final async for final in results]


async def read_answered(engine: HandEngine, audio: FloatArray) -> list[Final]:
    """The same by an engine that answers a little later."""
    recognizing = asyncio.create_task(read(engine, audio))
    async with asyncio.timeout(HANG_S):
        while not recognizing.done():
            engine.answer_all("x")
            await asyncio.sleep(0.001)
    return await recognizing


async def test_a_recording_is_cut_at_its_pauses_and_read_in_order() -> None:
    numbers = iter(range(100))
    engine = HandEngine(lambda request: f"sentence {next(numbers)}")
    finals = await read(engine, sound(8.0, SENTENCES[:4]))
    assert [final.text for final in finals] == [f"sentence {n}" for n in range(4)]
    for final, (start_s, end_s) in zip(finals, SENTENCES, strict=False):
        assert final.start_s == pytest.approx(start_s, abs=0.07)
        assert final.end_s == pytest.approx(end_s, abs=0.04)


async def test_silence_is_never_decoded() -> None:
    engine = HandEngine()
    assert await read(engine, sound(5.0, ())) == []
    assert await read(engine, np.zeros(0, np.float32)) == []
    assert engine.asked == []


async def test_an_upload_never_stands_in_front_of_someone_who_speaks() -> None:
    engine = HandEngine(lambda request: "x")
    await read(engine, sound(8.0, SENTENCES[:4]))
    classes = {request.priority_class for request, _ in engine.asked}
    assert classes == {PriorityClass.BATCH}


async def test_a_long_recording_takes_few_places_in_the_queue() -> None:
    engine = HandEngine()
    assert len(await read_answered(engine, sound(80.0, SENTENCES))) == 40
    assert engine.most_seen_open <= 16


async def test_a_client_that_goes_away_takes_its_decodes_along() -> None:
    engine = HandEngine()
    recognizing = asyncio.create_task(read(engine, sound(8.0, SENTENCES[:4])))
    async with asyncio.timeout(HANG_S):
        while not engine.open:
            await asyncio.sleep(0.001)
    recognizing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recognizing
    assert engine.open == []
    assert set(engine.cancelled) == {ticket.number for _, ticket in engine.asked}


async def test_a_queue_without_a_place_refuses_the_upload_and_keeps_nothing_of_it() -> None:
    engine = HandEngine(most_open=0)
    with pytest.raises(SystemOverloaded):
        await read(engine, sound(8.0, SENTENCES[:4]))
    assert engine.open == []


async def test_few_places_are_taken_one_after_another() -> None:
    """What was begun is not given up for want of a place that it will have itself."""
    engine = HandEngine(most_open=2)
    assert len(await read_answered(engine, sound(8.0, SENTENCES[:4]))) == 4
    assert engine.most_seen_open <= 2
