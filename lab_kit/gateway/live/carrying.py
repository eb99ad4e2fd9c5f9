"""A session carried over one connection, until one of the two ends."""

import asyncio
from enum import StrEnum
from typing import Protocol

from lab_kit.dialects.lab.errors import POLICY, REPLACED, SessionEnding
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.live.session_wire import LOST, Connection, Kept, Replaced
from lab_kit.gateway.live.sessions import Session, Sessions

PATIENCE = 0.8
"""Of ``unsent_s``: a client that takes nothing loses its connection before its stream gives up on
it, so that it may come back."""
_ELSEWHERE, _NOT_READ = "the session goes on elsewhere", "SLOW_CONSUMER: nothing was read in time"
ELSEWHERE = SessionEnding(REPLACED, _ELSEWHERE, status="ABORTED")
NOT_READ = SessionEnding(POLICY, _NOT_READ, status="ABORTED")


class End(StrEnum):
    """How a connection of a session ends."""

    WITH_THE_SESSION = "with_the_session"
    LOST = "lost"
    REPLACED = "replaced"
    UNREAD = "unread"


class Line(Protocol):
    """One connection: it moves a session's messages."""

    async def open(self) -> None:
        """Accept it, and say what session is gone on with, if one is."""
        ...

    async def receive(self) -> bytes | str:
        """The client's next message.

        Raises:
            ClientGone: none will come.
        """
        ...

    async def send(self, kept: Kept) -> None:
        """Send a message; waits while the client does not take what was sent before.

        Raises:
            ClientGone: nobody will take it.
        """
        ...

    async def close(self, ending: SessionEnding) -> None:
        """End it."""
        ...


async def carried(sessions: Sessions, session: Session, connection: Connection, line: Line) -> None:
    """Carry a session until it ends, or goes on elsewhere, or the client is gone."""
    end = End.LOST
    patience_s = sessions.unsent_s * PATIENCE
    try:
        async with fair_timeout(patience_s):
            await line.open()
        end = await _until_over(connection, line, patience_s)
        endings = {End.REPLACED: ELSEWHERE, End.UNREAD: NOT_READ}
        async with fair_timeout(patience_s):
            await line.close(endings.get(end) or session.wire.ending or LOST)
    except (ClientGone, OSError):
        pass  # the session waits for the next connection
    finally:
        sessions.count_connection(end)
        session.wire.leave(connection)


async def _until_over(connection: Connection, line: Line, patience_s: float) -> End:
    """How the connection ends.

    Raises:
        ClientGone: the client has gone.
    """
    reading = asyncio.create_task(_read(connection, line))
    writing = asyncio.create_task(_write(connection, line, patience_s))
    replaced = asyncio.create_task(connection.until_replaced())
    tasks = {reading, writing, replaced}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if replaced.done():
            return End.REPLACED
        if writing.done():
            writing.result()
            return End.WITH_THE_SESSION
        reading.result()
        raise AssertionError("reading ends by an exception")
    except Replaced:
        return End.REPLACED
    except TimeoutError:
        return End.UNREAD
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(connection: Connection, line: Line) -> None:
    while True:
        await connection.take(await line.receive())


async def _write(connection: Connection, line: Line, patience_s: float) -> None:
    async for kept in connection.messages():
        # not wait_for: until Python 3.12 it can swallow a cancellation
        async with fair_timeout(patience_s):
            await line.send(kept)
