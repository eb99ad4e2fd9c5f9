"""HTTP/2, for the one way in whose clients speak nothing else.

hypercorn parses it and keeps its windows. What bounds a connection over HTTP/1.1 is in the parser
there, so every other path is told to come by that: browsers, and whoever can do both, then do. The
one way that is served bounds its own body, its silence and its answers.

What arrives is parsed in slices, with others' turn between them, as WebSockets are.

Source: RFC 9113, 7 (HTTP_1_1_REQUIRED), 8.1 (NO_ERROR to a request that is answered early).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import EndBody
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp, Receive, Scope, Send

from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.connections import Connections
from lab_kit.gateway.door.limits import Limits

NAME = "h2"
"""As TLS calls it."""
SLICE_BYTES = 2_048
"""Parsed at a time: at most 227 frames."""
STREAMS_AT_ONCE = 8
"""Of one connection; the provider allows one."""
MOST_REQUESTS = 1_000
"""Of one connection, after which it is closed: to begin and to reset streams costs a client
little."""
MOST_HEADERS = 128
"""Of one request, as over HTTP/1.1."""
Note = Callable[[str, BaseException], None]


class Http2:
    """The connections of one server.

    Args:
        app: answers.
        path: the only one that is served.
        places: of the server's connections, whatever they speak.
        note: told, with the task's name, what went wrong.
    """

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        limits: Limits,
        places: Connections,
        arrivals: Arrivals,
        note: Note,
    ) -> None:
        self._app = app
        self._path = path.encode()
        self._places = places
        self._arrivals = arrivals
        self._note = note
        self._context = WorkerContext(None)
        self._open: dict[asyncio.Task[None], asyncio.WriteTransport] = {}
        self._config = Config()
        self._config.accesslog = self._config.errorlog = None
        self._config.include_server_header = False
        self._config.h2_max_concurrent_streams = STREAMS_AT_ONCE
        self._config.h2_max_header_list_size = limits.head_bytes
        self._config.keep_alive_max_requests = MOST_REQUESTS
        self._config.keep_alive_timeout = limits.unreceived_s

    def protocol(self) -> asyncio.StreamReaderProtocol:
        """A new connection's."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(SLICE_BYTES), self._serve)

    async def stop(self, grace_s: float | None) -> None:
        """Begin nothing more, and end what has not ended after ``grace_s``; None for at once."""
        await self._context.terminated.set()
        if self._open and grace_s:
            await asyncio.wait(self._open, timeout=grace_s)
        for transport in self._open.values():
            transport.abort()
        if self._open:
            await asyncio.wait(self._open, timeout=grace_s or 0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport, task = writer.transport, asyncio.current_task()
        assert task is not None
        peer = (transport.get_extra_info("peername") or ("",))[0]
        if not self._places.enter(transport, peer):
            transport.abort()
            return
        self._open[task] = transport
        try:
            app = ASGIWrapper(self._in_turn)  # type: ignore[arg-type]
            connection = _Connection(
                app, asyncio.get_running_loop(), self._config, self._context, {}, reader, writer
            )
            connection.path = self._path
            await connection.run()
        except OSError:
            pass  # how a connection ends that its client has left
        except Exception as error:  # of the parser, which a client's bytes may have led to
            self._note("http2", error)
        finally:
            del self._open[task]
            self._places.leave(transport)
            transport.abort()

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._arrivals.turn(scope["client"][0])
        await self._app(scope, receive, send)


class _Connection(TCPServer):
    """One connection, from the handshake to its end."""

    path: bytes

    async def run(self) -> None:
        """Serve it."""
        try:
            async with TaskGroup(self.loop) as tasks:
                self._task_group = tasks
                protocol = _Protocol(
                    self.app,
                    self.config,
                    self.context,
                    tasks,
                    ConnectionState({}),
                    True,
                    self.writer.get_extra_info("peername")[:2],
                    self.writer.get_extra_info("sockname")[:2],
                    self.protocol_send,
                )
                protocol.path = self.path
                self.protocol = protocol  # type: ignore[assignment]
                await protocol.initiate()
                await self.idle_task.restart(tasks, self._idle_timeout)
                await self._read_data()
        finally:
            await self._close()

    async def _read_data(self) -> None:
        with suppress(OSError):
            # asyncio resumes a paused TLS transport that it has taken apart, which is no OSError
            while not self.writer.transport.is_closing():
                if not (data := await self.reader.read(SLICE_BYTES)):
                    break
                await self.protocol.handle(RawData(data))
                await asyncio.sleep(0)
        await self.protocol.handle(Closed())


class _Protocol(H2Protocol):
    """hypercorn's, for one path; a request that is answered before it has ended is ended."""

    path: bytes

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts)  # type: ignore[arg-type]
        config = self.config
        self._ended: set[int] = set()
        # what is told to clients is not what is held to by itself
        self.connection.decoder.max_header_list_size = config.h2_max_header_list_size
        # hypercorn's own would offer WebSockets
        self.connection.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: config.h2_max_concurrent_streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: config.h2_max_header_list_size,
            },
        )

    async def _handle_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, DataReceived) and event.stream_id not in self.streams:
                self.connection.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id
                )
                continue
            await super()._handle_events([event])
            if isinstance(event, RequestReceived) and event.stream_id not in self.streams:
                await self.send(Updated(idle=self.idle))  # else nobody would count its silence

    async def _create_stream(self, request: RequestReceived) -> None:
        told = dict(request.headers or ())
        path = told.get(b":path", b"").partition(b"?")[0]
        if told.get(b":method") != b"POST" or path != self.path:
            self._refuse(request.stream_id, ErrorCodes.HTTP_1_1_REQUIRED)
        elif len(request.headers or ()) > MOST_HEADERS:
            self._refuse(request.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
        else:
            await super()._create_stream(request)

    def _refuse(self, stream_id: int, code: ErrorCodes) -> None:
        self.keep_alive_requests += 1
        self.connection.reset_stream(stream_id, code)

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a part of an answer, and note the last one."""
        if isinstance(event, EndBody):
            self._ended.add(event.stream_id)
        await super().stream_send(event)

    async def _send_data(self, stream_id: int) -> None:
        await super()._send_data(stream_id)
        await self._let_go(stream_id)

    async def _close_stream(self, stream_id: int) -> None:
        await super()._close_stream(stream_id)
        await self._let_go(stream_id)

    async def _let_go(self, stream_id: int) -> None:
        """Forget a stream whose application is done, once its answer is out or will not be."""
        if stream_id in self.streams:
            return
        buffer = self.stream_buffers.get(stream_id)
        has_ended = stream_id in self._ended
        if buffer is not None and has_ended:
            return  # its end is still to be sent
        self._ended.discard(stream_id)
        if buffer is not None:
            await buffer.close()
            del self.stream_buffers[stream_id]
            self.priority.remove_stream(stream_id)
        stream = self.connection.streams.get(stream_id)
        if stream is not None and not stream.closed and not self.closed:
            with suppress(ProtocolError):
                code = ErrorCodes.NO_ERROR if has_ended else ErrorCodes.CANCEL
                self.connection.reset_stream(stream_id, code)
            await self._flush()
