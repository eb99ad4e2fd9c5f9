"""The Open Inference Protocol over gRPC: the same as over HTTP, and inference in streams."""

import logging
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from lab_kit.core.errors import LabError, ServerFailed
from lab_kit.dialects.open_inference import protobuf
from lab_kit.dialects.open_inference.errors import grpc_status
from lab_kit.gateway.door.serving import Serving
from lab_kit.gateway.providers.open_inference import model as bare
from lab_kit.gateway.providers.open_inference.stream import FAILED, InferStream

MESSAGE_BYTES = 64 * 2**20
_log = logging.getLogger(__name__)


async def start_grpc(serving: Serving, host: str, port: int) -> tuple[Any, int]:
    """Serve on ``host``; port 0 takes any free one.

    Returns:
        The server, to be stopped with its ``stop(grace)``, and its port.

    Raises:
        ServerFailed: the port is taken.
    """
    # whoever only wants this package's names should not wait for Google's messages
    from lab_kit.gateway.providers.google import google_handlers

    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            # a quiet stream may be kept open by pings, as often as some proxy needs
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 100),
            ("grpc.http2.max_ping_strikes", 0),
        ]
    )
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(serving), server)
    server.add_generic_rpc_handlers(google_handlers(serving))
    try:
        chosen = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise ServerFailed(
            f"{host}:{port} cannot be used for gRPC",
            "a free port",
            "stop what uses it, or choose another with --grpc-port",
        ) from error
    await server.start()
    return server, int(chosen)


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # untyped
    """The protocol's methods, bound to the server's state; names and case are the protocol's."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def ServerLive(self, _: Any, context: Any) -> Any:
        """The process answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, _: Any, context: Any) -> Any:
        """It may be sent work."""
        return pb.ServerReadyResponse(ready=self._serving.ready)

    async def ModelReady(self, message: Any, context: Any) -> Any:
        """Whether a model would be served now."""
        await self._check_key(context)
        ready = bare.is_ready(self._serving, message.name, message.version)
        return pb.ModelReadyResponse(ready=ready)

    async def ServerMetadata(self, _: Any, context: Any) -> Any:
        """What the server is."""
        await self._check_key(context)
        return pb.ServerMetadataResponse(**bare.server_metadata())

    async def ModelMetadata(self, message: Any, context: Any) -> Any:
        """What a model takes and gives."""
        await self._check_key(context)
        try:
            spec = await bare.model_metadata(self._serving, message.name, message.version)
        except LabError as error:
            await _abort(context, error)
        return protobuf.metadata_message(spec)

    async def RepositoryIndex(self, _: Any, context: Any) -> Any:
        """Every version in the repository."""
        await self._check_key(context)
        return protobuf.index_message(await bare.index(self._serving))

    async def ModelInfer(self, message: Any, context: Any) -> Any:
        """Run the model once."""
        await self._check_key(context)
        try:
            with bare.lease_for(self._serving, message.model_name, message.model_version) as lease:
                answered = await bare.infer(
                    self._serving, lease, lambda: bare.alone(protobuf.parse_request(message))
                )
            return protobuf.response_message(*answered)
        except LabError as error:
            await _abort(context, error)
        except Exception:
            _log.exception("an inference failed")
            await context.abort(grpc.StatusCode.INTERNAL, FAILED)

    async def ModelStreamInfer(self, incoming: AsyncIterator[Any], context: Any) -> Any:
        """Run the model once for each message; a failure is one message's, not the stream's."""
        await self._check_key(context)
        with InferStream(self._serving) as stream:
            async for message in incoming:
                yield await stream.answer(message)

    async def _check_key(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata() or ())
        try:
            self._serving.check_key(metadata.get("authorization"), [])
        except LabError as error:
            await _abort(context, error)


async def _abort(context: Any, error: LabError) -> NoReturn:
    await context.abort(grpc.StatusCode[grpc_status(error)], str(error))
    raise AssertionError("abort raises")
