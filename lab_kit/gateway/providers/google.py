"""Google's two methods, version 1 and 2, on the gRPC server.

StreamingRecognize is a live stream like others, Recognize a recording like others: batch work,
which goes the way of an upload.
"""

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import Any

import grpc

from lab_kit.audio.pcm import FloatArray, frame_bytes
from lab_kit.core.errors import INTERNAL_FAILURE, LabError, StreamIdle
from lab_kit.core.ids import RequestId
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.google.errors import malordered, recording_status, stream_status
from lab_kit.dialects.google.options import LONGEST_S, Recording, parse_config, parse_recording
from lab_kit.dialects.google.server import GoogleStream, recording_response, samples_of
from lab_kit.dialects.google.versions import V1, V2, ApiVersion
from lab_kit.gateway.door.call import REQUEST_ID, grpc_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.uploads import Preparation
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.live_stream import ClientGone, LiveStream
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.protocol.live import Ending
from lab_kit.stream.sink.steps import asked_for

KEY_METADATA = ("x-goog-api-key", "authorization")
"""Where Google's clients put the key."""
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
        call = grpc_call(context, *KEY_METADATA)
        wire = GrpcWire(context, call.request_id)
        try:
            async with self._door.open(call) as admitted:
                config = parse_config(self._api, await self._first(wire))
                options = replace(config.options, postprocess=steps_of(context))
                place = admitted.stream(options.priority_class)
                per_s = frame_bytes(options.encoding, options.channels) * options.sample_rate_hz
                version = place.lease.engine.model.version
                dialect = GoogleStream(self._api, replace(config, options=options), version, per_s)
                stream = LiveStream(self._streams, place, wire, dialect)
                stream.begin()
                await stream.run()
        except LabError as error:
            await wire.close(stream_status(self._api, error))
        except ClientGone:
            return

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
        async with self._door.open(grpc_call(context, *KEY_METADATA)) as admitted:
            lease, steps = admitted.recording(), steps_of(context)
            recording, audio = await self._preparation.read(
                partial(_read, self._api, data, self._longest_s)
            )
            said = self._preparation.recognize(lease, audio, steps)
            finals = [final async for final in said]
            return recording_response(self._api, recording, finals, len(audio) / SAMPLE_RATE_HZ)


def _read(api: ApiVersion, data: bytes, longest_s: float) -> tuple[Recording, FloatArray]:
    recording = parse_recording(api, data)
    return recording, samples_of(recording, longest_s)


class GrpcWire:
    """One call as the server holds it; HTTP/2's windows hold back who sends too fast."""

    def __init__(self, context: Any, request_id: RequestId) -> None:
        self._context = context
        self._request_id = request_id

    async def open(self) -> None:
        """Send the headers, which tell the client that the call is taken."""
        await self._context.send_initial_metadata(((REQUEST_ID, str(self._request_id)),))

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


def steps_of(context: Any) -> tuple[str, ...]:
    """The optional steps that a call's metadata switches on, for the provider has no field for it.

    Raises:
        InvalidParameter: a value that is neither true nor false.
    """
    return asked_for(dict(context.invocation_metadata() or ()))
