"""Sessions over connections that are cut: nothing is lost, nothing comes twice.

The client is ours, the server's end is the one that a live stream has; between them is no socket
but a line that breaks after as many messages as a test wants.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lab_kit.client.sessions.line import Heard
from lab_kit.client.sessions.session import SessionClient
from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidMessage,
    LabError,
    MessageOutOfOrder,
    QuotaExceeded,
    SessionHistoryLost,
)
from lab_kit.core.ids import TenantId
from lab_kit.dialects.lab.errors import SessionEnding
from lab_kit.gateway.live.carrying import End, carried
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.live.session_wire import MOST_KEPT, MOST_WAITING, Kept, Replaced, SessionWire
from lab_kit.gateway.live.sessions import Session
from lab_kit.protocol.stream_messages import (
    Command,
    CommandMessage,
    EndReason,
    Numbered,
    Resume,
    SessionBegun,
    SessionEnded,
    SessionResumed,
    SpeechBegan,
    StreamRequest,
    Usage,
)

PATIENCE_S = 5.0
TENANT = TenantId("somebody")


def begun() -> SessionBegun:
    return SessionBegun(
        session="s", request_id="r", model="m", model_version="1", device="d", resume_window_s=5.0
    )


class Stream:
    """What a live stream does with its wire: it greets, answers each message, and ends.

    Attributes:
        heard: what it took, in order.
    """

    def __init__(self, answers: Sequence[int]) -> None:
        self.wire = SessionWire(window_s=PATIENCE_S)
        self.heard: list[bytes] = []
        self._answers: Iterator[int] = iter(answers)

    async def run(self) -> None:
        await self.wire.send(begun())
        while (message := await self.wire.receive()) != Command.FINISH:
            if isinstance(message, bytes):
                self.heard.append(message)
                for _ in range(next(self._answers, 0)):
                    await self.wire.send(SpeechBegan(at_s=float(len(self.heard))))
        words: tuple[Numbered, ...] = (
            Usage(from_s=0.0, until_s=1.0),
            SessionEnded(reason=EndReason.FINISHED),
        )
        await self.wire.close(SessionEnding(1000, "", last_words=words))


class Line:
    """A connection that breaks after so many messages, both ways together."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._up: asyncio.Queue[bytes | str] = asyncio.Queue()
        self._down: asyncio.Queue[Numbered | SessionResumed | None] = asyncio.Queue()
        self._broken = asyncio.Event()

    def cut(self) -> None:
        self._broken.set()

    def _carry(self) -> bool:
        self._left -= 1
        if self._left < 0:
            self._broken.set()
        return not self._broken.is_set()

    async def _next(self, queue: "asyncio.Queue[object]") -> object:
        """The next message, or a failure when the line breaks before it comes."""
        coming = asyncio.ensure_future(queue.get())
        breaking = asyncio.ensure_future(self._broken.wait())
        try:
            await asyncio.wait({coming, breaking}, return_when=asyncio.FIRST_COMPLETED)
            if self._broken.is_set():
                raise ConnectionFailed("a line that broke", "a line", "connect again")
            return coming.result()
        finally:
            coming.cancel()
            breaking.cancel()

    # the client's end

    async def send(self, message: bytes | CommandMessage, number: int) -> int:
        await asyncio.sleep(0)
        if not self._carry():
            raise ConnectionFailed("a line that broke", "a line", "connect again")
        self._up.put_nowait(message if isinstance(message, bytes) else message.type)
        return 0

    async def messages(self) -> AsyncIterator[Heard]:
        while True:
            # what has arrived is read although the line broke behind it
            arrived = not self._down.empty()
            message = self._down.get_nowait() if arrived else await self._next(self._down)  # type: ignore[arg-type]
            if message is None:
                return
            yield Heard(message, 0)  # type: ignore[arg-type]

    # the server's end

    async def open(self) -> None:
        pass

    async def receive(self) -> bytes | str:
        try:
            return await self._next(self._up)  # type: ignore[arg-type, return-value]
        except ConnectionFailed as error:
            raise ClientGone from error

    async def tell(self, message: Numbered | SessionResumed) -> None:
        await asyncio.sleep(0)
        if not self._carry():
            raise ClientGone
        self._down.put_nowait(message)

    async def close(self, ending: SessionEnding) -> None:
        self._down.put_nowait(None)


