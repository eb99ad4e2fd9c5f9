"""What the gRPC server says of itself, to anybody: whether it is ready, and what it speaks.

The messages are the two standard services', from their own packages. Their servers would let
anybody hold calls open; here, few may, and not for long.

Source: grpc/grpc, doc/health-checking.md and doc/server-reflection.md.
"""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import grpc
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha.reflection import ReflectionServicer  # type: ignore[import-untyped]

from lab_kit.core.errors import LabError
from lab_kit.core.proto_file import file_description, pool_of
from lab_kit.core.wire_format import decoded_message
from lab_kit.gateway.door.calls import Open, received, send_in_time
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.protocol.proto_text import FILE, proto_text

HEALTH = "grpc.health.v1.Health"
REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""The later one is the same under another name."""
MOST_CALLS = 8
"""Of reflection, at once."""
MOST_CHECKS = 32
"""Of health, at once: each is answered in no time, if its caller asks."""
MOST_QUESTIONS = 200
"""Of one call: a tool asks for each service and each file once."""
MOST_FIELDS = 16
_ANYBODY = "anybody"
"""Callers are not told apart: none shows a key."""
_PROTOS = (
    ("lab_kit.dialects.google", "speech_v1.proto"),
    ("lab_kit.dialects.google", "speech_v2.proto"),
    ("lab_kit.dialects.open_inference", "inference.proto"),
)


def about_methods(
    services: tuple[str, ...], is_ready: Callable[[], bool], limits: Limits
) -> dict[str, dict[str, Any]]:
    """The methods, by service.

    Args:
        services: what is served beside them.
    """
    reflection = Reflection((*services, HEALTH, *REFLECTION), limits)
    reflect = grpc.stream_stream_rpc_method_handler(reflection.answer)
    return {
        HEALTH: {"Check": grpc.stream_unary_rpc_method_handler(Health(services, is_ready).check)},
        **{name: {"ServerReflectionInfo": reflect} for name in REFLECTION},
    }


class Health:
    """Whether the server may be sent work; all its services are ready at the same time."""

    def __init__(self, services: tuple[str, ...], is_ready: Callable[[], bool]) -> None:
        self._services = {"", *services}
        self._is_ready = is_ready
        self._open = Open("questions for health", MOST_CHECKS, MOST_CHECKS)

    async def check(self, _: Any, context: Any) -> bytes:
        """One answer to one question."""
        try:
            with self._open.another(_ANYBODY):
                data = await received(context, _QUESTION_S)
        except LabError as error:
            await context.abort(grpc.StatusCode[error.code.value], str(error))
        asked = health_pb2.HealthCheckRequest.FromString(data or b"").service
        if asked not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service is served here")
        answer = health_pb2.HealthCheckResponse
        status = answer.SERVING if self._is_ready() else answer.NOT_SERVING
        return bytes(answer(status=status).SerializeToString())


_QUESTION_S = 0.5
"""For a question whose call has begun already."""


class Reflection:
    """The files that describe what is served."""

    def __init__(self, services: tuple[str, ...], limits: Limits) -> None:
        texts = [(name, files(at).joinpath(name).read_text("utf-8")) for at, name in _PROTOS]
        described = [file_description(name, text) for name, text in texts]
        own = file_description(FILE, proto_text())
        self._servicer = ReflectionServicer(services, pool=pool_of(own, *described))
        self._limits = limits
        self._open = Open("calls of reflection", MOST_CALLS, MOST_CALLS)

    async def answer(self, _: Any, context: Any) -> None:
        """Answer questions until the caller has no more."""
        try:
            with self._open.another(_ANYBODY):
                for _question in range(MOST_QUESTIONS):
                    data = await received(context, self._limits.idle_s)
                    if data is None:
                        return
                    await send_in_time(context, self._answered(data), self._limits.unsent_s)
        except ClientGone:
            return
        except LabError as error:
            await context.abort(grpc.StatusCode[error.code.value], str(error))

    def _answered(self, data: bytes) -> bytes:
        question = decoded_message(reflection_pb2.ServerReflectionRequest, data, MOST_FIELDS)
        (answer,) = self._servicer.ServerReflectionInfo(iter([question]), None)
        return bytes(answer.SerializeToString())
