"""Google's two methods, version 1 and 2, on the gRPC server.

StreamingRecognize is a live stream like others, Recognize a recording like others: batch work,
which goes the way of an upload.
"""

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from typing import Any

import grpc

from lab_kit.audio.pcm import FloatArray, frame_bytes
from lab_kit.core.errors import INTERNAL_FAILURE, LabError, StreamIdle
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.google.errors import malordered, recording_status, stream_status
from lab_kit.dialects.google.options import LONGEST_S, Recording, parse_config, parse_recording
from lab_kit.dialects.google.server import GoogleStream, recording_response, samples_of
from lab_kit.dialects.google.versions import V1, V2, ApiVersion
from lab_kit.gateway.door.callers import caller_of
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.live_stream import ClientGone, LiveStream
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.protocol.live import Ending

_log = logging.getLogger(__name__)


def google_handlers(
    door: Door, streams: StreamServices, limits: Limits, preparation: Preparation
) -> tuple[Any, ...]:
    """Both versions' services; messages stay bytes, the dialect reads them."""
    return tuple(
        grpc.method_handlers_generic_handler(
            api.service,
            {
                "StreamingRecognize": grpc.stream_stream_rpc_method_handler(
                    StreamingRecognize(door, streams, api).serve
                ),
                "Recognize": grpc.unary_unary_rpc_method_handler(
                    Recognize(door, limits, preparation, api).serve
                ),
            },
        )
        for api in (V1, V2)
    )


class StreamingRecognize:
    """The live method of one version."""

    def __init__(self, door: Door, streams: StreamServices, api: ApiVersion) -> None:
        self._door = door
        self._streams = streams
        self._api = api

    async def serve(self, _: Any, context: Any) -> None:
        """Serve one call from its first message to its status."""
        wire = GrpcWire(context)
        with ExitStack() as held:
            try:
                stream = await self._admitted(wire, context, held)
            except LabError as error:
                await wire.close(stream_status(self._api, error))
                return
            except ClientGone:
                return
            await stream.run()

    async def _admitted(self, wire: "GrpcWire", context: Any, held: ExitStack) -> LiveStream:
        """Check who calls, then hear what they want.

        Raises:
            LabError: the call is refused.
        """
        self._door.keys.check_caller(_key(context))
        config = parse_config(self._api, await self._first(wire))
        self._door.admit(config.options.priority_class)
        lease = held.enter_context(self._door.lease())
        options = config.options
        per_s = frame_bytes(options.encoding, options.channels) * options.sample_rate_hz
        dialect = GoogleStream(self._api, config, lease.engine.model.version, per_s)
        stream = LiveStream(self._streams, lease, wire, dialect)
        stream.begin()
        return stream

    async def _first(self, wire: "GrpcWire") -> bytes:
        try:
            async with fair_timeout(self._streams.limits.idle_s):
                data = await wire.receive()
        except TimeoutError as error:
            raise StreamIdle(
                "no config", "a config at once", "send the streaming_config before any audio"
            ) from error
        if data is None:
            raise malordered("expected the streaming_config first")
        return data


class Recognize:
    """The method of one version for recordings."""

    def __init__(
        self, door: Door, limits: Limits, preparation: Preparation, api: ApiVersion
    ) -> None:
        self._door = door
        self._longest_s = min(LONGEST_S, limits.recording_audio_s)
        self._preparation = preparation
        self._api = api

    async def serve(self, data: bytes, context: Any) -> bytes:
        """Transcribe one recording; a caller who goes takes it out of the engine."""
        try:
            return await self._answered(data, context)
        except LabError as error:
            status = recording_status(self._api, error)
        except Exception:
            _log.exception("a recording failed")
            status = Ending("INTERNAL", INTERNAL_FAILURE)
        await context.abort(grpc.StatusCode[str(status.code)], status.reason)
        raise AssertionError("abort raises")

    async def _answered(self, data: bytes, context: Any) -> bytes:
        self._door.keys.check_caller(_key(context))
        self._door.admit_recording()
        caller = caller_of(self._door.keys, context.peer().rpartition(":")[0])
        with self._door.lease() as lease:
            recording, audio = await self._preparation.run(
                caller, partial(_read, self._api, data, self._longest_s)
            )
            finals = [final async for final in self._preparation.recognize(caller, lease, audio)]
            return recording_response(self._api, recording, finals, len(audio) / SAMPLE_RATE_HZ)


def _read(api: ApiVersion, data: bytes, longest_s: float) -> tuple[Recording, FloatArray]:
    recording = parse_recording(api, data)
    return recording, samples_of(recording, longest_s)


class GrpcWire:
    """One call as the server holds it; HTTP/2's windows hold back who sends too fast."""

    def __init__(self, context: Any) -> None:
        self._context = context

    async def open(self) -> None:
        """Send the headers, which tell the client that the call is taken."""
        await self._context.send_initial_metadata(())

    async def receive(self) -> bytes | None:
        """The next message; None once the client has half-closed."""
        message = await self._context.read()
        return None if message is grpc.aio.EOF else bytes(message)

    async def send(self, message: bytes) -> None:
        """Send; waits while the client's window is full."""
        try:
            await self._context.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise ClientGone from error

    async def close(self, ending: Ending) -> None:
        """Set the status that the call ends with when its handler returns."""
        self._context.set_code(grpc.StatusCode[str(ending.code)])
        self._context.set_details(ending.reason)


def _key(context: Any) -> str | None:
    """From where Google's clients put it."""
    metadata = dict(context.invocation_metadata() or ())
    return metadata.get("x-goog-api-key") or metadata.get("authorization")
