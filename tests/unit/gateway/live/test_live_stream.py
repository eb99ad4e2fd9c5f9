"""What all wires have in common, on one made by hand: slow readers, silence, draining, ends."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hang import HANG_S
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until

from lab_kit.audio.pcm import to_pcm16
from lab_kit.core.errors import InvalidMessage, LabError
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    PriorityClass,
    StreamEnded,
    StreamOptions,
)
from lab_kit.core.ids import RequestId
from lab_kit.gateway.door.call import Call
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live import live_stream
from lab_kit.gateway.live.ending_after import ending_after
from lab_kit.gateway.live.live_stream import GONE, ClientGone, LiveStream
from lab_kit.gateway.run.server import Server
from lab_kit.protocol.live import Audio, Change, Control, Ending, Input, Reply

NOISE = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
CALL = Call(RequestId.new(), None, "127.0.0.1")
WORD = to_pcm16(NOISE) + bytes(16_000)
"""A second of what the scripted detector takes for speech, and half a second of silence."""
ServerWith = Callable[..., Server]


class Words:
    """A dialect that says events as they are; a LabError as a message raises."""

    options = StreamOptions()

    def greet(self) -> Sequence[Any]:
        return ["hello"]

    def parse(self, message: Any) -> Sequence[Input]:
        if isinstance(message, LabError):
            raise message
        return [Audio(message) if isinstance(message, bytes) else message]

    def render(self, event: Event, sent_ns: int) -> Sequence[Any]:
        return [event]

    def end(self, error: LabError | None) -> tuple[Sequence[Any], Ending]:
        return (["farewell"], Ending("OK" if error is None else error.reason, str(error)))


class Hands:
    """A wire that gives what a test puts in; it takes results unless it is told not to."""

    def __init__(self, *messages: Any, reads: bool = True) -> None:
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        for message in messages:
            self.inbox.put_nowait(message)
        self.may_take = asyncio.Event()
        if reads:
            self.may_take.set()
        self.is_awaited, self.is_offered = asyncio.Event(), asyncio.Event()
        self.taken: list[Any] = []
        self.ending: Ending | None = None

    async def open(self) -> None:
        pass

    async def receive(self) -> Any:
        if self.inbox.empty():
            self.is_awaited.set()
        message = await self.inbox.get()
        if message is ClientGone:
            raise ClientGone
        return message

    async def send(self, message: Any) -> None:
        if message != "hello":
            self.is_offered.set()
            await self.may_take.wait()
        self.taken.append(message)

    async def close(self, ending: Ending) -> None:
        self.ending = ending


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator[ServerWith]:
    made: list[Server] = []

    def make(answer: str = "word", **limits: float) -> Server:
        server = server_at(
            tmp_path,
            lambda _: recognizer(ScriptedEngine(answer)),
            limits=replace(Limits(), **limits),
        )
        made.append(server)
        wait_until(lambda: server.door.is_ready)
        return server

    yield make
    for server in made:
        server.stop()


async def served(server: Server, wire: Hands, idle_s: float | None = None) -> list[Event]:
    """Serve a stream to its end; gives the events that were taken."""
    async with server.door.open(CALL) as admitted, asyncio.timeout(HANG_S):
        place = admitted.stream(PriorityClass.INTERACTIVE)
        await LiveStream(server.streams, place, wire, Words(), idle_s).run()
    assert not server.door.streams
    return [one for one in wire.taken if not isinstance(one, str)]


def kinds(events: list[Event], *wanted: type) -> list[type]:
    return [type(event) for event in events if isinstance(event, wanted)]


async def test_a_stream_is_greeted_heard_and_ended(server_with: ServerWith) -> None:
    wire = Hands(WORD, Reply("to you"), Control.KEEP_ALIVE, Control.CLOSE)
    events = await served(server_with(), wire)
    assert wire.taken[0] == "hello"
    assert "to you" in wire.taken
    assert wire.taken[-1] == "farewell"
    assert kinds(events, Final, StreamEnded) == [Final, StreamEnded]
    assert wire.ending is not None
    assert wire.ending.code == "OK"


async def test_how_turns_end_can_be_changed_while_it_goes_on(server_with: ServerWith) -> None:
    """The silence behind the second word is not enough for the longer one that is asked for."""
    longer = Change(StreamOptions(endpoint_silence_s=5.0))
    wire = Hands(WORD, longer, WORD, Control.FINALIZE, Control.CLOSE)
    events = await served(server_with(), wire)
    finals = [event for event in events if isinstance(event, Final)]
    assert [(one.endpoint, one.requested) for one in finals] == [(True, False), (False, True)]


@pytest.mark.parametrize(("times", "counts"), [(1, "all"), (3, "fewer")])
async def test_finals_of_sound_that_comes_faster_than_speech_say_nothing_of_the_load(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch, times: int, counts: str
) -> None:
    """A second and a half may have been kept while it connected; four and a half were not."""
    server, told = server_with(), []
    monkeypatch.setattr(server.watch, "sent", lambda event, *_: told.append(event))
    finals = kinds(await served(server, Hands(WORD * times, Control.CLOSE)), Final)
    assert finals
    assert ("all" if kinds(told, Final) == finals else "fewer") == counts


@pytest.mark.parametrize("place", ["greet", "parse", "render"])
async def test_a_defect_of_a_dialect_ends_its_stream_in_the_providers_words(
    server_with: ServerWith,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise AttributeError("'int' object has no attribute 'get'")

    monkeypatch.setattr(Words, place, fail)
    wire = Hands(WORD, Control.CLOSE)
    await served(server_with(), wire)
    assert wire.taken[-1] == "farewell"
    assert wire.ending is not None
    assert wire.ending.code == "INTERNAL"
    assert "attribute" not in wire.ending.reason
    assert caplog.text.count("a live stream failed") == 1
    assert "Traceback" not in caplog.text


async def test_who_reads_slowly_loses_interims_and_no_final(server_with: ServerWith) -> None:
    server = server_with()
    wire = Hands(reads=False)
    running = asyncio.create_task(served(server, wire))
    for _ in range(6):
        for start in range(0, len(WORD), 3_200):
            wire.inbox.put_nowait(WORD[start : start + 3_200])
            await asyncio.sleep(0)
    wire.inbox.put_nowait(Control.CLOSE)
    while wire.inbox.qsize():
        await asyncio.sleep(0)
    for _ in range(100):  # everything is said, and the first of it not taken yet
        await asyncio.sleep(0)
    wire.may_take.set()
    events = await running
    finals = kinds(events, Final)
    assert len(finals) == 6
    assert len(kinds(events, Interim)) <= 7
    assert isinstance(events[-1], StreamEnded)


async def test_who_does_not_read_at_all_is_let_go_with_a_reason(server_with: ServerWith) -> None:
    wire = Hands(WORD, reads=False)
    await served(server_with(unsent_s=0.2), wire)
    assert wire.ending is not None
    assert wire.ending.code == "SLOW_CONSUMER"
    assert "farewell" not in wire.taken  # it would not be read either


async def test_silence_ends_a_stream_after_what_it_is_owed(server_with: ServerWith) -> None:
    wire = Hands(WORD)
    events = await served(server_with(idle_s=0.2), wire)
    assert kinds(events, Final, StreamEnded) == [Final, StreamEnded]
    assert wire.ending is not None
    assert wire.ending.code == "STREAM_IDLE"


async def test_a_stream_may_have_a_limit_of_its_own_for_silence(server_with: ServerWith) -> None:
    wire = Hands(WORD)
    await served(server_with(idle_s=HANG_S), wire, idle_s=0.2)
    assert wire.ending is not None
    assert wire.ending.code == "STREAM_IDLE"


async def test_a_stream_ends_when_it_was_open_for_as_long_as_it_may_be(
    server_with: ServerWith,
) -> None:
    server, wire = server_with(idle_s=HANG_S), Hands(WORD)
    reason = InvalidMessage("a stream of 0.2 s", "a shorter one", "open another")
    async with server.door.open(CALL) as admitted, asyncio.timeout(HANG_S):
        place = admitted.stream(PriorityClass.INTERACTIVE)
        stream = LiveStream(server.streams, place, wire, Words())
        with ending_after(0.2, stream, reason):
            await stream.run()
    assert kinds(wire.taken, Final, StreamEnded) == [Final, StreamEnded]
    assert wire.ending is not None
    assert wire.ending.reason == str(reason)


async def test_a_stream_may_hold_less_than_the_server_lets_it(server_with: ServerWith) -> None:
    server, wire = server_with(), Hands(WORD, WORD)
    async with server.door.open(CALL) as admitted, asyncio.timeout(HANG_S):
        place = admitted.stream(PriorityClass.INTERACTIVE)
        await LiveStream(server.streams, place, wire, Words(), longest_s=2.0).run()
    assert wire.ending is not None
    assert wire.ending.code == "PAYLOAD_TOO_LARGE"
    assert "at most 2 s" in wire.ending.reason


async def test_a_server_that_was_held_up_does_not_call_the_client_silent(
    server_with: ServerWith,
) -> None:
    """What the client sent meanwhile reaches the stream some turns of the event loop later."""
    loop, wire, idle_s = asyncio.get_running_loop(), Hands(WORD), 0.2
    running = asyncio.create_task(served(server_with(idle_s=idle_s), wire))
    await wire.is_awaited.wait()
    loop.call_soon(time.sleep, idle_s * 2)
    for _ in range(4):
        await asyncio.sleep(0)
    wire.inbox.put_nowait(Control.CLOSE)
    await running
    assert wire.ending is not None
    assert wire.ending.code == "OK"


async def test_a_server_that_was_held_up_does_not_call_the_client_slow(
    server_with: ServerWith,
) -> None:
    loop, wire, unsent_s = asyncio.get_running_loop(), Hands(WORD, reads=False), 0.2
    running = asyncio.create_task(served(server_with(unsent_s=unsent_s), wire))
    await wire.is_offered.wait()
    loop.call_soon(time.sleep, unsent_s * 2)
    for _ in range(4):
        await asyncio.sleep(0)
    wire.may_take.set()
    wire.inbox.put_nowait(Control.CLOSE)
    await running
    assert wire.ending is not None
    assert wire.ending.code == "OK"


async def test_a_server_that_stops_says_what_it_owes(server_with: ServerWith) -> None:
    server = server_with()
    wire = Hands(to_pcm16(NOISE))
    running = asyncio.create_task(served(server, wire))
    await wire.is_awaited.wait()
    server.door.drain(0.0)
    events = await running
    assert kinds(events, Final, StreamEnded) == [Final, StreamEnded]
    assert wire.ending is not None
    assert wire.ending.code == "GOING_AWAY"


async def test_a_client_with_much_to_say_does_not_hold_up_others(
    server_with: ServerWith,
) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    wire = Hands(*[Control.KEEP_ALIVE] * 100, *[bytes(320)] * 100, Control.CLOSE)
    beside = asyncio.create_task(other())
    await served(server_with(), wire)
    beside.cancel()
    assert turns >= 200


@pytest.mark.parametrize("message", [bytes(2), Control.KEEP_ALIVE], ids=["sound", "text"])
async def test_more_messages_than_sound_or_time_explain_end_the_stream(
    server_with: ServerWith, message: Any
) -> None:
    wire = Hands(*[message] * 100_000)
    await served(server_with(), wire)
    assert wire.ending is not None
    assert wire.ending.code == "PAYLOAD_TOO_LARGE"
    assert wire.inbox.qsize() > 97_000  # however long the server takes for each


async def test_what_the_server_takes_for_each_allows_for_no_more_messages(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse_slowly(dialect: Words, message: Any) -> Sequence[Input]:
        time.sleep(0.006)  # for fewer than are allowed in a second
        return [Audio(message)]

    monkeypatch.setattr(live_stream, "FREE_MESSAGES", 50)
    monkeypatch.setattr(Words, "parse", parse_slowly)
    wire = Hands(*[bytes(2)] * 400, Control.CLOSE)
    await served(server_with(), wire)
    assert wire.ending is not None
    assert wire.ending.code == "PAYLOAD_TOO_LARGE"


async def test_a_recording_in_short_chunks_may_come_as_fast_as_it_goes(
    server_with: ServerWith,
) -> None:
    wire = Hands(*[bytes(2 * 160)] * 6_000, Control.CLOSE)  # a minute in chunks of 10 ms
    await served(server_with(), wire)
    assert wire.ending is not None
    assert wire.ending.code == "OK"


async def test_a_stream_may_be_told_to_end_more_than_once(server_with: ServerWith) -> None:
    """The server stops while it closes streams: the later reason is given, and nothing fails."""
    server = server_with()
    wire = Hands(to_pcm16(NOISE))
    running = asyncio.create_task(served(server, wire))
    await wire.is_awaited.wait()
    (stream,) = server.door.streams
    stream.close_early(InvalidMessage("a", "b", "c"))
    for _ in range(4):
        server.door.drain(0.0)
        await asyncio.sleep(0)  # by the second time the reading has been broken off
    events = await running
    assert kinds(events, Final, StreamEnded) == [Final, StreamEnded]
    assert wire.ending is not None
    assert wire.ending.code == "GOING_AWAY"


@pytest.mark.parametrize("bad", [b"odd", InvalidMessage("a", "b", "c")])
async def test_what_was_said_before_a_bad_message_is_still_owed(
    server_with: ServerWith, bad: Any
) -> None:
    wire = Hands(WORD, bad)
    events = await served(server_with(), wire)
    assert kinds(events, Final, StreamEnded) == [Final, StreamEnded]
    assert wire.ending is not None
    assert wire.ending.code in ("INVALID_AUDIO_FORMAT", "INVALID_MESSAGE")


async def test_a_client_that_vanishes_is_counted_and_leaves_nothing(
    server_with: ServerWith,
) -> None:
    server = server_with()
    wire = Hands(WORD, ClientGone)
    await served(server, wire)
    assert wire.ending is None
    ends = server.metrics.exposition()[0].decode()
    assert f'lab_stream_ends_total{{code="{GONE}",version="1"}} 1.0' in ends
    assert server.versions.status(1).in_flight == 0
    assert server.versions.production.name == MODEL