class ServerEnd:
    """The line as `carried` wants it."""

    def __init__(self, line: Line, resumed: SessionResumed | None) -> None:
        self._line = line
        self._resumed = resumed
        self.receive = line.receive
        self.close = line.close

    async def open(self) -> None:
        if self._resumed is not None:
            await self._line.tell(self._resumed)

    async def send(self, kept: Kept) -> None:
        await self._line.tell(kept.message)


class Ends:
    """What `carried` asks of a server's sessions: its patience, and an ear for ends."""

    def __init__(self, unsent_s: float = PATIENCE_S) -> None:
        self.unsent_s = unsent_s
        self.counted: list[str] = []
        self.count_connection = self.counted.append


class Lines:
    """Connections to one session; each breaks after its number of messages, later ones never."""

    def __init__(self, session: Session, cuts: Sequence[int]) -> None:
        self._session = session
        self._cuts = iter(cuts)

    @asynccontextmanager
    async def open(self, asked: StreamRequest | Resume) -> AsyncIterator[Line]:
        after = asked.after if isinstance(asked, Resume) else 0
        wire = self._session.wire
        taken = wire.taken
        connection = wire.connect(after)
        line = Line(next(self._cuts, 10**9))
        resumed = SessionResumed(session="s", after=after, taken=taken)
        end = ServerEnd(line, resumed if isinstance(asked, Resume) else None)
        carrying = asyncio.create_task(carried(Ends(), self._session, connection, end))
        try:
            yield line
        finally:
            line.cut()
            await carrying


async def spoken(
    answers: Sequence[int], cuts: Sequence[int], lag: int = 0
) -> tuple[list[bytes], list[Numbered], list[bytes], int]:
    """What was said, what was told, what was taken, and how often the client came back."""
    stream = Stream(answers)
    serving = asyncio.create_task(stream.run())
    lines = Lines(Session("s", TENANT, stream.wire, 1), cuts)
    client = SessionClient(lines, StreamRequest())
    said = [bytes([number % 256]) * 2 for number in range(len(answers))]
    async with asyncio.timeout(30):
        await client.open()

        async def speak() -> None:
            for piece in said:
                await client.send(piece)
            await client.finish()

        speaking = asyncio.create_task(speak())
        async for _ in client:
            for _ in range(lag):  # what has arrived waits, and its connection breaks meanwhile
                await asyncio.sleep(0)
        await speaking
        await client.close()
        await serving
    return said, client.messages, stream.heard, client.resumed


@settings(deadline=None, max_examples=30)
@given(
    answers=some.lists(some.integers(0, 4), max_size=12),
    # the first connection must live to tell the session's name: without it nobody can come back
    cuts=some.lists(some.integers(2, 12), max_size=6),
    lag=some.integers(0, 60),
)
def test_wherever_connections_are_cut_all_is_said_and_heard_once(
    answers: list[int], cuts: list[int], lag: int
) -> None:
    said, told, taken, _ = asyncio.run(spoken(answers, cuts, lag))
    _, uncut, _, _ = asyncio.run(spoken(answers, []))
    assert taken == said
    assert [m.sequence for m in told] == list(range(1, len(told) + 1))
    assert [plain(m) for m in told] == [plain(m) for m in uncut]


def plain(message: Numbered) -> dict[str, object]:
    """What it says, without what depends on when it was said."""
    return message.model_dump(exclude={"taken", "sent_ns"})


async def test_cuts_are_cuts() -> None:
    """The property above would hold for lines that never break."""
    *_, resumed = await spoken([1] * 10, [3, 3, 3])
    assert resumed >= 3


async def test_a_message_whose_sending_was_given_up_is_sent_again() -> None:
    """It may have left or not; what comes after it must not come before it."""
    stream = Stream([0] * 3)
    serving = asyncio.create_task(stream.run())
    client = SessionClient(Lines(Session("s", TENANT, stream.wire, 1), []), StreamRequest())
    async with asyncio.timeout(30):
        await client.open()
        await client.send(b"1")
        sending = asyncio.create_task(client.send(b"2"))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await client.send(b"3")
        await client.finish()
        async for _ in client:
            pass
        await client.close()
        await serving
    assert stream.heard == [b"1", b"2", b"3"]


