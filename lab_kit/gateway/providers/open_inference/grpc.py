"""The Open Inference Protocol over gRPC: the same as over HTTP, and inference in streams."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from lab_kit.core.errors import INTERNAL_FAILURE, LabError
from lab_kit.dialects.open_inference import protobuf
from lab_kit.dialects.open_inference.errors import grpc_status
from lab_kit.gateway.door.call import grpc_call
from lab_kit.gateway.door.door import Admitted, Door
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
        async with self._inside(context):
            ready = self._bare.is_ready(message.name, message.version)
        return pb.ModelReadyResponse(ready=ready)

    async def ServerMetadata(self, _: Any, context: Any) -> Any:
        """What the server is."""
        async with self._inside(context):
            return pb.ServerMetadataResponse(**server_metadata())

    async def ModelMetadata(self, message: Any, context: Any) -> Any:
        """What a model takes and gives."""
        async with self._inside(context):
            spec = await self._bare.metadata(message.name, message.version)
        return protobuf.metadata_message(spec)

    async def RepositoryIndex(self, _: Any, context: Any) -> Any:
        """Every version in the repository."""
        async with self._inside(context):
            return protobuf.index_message(await self._bare.index())

    async def ModelInfer(self, message: Any, context: Any) -> Any:
        """Run the model once."""
        async with self._inside(context) as admitted:
            lease = self._bare.lease(admitted, message.model_name, message.model_version)
            answered = await self._bare.infer(lease, lambda: alone(protobuf.parse_request(message)))
            return protobuf.response_message(*answered)

    async def ModelStreamInfer(self, incoming: AsyncIterator[Any], context: Any) -> Any:
        """Run the model once for each message; a failure is one message's, not the stream's."""
        call = grpc_call(context, "authorization")
        async with self._inside(context):
            pass
        async with InferStream(self._door, call, self._bare) as stream:
            async for message in incoming:
                yield await stream.answer(message)

    @asynccontextmanager
    async def _inside(self, context: Any) -> AsyncIterator[Admitted]:
        """Through the door; whatever is raised inside ends the call with a status."""
        try:
            async with self._door.open(grpc_call(context, "authorization")) as admitted:
                yield admitted
        except LabError as error:
            await _abort(context, error)
        except (asyncio.CancelledError, grpc.aio.AbortError):
            raise
        except Exception as error:
            _log.error("an inference failed: %s: %s", type(error).__name__, error)
            await context.abort(grpc.StatusCode.INTERNAL, INTERNAL_FAILURE)


async def _abort(context: Any, error: LabError) -> NoReturn:
    await context.abort(grpc.StatusCode[grpc_status(error)], str(error))
    raise AssertionError("abort raises")
