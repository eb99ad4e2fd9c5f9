"""The Open Inference Protocol over gRPC: the same as over HTTP, and inference in streams."""

import logging
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from lab_kit.core.errors import INTERNAL_FAILURE, LabError
from lab_kit.dialects.open_inference import protobuf
from lab_kit.dialects.open_inference.errors import grpc_status
from lab_kit.gateway.door.callers import caller_of
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.providers.open_inference.model import BareModel, alone, server_metadata
from lab_kit.gateway.providers.open_inference.stream import InferStream

_log = logging.getLogger(__name__)


class InferenceService(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # untyped
    """The protocol's methods, bound to the server's parts; names and case are the protocol's."""

    def __init__(self, door: Door, bare: BareModel) -> None:
        self._door = door
        self._bare = bare

    async def ServerLive(self, _: Any, context: Any) -> Any:
        """The process answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, _: Any, context: Any) -> Any:
        """It may be sent work."""
        return pb.ServerReadyResponse(ready=self._door.is_ready)

    async def ModelReady(self, message: Any, context: Any) -> Any:
        """Whether a model would be served now."""
        await self._check_key(context)
        ready = self._bare.is_ready(message.name, message.version)
        return pb.ModelReadyResponse(ready=ready)

    async def ServerMetadata(self, _: Any, context: Any) -> Any:
        """What the server is."""
        await self._check_key(context)
        return pb.ServerMetadataResponse(**server_metadata())

    async def ModelMetadata(self, message: Any, context: Any) -> Any:
        """What a model takes and gives."""
        await self._check_key(context)
        try:
            spec = await self._bare.metadata(message.name, message.version)
        except LabError as error:
            await _abort(context, error)
        return protobuf.metadata_message(spec)

    async def RepositoryIndex(self, _: Any, context: Any) -> Any:
        """Every version in the repository."""
        await self._check_key(context)
        return protobuf.index_message(await self._bare.index())

    async def ModelInfer(self, message: Any, context: Any) -> Any:
        """Run the model once."""
        await self._check_key(context)
        try:
            with self._bare.lease(message.model_name, message.model_version) as lease:
                answered = await self._bare.infer(
                    lease, self._caller(context), lambda: alone(protobuf.parse_request(message))
                )
            return protobuf.response_message(*answered)
        except LabError as error:
            await _abort(context, error)
        except Exception:
            _log.exception("an inference failed")
            await context.abort(grpc.StatusCode.INTERNAL, INTERNAL_FAILURE)

    async def ModelStreamInfer(self, incoming: AsyncIterator[Any], context: Any) -> Any:
        """Run the model once for each message; a failure is one message's, not the stream's."""
        await self._check_key(context)
        with InferStream(self._bare, self._caller(context)) as stream:
            async for message in incoming:
                yield await stream.answer(message)

    def _caller(self, context: Any) -> str:
        return caller_of(self._door.keys, context.peer().rpartition(":")[0])

    async def _check_key(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata() or ())
        try:
            self._door.keys.check_caller(metadata.get("authorization"))
        except LabError as error:
            await _abort(context, error)


async def _abort(context: Any, error: LabError) -> NoReturn:
    await context.abort(grpc.StatusCode[grpc_status(error)], str(error))
    raise AssertionError("abort raises")
