"""Google's two methods, version 1 and 2, on the gRPC server.

StreamingRecognize is a live stream like others, Recognize a recording like others: batch work,
which goes the way of an upload.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import grpc

from lab_kit.audio.pcm import FloatArray, frame_bytes
from lab_kit.core.ids import RequestId
from lab_kit.core.personal_data import joined
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.google.errors import (
    malordered,
    recording_status,
    stream_status,
    too_long,
)
from lab_kit.dialects.google.options import (
    LONGEST_S,
    Recording,
    check_config,
    parse_config,
    parse_recording,
)
from lab_kit.dialects.google.server import GoogleStream, recording_response, samples_of
from lab_kit.dialects.google.versions import V1, V2, ApiVersion
from lab_kit.gateway.door.call import REQUEST_ID
from lab_kit.gateway.door.calls import Calls, received, send
from lab_kit.gateway.door.door import Admitted
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.recognition import Recognition, collected
from lab_kit.gateway.door.uploads import Uploads
from lab_kit.gateway.live.ending_after import ending_after
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.protocol.live import Ending
from lab_kit.stream.sink.steps import asked_for


def google_methods(
    streams: StreamServices,
    limits: Limits,
    uploads: Uploads,
    recognition: Recognition,
    calls: Calls,
    is_strict: bool,
) -> dict[str, dict[str, Any]]:
    """Both versions' methods, by service; messages stay bytes, the dialect reads them.

    Args:
        is_strict: what is not imitated is refused.
    """
    return {
        api.service: {
            "StreamingRecognize": calls.stream(
                f"/{api.service}/StreamingRecognize",
                StreamingRecognize(streams, api, is_strict).serve,
                partial(stream_status, api),
                limits.streams,
                limits.streams,
            ),
            "Recognize": calls.unary(
                f"/{api.service}/Recognize",
                Recognize(limits, uploads, recognition, api, calls, is_strict).serve,
                partial(recording_status, api),
            ),
        }
        for api in (V1, V2)
    }


class StreamingRecognize:
    """The live method of one version."""

    def __init__(self, streams: StreamServices, api: ApiVersion, is_strict: bool) -> None:
        self._streams = streams
        self._api = api
        self._is_strict = is_strict

    async def serve(self, context: Any, admitted: Admitted) -> None:
        """Serve one call from its first message to its status.

        Raises:
            LabError: it is refused.
        """
        first = await self._first(context)
        config = parse_config(self._api, first)
        if self._is_strict:
            check_config(self._api, first, is_stream=True)
        options = replace(config.options, postprocess=asked_steps(context))
        place = admitted.stream(options.priority_class)
        per_s = frame_bytes(options.encoding, options.channels) * options.sample_rate_hz
        version = place.lease.engine.model.version
        dialect = GoogleStream(self._api, replace(config, options=options), version, per_s)
        wire = GrpcWire(context, admitted.call.request_id)
        longest_s = self._api.longest_s
        stream = LiveStream(self._streams, place, wire, dialect, longest_s=longest_s)
        stream.begin()
        with ending_after(longest_s, stream, too_long(longest_s)):
            await stream.run()

    async def _first(self, context: Any) -> bytes:
        data = await received(context, self._streams.limits.idle_s)
        if data is None:
            raise malordered("the streaming_config first")
        return data


class Recognize:
    """The method of one version for recordings."""

    def __init__(
        self,
        limits: Limits,
        uploads: Uploads,
        recognition: Recognition,
        api: ApiVersion,
        calls: Calls,
        is_strict: bool,
    ) -> None:
        self._memory = uploads.memory
        self._longest_s = min(LONGEST_S, limits.recording_audio_s)
        self._preparation = uploads.preparation
        self._recognition = recognition
        self._api = api
        self._calls = calls
        self._is_strict = is_strict

    async def serve(self, context: Any, admitted: Admitted) -> bytes:
        """Transcribe one recording; a caller who goes takes it out of the engine.

        Raises:
            LabError: it is refused.
        """
        call, steps = admitted.recording(), asked_steps(context)
        context.set_trailing_metadata(((REQUEST_ID, str(admitted.call.request_id)),))

        async def read(data: bytes) -> tuple[Recording, FloatArray]:
            if self._is_strict:
                check_config(self._api, data, is_stream=False)
            work = partial(_read, self._api, data, self._longest_s)
            return await self._preparation.run(call.caller, work)

        recording, audio = await self._calls.message(context, call.caller, read)
        with self._memory.share(call.caller) as share:
            share.hold(audio.nbytes)
            finals = await collected(self._recognition.finals(call, audio, steps))
        return recording_response(self._api, recording, finals, len(audio) / SAMPLE_RATE_HZ)


def _read(api: ApiVersion, data: bytes, longest_s: float) -> tuple[Recording, FloatArray]:
    recording = parse_recording(api, data)
    return recording, samples_of(recording, longest_s)


def asked_steps(context: Any) -> tuple[str, ...]:
    """The optional steps that a call's metadata switches on; the provider has no field for them.

    Raises:
        InvalidParameter: a value that is neither true nor false.
    """
    return asked_for(joined(context.invocation_metadata() or ()))


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
        await send(self._context, message)

    async def close(self, ending: Ending) -> None:
        """Set the status that the call ends with when its handler returns."""
        self._context.set_code(grpc.StatusCode[str(ending.code)])
        self._context.set_details(ending.reason)
