"""The streaming endpoint: a WebSocket in Deepgram's dialect.

Three tasks a stream: one reads the client, one writes to it, and the pipeline between them hears
from the engine. Whichever ends first decides how the stream ends; the others are then released.
"""

import asyncio
import json
import time
import uuid
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_kit.clock import wall_clock_iso
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import Command
from lab_kit.errors import (
    InvalidAudioFormat,
    InvalidMessage,
    LabError,
    PayloadTooLarge,
    SlowConsumer,
    StreamIdle,
)
from lab_kit.gateway.lease import Lease
from lab_kit.gateway.serving import Serving
from lab_kit.stream.pipeline import StreamPipeline


def listen_routes(serving: Serving) -> APIRouter:
    """The route, bound to the server's state."""
    router = APIRouter()

    @router.websocket(deepgram.PATH)
    async def listen(socket: WebSocket) -> None:
        request_id = str(uuid.uuid4())
        with ExitStack() as held:
            try:
                serving.check_key(socket.headers.get("authorization"), _subprotocols(socket))
                lease = held.enter_context(serving.lease())
                stream = LiveStream(socket, serving, lease, request_id)
            except LabError as error:
                refusal = deepgram.refusal(error, request_id)
                denial = JSONResponse(refusal.body, refusal.status, refusal.headers)
                await socket.send_denial_response(denial)
                return
            await stream.run()

    return router


class LiveStream:
    """One open stream, on one version from its first word to its last.

    Raises:
        InvalidParameter, UnsupportedSampleRate: the query cannot be met.
    """

    def __init__(self, socket: WebSocket, serving: Serving, lease: Lease, request_id: str) -> None:
        self._socket = socket
        self._serving = serving
        self._version = lease.version
        self._request_id = request_id
        options = deepgram.parse_query(dict(socket.query_params))
        serving.admit(options.priority_class)
        self._speaker = deepgram.Speaker(request_id, lease.engine.model, wall_clock_iso())
        self.pipeline = StreamPipeline(
            lease.engine,
            lease.new_scorer(),
            options,
            serving.limits.stream_audio_s,
            serving.around(),
        )
        self._drained = asyncio.Event()
        self._reason: LabError | None = None

    def close_early(self, reason: LabError) -> None:
        """Finish as `drain` does, and tell the client why."""
        self._reason = reason
        self._drained.set()

    def drain(self) -> None:
        """Finish: send the finals that are owed, then close."""
        self._drained.set()

    async def run(self) -> None:
        """Serve the stream until it ends, however it ends."""
        self._serving.streams.add(self)
        self._serving.metrics.streams.labels(self._version).inc()
        try:
            await self._accept()
            closure = await self._serve()
            await self._close(closure)
            self._count_end(closure.code)
        except (WebSocketDisconnect, OSError):
            # the client vanished; there is nobody to tell
            self._count_end(1006)
        finally:
            self.pipeline.abandon()
            self._serving.metrics.streams.labels(self._version).dec()
            self._serving.metrics.audio.labels("stream").inc(self.pipeline.audio_s)
            # last: who finds the stream gone finds everything of it released and accounted for
            self._serving.streams.discard(self)

    def _count_end(self, code: int) -> None:
        self._serving.metrics.stream_ends.labels(code, self._version).inc()

    async def _accept(self) -> None:
        offered = _subprotocols(self._socket)
        await self._socket.accept(
            subprotocol=offered[0] if offered else None,
            headers=[(b"dg-request-id", self._request_id.encode())],
        )

    async def _serve(self) -> deepgram.Closure:
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():  # only a failure ends it before the reader
                writer.result()
            closure = reader.result()
            await writer
        except LabError as error:
            return deepgram.closure(error)
        finally:
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
        return closure

    async def _read(self) -> deepgram.Closure:
        """Take what the client sends until it closes the stream or the server drains."""
        drained = asyncio.create_task(self._drained.wait())
        incoming: asyncio.Task[Message] | None = None
        try:
            while not self._drained.is_set():
                incoming = asyncio.create_task(self._socket.receive())
                await asyncio.wait(
                    {incoming, drained},
                    timeout=self._serving.limits.idle_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not incoming.done():
                    return await self._end_early()
                message = incoming.result()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(message.get("code", 1006))
                try:
                    closing = await self._take(message.get("bytes"), message.get("text"))
                except (InvalidAudioFormat, PayloadTooLarge) as error:
                    # what was said before the bad chunk is still owed
                    await self.pipeline.finish()
                    return deepgram.closure(error)
                if closing:
                    await self.pipeline.finish()
                    return deepgram.NORMAL
            # a client that sends without a pause would never be found waiting
            return await self._end_early()
        finally:
            drained.cancel()
            if incoming is not None:
                incoming.cancel()

    async def _end_early(self) -> deepgram.Closure:
        """The client is silent or the server stops: deliver what is owed, then say which."""
        await self.pipeline.finish()
        if self._reason is not None:
            return deepgram.closure(self._reason)
        if self._drained.is_set():
            return deepgram.GOING_AWAY
        idle_s = self._serving.limits.idle_s
        return deepgram.closure(
            StreamIdle(
                f"no audio and no KeepAlive for {idle_s:.0f} s",
                f"one of them at least every {idle_s:.0f} s",
                "send KeepAlive while there is no audio",
            )
        )

    async def _take(self, data: bytes | None, text: str | None) -> bool:
        """Act on one message; True once the client has said that it is done."""
        if data:
            await self.pipeline.feed(data)
            return False
        if data == b"":
            return True
        try:
            command = deepgram.parse_command(text or "")
        except InvalidMessage as error:
            await self._send(deepgram.error_message(error, text or ""))
            return False
        if command is Command.FINALIZE:
            self.pipeline.finalize()
        return command is Command.CLOSE_STREAM

    async def _write(self) -> None:
        """Send events until the pipeline has ended."""
        while (event := await self.pipeline.outbox.take()) is not None:
            await self._send(self._speaker.message(event))
            self._serving.sent(event, self.pipeline, self._version)

    async def _send(self, message: dict[str, Any]) -> None:
        deepgram.stamp(message, time.perf_counter_ns())
        unsent_s = self._serving.limits.unsent_s
        try:
            await asyncio.wait_for(self._socket.send_text(json.dumps(message)), unsent_s)
        except TimeoutError as error:
            raise SlowConsumer(
                f"the client took no result for {unsent_s:.0f} s",
                "a client that reads while it sends",
                "read results as they come",
            ) from error
        except RuntimeError as error:
            # how the framework says that the connection was closed while we were about to send
            raise WebSocketDisconnect(1006) from error

    async def _close(self, closure: deepgram.Closure) -> None:
        """Close, but do not wait for ever for a client that does not read."""
        unsent_s = self._serving.limits.unsent_s
        try:
            await asyncio.wait_for(self._socket.close(closure.code, closure.reason), unsent_s)
        except RuntimeError as error:  # as above
            raise WebSocketDisconnect(1006) from error


def _subprotocols(socket: WebSocket) -> list[str]:
    return list(socket.scope.get("subprotocols") or [])