async def test_a_session_that_waits_too_long_is_gone() -> None:
    wire = SessionWire(window_s=0.0)
    async with asyncio.timeout(10):
        with pytest.raises(ClientGone):
            await heard_out(wire)


async def heard_out(wire: SessionWire) -> None:
    while True:
        await wire.receive()


async def test_while_there_is_no_connection_silence_is_no_reason_to_end() -> None:
    wire = SessionWire(window_s=60.0)
    async with asyncio.timeout(10):
        assert await wire.receive() == Command.KEEP_ALIVE


async def test_a_newer_connection_takes_over() -> None:
    wire = SessionWire(window_s=60.0)
    older = wire.connect(0)
    newer = wire.connect(0)
    with pytest.raises(Replaced):
        await older.take(b"12")
    with pytest.raises(Replaced):
        await anext(older.messages())
    await newer.take(b"34")
    assert await wire.receive() == b"34"
    assert wire.taken == 1
    wire.leave(older)  # which changes nothing any more
    await newer.take(b"56")
    assert await wire.receive() == b"56"


async def test_a_message_by_number_is_taken_once_and_in_its_turn() -> None:
    wire = SessionWire(window_s=60.0)
    await wire.take(b"1", number=1)
    assert await wire.receive() == b"1"
    await wire.take(b"1", number=1)
    with pytest.raises(MessageOutOfOrder, match="message 2"):
        await wire.take(b"3", number=3)
    await wire.take(b"2", number=2)
    assert await wire.receive() == b"2"
    assert wire.taken == 2


async def test_few_posts_may_wait_for_their_turn() -> None:
    wire = SessionWire(window_s=60.0)
    await wire.take(b"1", number=1)  # which nobody works on
    waiting = [asyncio.create_task(wire.take(b"2", number=2)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(QuotaExceeded, match=f"{MOST_WAITING} messages wait"):
        await wire.take(b"3", number=3)
    assert [await wire.receive(), await wire.receive()] == [b"1", b"2"]
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    assert wire.taken == 2


async def test_what_comes_after_the_end_is_not_taken() -> None:
    wire = SessionWire(window_s=60.0)
    await wire.take(b"1")
    wire.abandon()
    await wire.take(b"2")
    assert wire.taken == 1


@pytest.mark.parametrize(
    ("after", "why", "what"),
    [
        (-1, InvalidMessage, "from 0 to"),
        (MOST_KEPT + 11, InvalidMessage, f"from 0 to {MOST_KEPT + 10}"),
        (5, SessionHistoryLost, "messages from 11 on are kept"),
    ],
)
async def test_what_was_not_told_or_is_not_kept_cannot_be_gone_on_from(
    after: int, why: type[LabError], what: str
) -> None:
    wire = SessionWire(window_s=60.0)
    for _ in range(MOST_KEPT + 10):
        await wire.send(SpeechBegan(at_s=0.0))
    with pytest.raises(why, match=what):
        wire.connect(after)
    wire.connect(10)


async def test_a_stream_that_ends_without_a_word_lets_its_connection_go() -> None:
    wire = SessionWire(window_s=60.0)
    connection = wire.connect(0)
    messages = connection.messages()
    waiting = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)
    wire.abandon()
    with pytest.raises(StopAsyncIteration):
        async with asyncio.timeout(10):
            await waiting


async def test_who_takes_nothing_loses_the_connection_and_not_the_session() -> None:
    wire = SessionWire(window_s=60.0)
    session = Session("s", TENANT, wire, 1)
    closed: list[SessionEnding] = []

    class Deaf:
        async def open(self) -> None:
            pass

        async def receive(self) -> bytes:
            await asyncio.Event().wait()
            return b""

        async def send(self, kept: Kept) -> None:
            await asyncio.Event().wait()

        async def close(self, ending: SessionEnding) -> None:
            closed.append(ending)

    telling = asyncio.create_task(wire.send(begun()))
    async with asyncio.timeout(10):
        ends = Ends(unsent_s=0.2)
        await carried(ends, session, wire.connect(0), Deaf())
        await telling
    assert ends.counted == [End.UNREAD]
    assert closed[0].reason.startswith("SLOW_CONSUMER")
    assert (await anext(wire.connect(0).messages())).sequence == 1
