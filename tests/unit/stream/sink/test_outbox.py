"""What waits for a client that reads slowly: the newest interim, every final, and not for ever."""

import asyncio

import pytest
from hang import HANG_S

from lab_kit.core.errors import SlowConsumer
from lab_kit.core.events import Event, Final, Interim, SpeechStarted, Timing
from lab_kit.stream.sink.outbox import Outbox

TIMING = Timing(0, 0, 0, 0, 0, 0, 0)


def interim(text: str) -> Interim:
    return Interim(1, 0, 1, text, 0, 1, TIMING)


def final(text: str) -> Final:
    return Final(1, 0, 1, text, 1, True, False, TIMING)


async def all_of(outbox: Outbox) -> list[Event]:
    outbox.close()
    events = []
    while (event := await outbox.take()) is not None:
        events.append(event)
    return events


async def test_the_newest_interim_replaces_the_one_that_waits() -> None:
    outbox = Outbox()
    for text in ("a", "a b", "a b c"):
        outbox.put(interim(text))
    assert outbox.dropped_interims == 2
    assert await all_of(outbox) == [interim("a b c")]


async def test_an_interim_never_replaces_one_from_before_a_final() -> None:
    outbox = Outbox()
    events: list[Event] = [interim("a"), final("A."), interim("b"), SpeechStarted(1.0)]
    for event in events:
        outbox.put(event)
    outbox.put(interim("c"))
    assert await all_of(outbox) == [*events, interim("c")]


async def test_finals_wait_all_of_them_and_the_one_too_many_ends_it() -> None:
    outbox = Outbox(limit=3)
    for text in "abc":
        outbox.put(final(text))
    with pytest.raises(SlowConsumer, match="3 results wait"):
        outbox.put(final("d"))
    assert await all_of(outbox) == [final(text) for text in "abc"]


async def test_interims_alone_never_end_it() -> None:
    outbox = Outbox(limit=3)
    for text in "ab":
        outbox.put(final(text))
    for n in range(1_000):
        outbox.put(interim(str(n)))
    assert await all_of(outbox) == [final("a"), final("b"), interim("999")]


async def test_taking_waits_for_an_event() -> None:
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put(final("a"))
    assert await asyncio.wait_for(taking, HANG_S) == final("a")


async def test_closing_ends_the_wait() -> None:
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.close()
    assert await asyncio.wait_for(taking, HANG_S) is None
