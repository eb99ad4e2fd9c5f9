"""The Open Inference Protocol over gRPC: the same as over HTTP, and inference in streams.

Methods of the protocol that are missing here are answered UNIMPLEMENTED by the library.
"""

import asyncio
from functools import partial
from typing import Any

import grpc

from lab_kit.core.errors import LabError, StreamIdle
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.open_inference import protobuf
from lab_kit.dialects.open_inference.errors import grpc_status
from lab_kit.dialects.open_inference.protobuf_messages import pb
from lab_kit.gateway.door.call import REQUEST_ID
from lab_kit.gateway.door.calls import Calls, received, send_in_time
from lab_kit.gateway.door.door import Admitted, Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.uploads import Uploads
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.providers.open_inference.model import (
    BareModel,
    alone,
    refuse_steps,
    server_metadata,
)
from lab_kit.gateway.providers.open_inference.stream import AT_ONCE_BYTES, InferStream
from lab_kit.protocol.live import Ending
from lab_kit.stream.sink.steps import asked_for

SERVICE = "inference.GRPCInferenceService"
STREAMS = 32
"""Streams of inferences at once: each may hold a message of `MESSAGE_BYTES`, half a gigabyte in
all."""
STREAMS_OF_ONE = 24
"""Of one caller."""


class InferenceService:
    """The protocol's methods, bound to the server's parts."""

    def __init__(
        self,
        door: Door,
        bare: BareModel,
        limits: Limits,
        uploads: Uploads,
        calls: Calls,
        failures: Failures,
    ) -> None:
        self._door = door
        self._bare = bare
        self._limits = limits
        self._uploads = uploads
        self._calls = calls
        self._failures = failures

    def methods(self) -> dict[str, Any]:
        """The service's handlers by name; messages stay bytes, names are the protocol's."""
        unary = {
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "RepositoryIndex": self._repository_index,
            "ModelInfer": self._infer,
        }
        methods = {
            "ServerLive": grpc.stream_unary_rpc_method_handler(self._live),
            "ServerReady": grpc.stream_unary_rpc_method_handler(self._ready),
            "ModelStreamInfer": self._calls.stream(
                f"/{SERVICE}/ModelStreamInfer", self._infer_stream, _status, STREAMS, STREAMS_OF_ONE
            ),
        }
        for name, answer in unary.items():
            methods[name] = self._calls.unary(f"/{SERVICE}/{name}", answer, _status)
        return methods

    async def _live(self, _: Any, context: Any) -> bytes:
        """The process answers, whoever asks, and reads nothing of what they send."""
        return _bytes(pb.ServerLiveResponse(live=True))

    async def _ready(self, _: Any, context: Any) -> bytes:
        """It may be sent work."""
        return _bytes(pb.ServerReadyResponse(ready=self._door.is_ready))

    async def _model_ready(self, context: Any, admitted: Admitted) -> bytes:
        """Whether a model would be served now."""
        message = await self._message(context, admitted, pb.ModelReadyRequest)
        ready = self._bare.is_ready(message.name, message.version)
        return _bytes(pb.ModelReadyResponse(ready=ready))

    async def _server_metadata(self, _: Any, __: Admitted) -> bytes:
        """What the server is."""
        return _bytes(pb.ServerMetadataResponse(**server_metadata()))

    async def _model_metadata(self, context: Any, admitted: Admitted) -> bytes:
        """What a model takes and gives."""
        message = await self._message(context, admitted, pb.ModelMetadataRequest)
        spec = await self._bare.metadata(message.name, message.version)
        return _bytes(protobuf.metadata_message(spec))

    async def _repository_index(self, _: Any, __: Admitted) -> bytes:
        """Every version in the repository."""
        return _bytes(protobuf.index_message(await self._bare.index()))

    async def _infer(self, context: Any, admitted: Admitted) -> bytes:
        """Run the model once."""
        _refuse_steps(context)
        admitted.check_inference()
        message = await self._message(context, admitted, pb.ModelInferRequest)
        call = self._bare.lease(admitted, message.model_name, message.model_version)
        with self._uploads.memory.share(admitted.caller) as share:
            share.hold(message.ByteSize())  # it is there until the model has answered
            answered = await self._bare.infer(call, lambda: alone(protobuf.parse_request(message)))
        return _bytes(protobuf.response_message(*answered))

    async def _infer_stream(self, context: Any, admitted: Admitted) -> None:
        """Run the model once for each message; a failure is one message's, not the stream's.

        But for bytes that are no message: nobody could tell whose failure it is.
        """
        _refuse_steps(context)
        await context.send_initial_metadata(((REQUEST_ID, str(admitted.call.request_id)),))
        stream = InferStream(self._door, admitted, self._bare, self._uploads, self._failures)
        limits = self._limits
        async with stream:
            while (data := await self._next(context, stream)) is not None:
                message = await self._decoded(admitted.caller, pb.ModelInferRequest, data)
                answer = await stream.answer(message)
                await send_in_time(context, _bytes(answer), limits.unsent_s)

    async def _next(self, context: Any, stream: InferStream) -> bytes | None:
        """The next message; meanwhile recordings that nobody goes on with are forgotten."""
        clock, limits = asyncio.get_running_loop().time, self._limits
        began_s = clock()
        if stream.has_sequences:
            try:
                data = await received(context, limits.idle_s)
                await stream.waited(clock() - began_s, limits.idle_s)
                return data
            except StreamIdle:
                await stream.waited(limits.idle_s, limits.idle_s)
        return await received(context, limits.no_audio_s)

    async def _message(self, context: Any, admitted: Admitted, kind: Any) -> Any:
        decode = partial(self._decoded, admitted.caller, kind)
        return await self._calls.message(context, admitted.caller, decode)

    async def _decoded(self, caller: str, kind: Any, data: bytes) -> Any:
        decode = partial(decoded_message, kind, data)
        if len(data) <= AT_ONCE_BYTES:
            return decode()
        return await self._uploads.preparation.run(caller, decode)


def _refuse_steps(context: Any) -> None:
    refuse_steps(asked_for(dict(context.invocation_metadata() or ())))


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _status(error: LabError) -> Ending:
    return Ending(grpc_status(error), str(error))
