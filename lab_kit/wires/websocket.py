"""A WebSocket as a client holds it: messages out, stamped messages in, errors by name."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from lab_kit.core.errors import (
    ConnectionFailed,
    LabError,
    QuotaExceeded,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.protocol.error_body import told_error

OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
"""For the server's goodbye; one that cannot write it, because we did not read, never says it."""
MAX_MESSAGE_BYTES = 4_000_000
NORMAL, GOING_AWAY = 1000, 1001
"""Close codes (RFC 6455, 7.4.1): the purpose is fulfilled; an end that leaves before that."""


@dataclass(frozen=True, slots=True)
class StampedMessage:
    """A text message and when it arrived, on this process's monotonic clock."""

    text: str
    received_ns: int


class WebSocketWire:
    """An open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: bytes | str) -> int:
        """Send one message; returns when it was handed to the socket.

        Raises:
            ConnectionFailed: the connection is gone.
        """
        handed_ns = time.perf_counter_ns()
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise _lost(error) from error
        return handed_ns

    async def messages(self) -> AsyncIterator[StampedMessage]:
        """Text messages until the server closes normally.

        Raises:
            ConnectionFailed: see `received`.
        """
        async for content, received_ns in self.received():
            if isinstance(content, str):
                yield StampedMessage(content, received_ns)

    async def received(self) -> AsyncIterator[tuple[str | bytes, int]]:
        """Messages of both kinds, each with when it arrived, until the server closes normally.

        Raises:
            ConnectionFailed: it closed for another reason, which the error names. That the server
                goes away is such a reason: whether anything was still owed, only the dialect can
                tell.
        """
        try:
            while True:
                message = await self._connection.recv()
                yield message, time.perf_counter_ns()
        except ConnectionClosed as error:
            closed = _lost(error)
            if closed.close_code != NORMAL:
                raise closed from error


@asynccontextmanager
async def open_websocket(url: str, headers: Mapping[str, str]) -> AsyncIterator[WebSocketWire]:
    """Connect; closes at the end of the block.

    Raises:
        Unauthenticated: the server refused the key.
        SystemOverloaded, QuotaExceeded: it takes no more streams now, from anybody or from this
            caller; the error says when to come back.
        ConnectionFailed: nobody listens, or the upgrade was refused; the server's reason is in it.
    """
    try:
        connection = await connect(
            url,
            additional_headers=dict(headers),
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            proxy=None,
        )
    except InvalidStatus as error:
        raise _refused(error) from error
    except (OSError, TimeoutError, InvalidHandshake) as error:  # or one lost in the middle of it
        raise ConnectionFailed(
            f"no connection to {url.split('?')[0]} ({error})",
            "a server that listens there",
            "start it with lab serve, or pass the address that it printed",
        ) from error
    try:
        yield WebSocketWire(connection)
    finally:
        await connection.close()


def _refused(error: InvalidStatus) -> LabError:
    status = error.response.status_code
    if (named := told_error(bytes(error.response.body or b""))) is not None:
        return named
    reason = (error.response.body or b"").decode(errors="replace")[:300]
    if status in (429, 503):
        wait_s = error.response.headers.get("retry-after", "")
        full = SystemOverloaded if status == 503 else QuotaExceeded
        return full(
            f"the server refused the stream for now: {reason}",
            "a place for one more",
            "try again after the stated delay",
            retry_after_s=float(wait_s) if wait_s.isdecimal() else 1.0,
        )
    kind = Unauthenticated if status in (401, 403) else ConnectionFailed
    return kind(
        f"the server refused the stream with {status}: {reason}",
        "101 Switching Protocols",
        "change what the reason names and connect again" if status < 500 else "try again later",
    )


def _lost(error: ConnectionClosed) -> ConnectionFailed:
    """The connection is gone, and not because the server had fulfilled its purpose."""
    closed = error.rcvd
    said = f"{closed.code} {closed.reason}".strip() if closed else "no close frame"
    if closed is None and error.sent is not None:
        said = f"we ended it with {error.sent.code} {error.sent.reason}, and got no answer"
    return ConnectionFailed(
        f"the stream was closed: {said}",
        f"{NORMAL} after CloseStream",
        "see the reason, or the server's log if there is none",
        None if closed is None else int(closed.code),
    )
