"""WebSocket connections that end, and that hold up nobody meanwhile.

uvicorn closes a connection when the application has returned, but closing waits until everything
written has been sent, and a client that does not read never lets that happen. The socket and its
buffers would stay as long as the client does. Nor would it ever write the close frame, so that who
reads again a moment later would not learn why the stream is over.

What a client sends ahead of its stream is held in few places. uvicorn reads on only when the
application has taken every message: it holds one read of the event loop, 256 KiB, and the message
that is not complete; the rest waits in the kernel. That one read may hold forty thousand frames of
six bytes, which parse for a quarter of a second; so it is parsed in slices, others' turn between
them, and no further than the application has taken the messages. After the close frame it reads on
and discards, until the client answers it or the time is over, so that no reset overtakes the close
frame.

Pings are answered as long as the client reads. While it does not, the latest alone will be, as the
protocol allows, and what is written does not grow.

Source: RFC 6455, 5.5.3 (a pong for the most recent ping), 7.4.1 (1007, 1008, 1009).
"""

import asyncio
import logging
import socket
from contextlib import suppress
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame

from lab_kit.gateway.door.connections import Connections
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.fair_timeout import Countdown

SLICE_BYTES = 2_048
"""Parsed at a time: at most 341 frames, a few milliseconds."""
UNHEARD_BYTES = 16 * 2**20
"""Dropped of a client that was told that its connection is over. More than the two sockets hold
between it and that frame comes from one that does not listen."""
STALLS = 2
"""Times ``unsent_s`` after which a client that takes nothing at all is let go here. A stream that
owes it results gives up after one, and can say of what."""
_PONG = b"\x8a"
"""How a pong begins: the last fragment, opcode 10."""
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_log = logging.getLogger(__name__)


def releasing_protocol(limits: Limits, places: Connections) -> type["ReleasingConnection"]:
    """uvicorn's WebSocket protocol, which lets go of a connection at last, with these limits."""
    # below that it tells of every connection, with its query, in which a key may stand
    _log.setLevel(logging.WARNING)

    class Limited(ReleasingConnection):
        pass

    Limited.limits, Limited.places = limits, places
    return Limited


class ReleasingConnection(WebSocketsSansIOProtocol):
    """The protocol, from the upgrade to the connection's end."""

    limits: Limits
    places: Connections

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = self.conn.logger = _log
        self._arrived = bytearray()
        self._turn: asyncio.Handle | None = None
        self._pong = b""
        self._stall: Countdown | None = None
        self._is_deaf, self._unheard_bytes = False, 0

    # -- from the upgrade to the end -------------------------------------------------------------

    async def run_asgi(self) -> None:
        """Serve the stream, then close, and abort what is still not closed."""
        try:
            await super().run_asgi()
        finally:
            Countdown(self.limits.unsent_s, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Hand a message over; the last one, a frame of 127 bytes at most, does not wait."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # refused is an answer, too
        if self.close_sent or message["type"] == "websocket.accept":
            self._read_on()

    async def receive(self) -> Any:
        """The next message; what has arrived is parsed before more is read."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    def connection_lost(self, exc: Exception | None) -> None:
        """Free everything, the place that it had as an HTTP connection too."""
        super().connection_lost(exc)
        self._arrived.clear()
        self._end_stall()
        self.places.leave(self.transport)

    # -- what arrives ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse a first slice; the others follow in their turns."""
        if self._is_deaf:
            self._unheard_bytes += len(data)
            if self._unheard_bytes > UNHEARD_BYTES:
                self.transport.abort()
            return
        self._arrived += data
        if self._awaits_answer:
            self.transport.pause_reading()
        elif self._turn is None:
            self._parse_slice()

    @property
    def _awaits_answer(self) -> bool:
        """Whether the client has no answer to its upgrade yet, before which no frame may come.

        The library reads frames then all the same, and cannot refuse a bad one
        [Source: RFC 6455, 4.1].
        """
        return self.handshake_initiated and not self.handshake_complete

    def _parse_slice(self) -> None:
        self._turn = None
        part = bytes(self._arrived[:SLICE_BYTES])
        del self._arrived[:SLICE_BYTES]
        super().data_received(part)
        if not self.handshake_initiated:
            self._refuse_handshake()
        self._read_on()

    def _read_on(self) -> None:
        """Go on with what has arrived, or else with what is in the kernel."""
        if self.transport.is_closing():
            self._arrived.clear()
        elif self._awaits_answer:
            self.transport.pause_reading()
        elif self._turn is None and not self.read_paused:
            if self._arrived:
                self.transport.pause_reading()
                self._turn = self.loop.call_soon(self._parse_slice)
            else:
                self.transport.resume_reading()

    def _refuse_handshake(self) -> None:
        """Answer a head that the library refused before uvicorn saw it; it would hear nothing."""
        if self.conn.handshake_exc is not None:
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_REQUEST)
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        """One more fragment of a message, if it may have any more."""
        if len(self.frames) < self.limits.message_frames:
            super().handle_cont(event)
        else:
            most = f"a message of more than {self.limits.message_frames:,} frames"
            self._fail(CloseCode.MESSAGE_TOO_BIG, most)

    def send_receive_event_to_app(self) -> None:
        """Queue a message, unless it is a text that is none."""
        self.frames = [b"".join(self.frames)]
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames[0]):
            self._fail(CloseCode.INVALID_DATA, "a text that is not UTF-8")
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Say why the connection ends, and that no more will be said; hear no more, and read on.

        uvicorn closes the socket here. What the client still sends would be answered with a reset,
        and a client that learns of that while it writes never reads the close frame.
        """
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.stop_keepalive()
        self.close_sent = self._is_deaf = True
        self.read_paused = False
        self._arrived.clear()
        self.transport.write(b"".join(self.conn.data_to_send()))
        is_encrypted = self.transport.get_extra_info("ssl_object") is not None
        # beneath TLS more may wait than its transport tells, and no half of it can be closed
        if not is_encrypted and not self.transport.get_write_buffer_size():
            # not the transport's `write_eof`, which fails where the client has gone meanwhile
            with suppress(OSError):
                self.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self._read_on()

    def _fail(self, code: CloseCode, reason: str) -> None:
        """End the connection for what the client did; the stream sees it gone."""
        self.frames = []
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    # -- what leaves -----------------------------------------------------------------------------

    def handle_ping(self) -> None:
        """Answer, or remember the latest while the client takes nothing."""
        writes = self.conn.data_to_send()
        if self._stall is not None:
            pongs = [frame for frame in writes if frame.startswith(_PONG)]
            self._pong = pongs[-1] if pongs else self._pong
            writes = [frame for frame in writes if not frame.startswith(_PONG)]
        self.transport.write(b"".join(writes))

    def pause_writing(self) -> None:
        """More waits for the client than the socket takes."""
        super().pause_writing()
        if self._stall is None:
            self._stall = Countdown(STALLS * self.limits.unsent_s, self._give_up)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._end_stall()
        super().resume_writing()
        if self._pong and not (self._is_deaf or self.transport.is_closing()):
            self.transport.write(self._pong)
        self._pong = b""

    def _give_up(self) -> None:
        self._fail(CloseCode.POLICY_VIOLATION, "SLOW_CONSUMER: nothing was read for too long")

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
