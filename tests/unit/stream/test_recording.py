"""A whole recording at once: cut at pauses, behind whatever is live, never filling the queue."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from hand_engine import HandEngine
from hang import HANG_S
from scripted import LoudnessScorer, sound

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import Final, PriorityClass
from lab_kit.core.ids import StreamId
from lab_kit.core.units import samples
from lab_kit.stream.recording import MOST_AHEAD, recognize
from lab_kit.stream.sink.steps import Postprocess, Skipped

SENTENCES = tuple((n * 2.0 + 0.3, n * 2.0 + 1.2) for n in range(40))


def ignore(skipped: Skipped) -> None:
    """No step is asked for, so none can be skipped."""


async def read(engine: HandEngine, *blocks: FloatArray) -> list[Final]:
    results = recognize(
        engine,
        LoudnessScorer(),
        iter(blocks),
        asyncio.to_thread,
        Postprocess(()),
        ignore,
        StreamId.new(),
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


@pytest.mark.parametrize("block_s", [0.05, 0.73, 3.0])
async def test_how_it_is_cut_into_blocks_changes_nothing(block_s: float) -> None:
    audio = sound(8.0, SENTENCES[:4])
    whole, blocks = HandEngine(lambda request: "x"), HandEngine(lambda request: "x")
    expected = await read(whole, audio)
    each = samples(block_s)
    cut = [audio[start : start + each] for start in range(0, len(audio), each)]
    heard = await read(blocks, *cut)
    assert [(f.start_s, f.end_s) for f in heard] == [(f.start_s, f.end_s) for f in expected]
    assert [len(r.audio) for r, _ in blocks.asked] == [len(r.audio) for r, _ in whole.asked]


async def test_no_more_is_heard_than_the_engine_is_about_to_need() -> None:
    taken = 0

    def blocks() -> Iterator[FloatArray]:
        nonlocal taken
        for start in range(0, samples(80.0), samples(2.0)):
            taken += 1
            yield audio[start : start + samples(2.0)]

    audio, engine = sound(80.0, SENTENCES), HandEngine()
    finals = recognize(
        engine,
        LoudnessScorer(),
        blocks(),
        asyncio.to_thread,
        Postprocess(()),
        ignore,
        StreamId.new(),
    )
    first = asyncio.create_task(anext(finals))
    async with asyncio.timeout(HANG_S):
        while len(engine.open) < MOST_AHEAD:
            await asyncio.sleep(0.001)
    assert taken <= 2 * MOST_AHEAD + 2
    engine.answer_all("x")
    await first
    await finals.aclose()


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
