"""A TCP connection to the server without a client library between: what no library would send."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from attempts import CLOSED, HUNG, Outcome, Target, answered

READ_BYTES = 65_536
MOST_KEPT_BYTES = 1_000_000
"""Of what the server says; none of its heads or frames is longer."""
T = TypeVar("T")
OPENED = Outcome("101")
UPGRADE = (
    "upgrade: websocket",
    "connection: upgrade",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)
"""The lines of a head that ask for a WebSocket."""


class Connection:
    """One connection; the server ending it is an answer here, and no error.

    Sending may fail while there is something left to read: what the server said last.
    """

    def __init__(self, client: socket.socket) -> None:
        self._socket = client
        self._loop = asyncio.get_running_loop()
        self._kept = bytearray()

    async def send(self, pieces: Iterable[bytes]) -> bool:
        """Send all of them; False once the server takes no more."""
        try:
            for piece in pieces:
                await self._loop.sock_sendall(self._socket, piece)
                await asyncio.sleep(0)  # others' turn: a socket with room never waits
        except OSError:
            return False
        return True

    def half_close(self) -> None:
        """Say that no more will be sent."""
        with suppress(OSError):  # the server was first
            self._socket.shutdown(socket.SHUT_WR)

    async def exactly(self, length: int) -> bytes | None:
        """The next bytes; None if the server ended before them."""
        while len(self._kept) < length:
            if not await self._read():
                return None
        taken = bytes(self._kept[:length])
        del self._kept[:length]
        return taken

    async def status(self) -> int | None:
        """The status of the next answer, its head taken; None if the server ended before it."""
        while (end := self._kept.find(b"\r\n\r\n")) < 0:
            if not await self._read():
                return None
        head = await self.exactly(end + 4)
        assert head is not None
        return int(head.split()[1])

    async def is_ended(self, within_s: float) -> bool:
        """Whether the server ends the connection in that time; what it says is dropped."""
        try:
            async with asyncio.timeout(within_s):
                while await self._read():
                    self._kept.clear()
        except TimeoutError:
            return False
        return True

    async def _read(self) -> bool:
        """Read some more; False once the server has ended it."""
        try:
            some = await self._loop.sock_recv(self._socket, READ_BYTES)
        except OSError:
            return False
        self._kept += some
        assert len(self._kept) <= MOST_KEPT_BYTES, "the server says more than it ever should"
        return bool(some)


@asynccontextmanager
async def connected(target: Target, receive_bytes: int | None = None) -> AsyncIterator[Connection]:
    """A connection, left at the end without a farewell.

    Args:
        receive_bytes: what the kernel holds for us unread; None leaves it to the system.
    """
    with socket.socket() as client:
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, target.address)
        yield Connection(client)


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Work beside the block, broken off with it: nothing waits for a socket that is closed."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def talked(
    target: Target, talk: Callable[[Connection], Awaitable[Outcome]]
) -> Sequence[Outcome]:
    """What comes of a talk over a connection of its own; it hangs when patience is over."""
    try:
        async with asyncio.timeout(target.patience_s), connected(target) as connection:
            return [await talk(connection)]
    except TimeoutError:
        return [HUNG]


async def asked(
    target: Target, pieces: Iterable[bytes], *, is_public: bool = False
) -> Sequence[Outcome]:
    """Send what is a whole request, and judge its answer; the server may end it instead."""

    async def ask(connection: Connection) -> Outcome:
        # an answer may come before everything was sent
        async with meanwhile(connection.send(pieces)):
            return await answer(target, connection, is_public=is_public)

    return await talked(target, ask)


async def answer(target: Target, connection: Connection, *, is_public: bool = False) -> Outcome:
    """Judge the next answer on a connection."""
    status = await connection.status()
    return CLOSED if status is None else answered(target, status, is_public)


async def upgraded(target: Target, connection: Connection, path: str) -> Outcome | None:
    """Ask for a WebSocket; what came instead, or None once it is open."""
    await connection.send([head(target, "GET", path, *UPGRADE)])
    opened = await answer(target, connection)
    return None if opened == OPENED else opened


def post(target: Target, path: str, kind: str, body: bytes) -> list[bytes]:
    """A request with a body."""
    lines = (f"content-type: {kind}", f"content-length: {len(body)}")
    return [head(target, "POST", path, *lines), body]


def head(target: Target, method: str, path: str, *lines: str) -> bytes:
    """A request's head, with the key if there is one."""
    keys = [f"{name}: {value}" for name, value in target.headers.items()]
    said = [f"{method} {path} HTTP/1.1", "host: localhost", *keys, *lines, "", ""]
    return "\r\n".join(said).encode("latin-1")
