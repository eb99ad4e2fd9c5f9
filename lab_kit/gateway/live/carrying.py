"""A session carried over one connection, until one of the two ends."""

import asyncio
from contextlib import suppress
from typing import Protocol

from lab_kit.dialects.lab.errors import POLICY, REPLACED, SessionEnding
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.live.session_wire import Connection, Kept, Replaced
from lab_kit.gateway.live.sessions import Session

PATIENCE = 0.8
"""Of ``unsent_s``: a client that takes nothing loses its connection before its stream gives up on
it, so that it may come back."""
ELSEWHERE = SessionEnding(REPLACED, "the session goes on over another connection", (), "ABORTED")
NOT_READ = SessionEnding(POLICY, "SLOW_CONSUMER: nothing was read for too long", (), "ABORTED")


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


async def carried(session: Session, connection: Connection, line: Line, unsent_s: float) -> None:
    """Carry a session until it ends, or goes on elsewhere, or the client is gone.

    Args:
        unsent_s: how long a client may refuse to take a message.
    """
    try:
        await line.open()
        ending = await _until_over(session, connection, line, unsent_s * PATIENCE)
        if ending is not None:
            await line.close(ending)
    except (ClientGone, OSError):
        pass  # the session waits for the next connection
    finally:
        session.wire.leave(connection)


async def _until_over(
    session: Session, connection: Connection, line: Line, patience_s: float
) -> SessionEnding | None:
    """How the connection ends; None where the client has ended it.

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
            return ELSEWHERE
        if writing.done():
            writing.result()
            return session.wire.ending
        reading.result()
        return None
    except Replaced:
        return ELSEWHERE
    except TimeoutError:
        return NOT_READ
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(connection: Connection, line: Line) -> None:
    with suppress(Replaced):
        while True:
            await connection.take(await line.receive())


async def _write(connection: Connection, line: Line, patience_s: float) -> None:
    async for kept in connection.messages():
        # not wait_for: until Python 3.12 it can swallow a cancellation
        async with fair_timeout(patience_s):
            await line.send(kept)
