"""A bidirectional gRPC call as a client holds it: messages out, stamped messages in."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from lab_kit.core.errors import ConnectionFailed, LabError, SystemOverloaded, Unauthenticated
from lab_kit.protocol.error_body import told_error
from lab_kit.protocol.stream_messages import ERROR_METADATA

OPEN_TIMEOUT_S = 5.0
PING_S = 20.0
"""Proxies close what is silent for a minute or so; HTTP/2's own pings are not silence."""
_KINDS: dict[grpc.StatusCode, type[LabError]] = {
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.RESOURCE_EXHAUSTED: SystemOverloaded,
}


@dataclass(frozen=True, slots=True)
class StampedMessage:
    """A message and when it arrived, on this process's monotonic clock."""

    data: bytes
    received_ns: int


@dataclass(frozen=True, slots=True)
class CallStatus:
    """How the server ended a call.

    Attributes:
        error: why, where it is a server of ours that says so in its metadata.
    """

    code: grpc.StatusCode
    details: str
    error: LabError | None = None


def status_of(call: Any) -> "asyncio.Future[CallStatus]":
    """The status that the server gives a call that has just begun.

    The library's own answer is not reliable: it puts INTERNAL in place of the server's status when
    a message is written after the server has ended the call [Source: grpc/grpc issue 36066]. At
    the moment when the call is done it still has the right one.
    """
    ended: asyncio.Future[CallStatus] = asyncio.get_running_loop().create_future()

    def note(done: Any) -> None:
        if not ended.done():
            code, details = _at_once(done.code()), _at_once(done.details()) or ""
            ended.set_result(CallStatus(code, details, _error_in(done)))

    call.add_done_callback(note)
    return ended


def _error_in(done: Any) -> LabError | None:
    metadata = dict(_at_once(done.trailing_metadata()) or ())
    return told_error(str(metadata.get(ERROR_METADATA, "")))


def _at_once(answer: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that has nothing to wait for any more."""
    try:
        answer.send(None)
    except StopIteration as given:
        return given.value
    raise AssertionError("a call that is done knows its status")


class GrpcCall:
    """An open call; messages are bytes."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._status = status_of(call)

    async def send(self, message: bytes) -> int:
        """Send one message; returns when it was handed to HTTP/2, which may make us wait.

        Raises:
            ConnectionFailed: the call is over.
        """
        handed_ns = time.perf_counter_ns()
        try:
            await self._call.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise await self._broken() from error
        return handed_ns

    async def half_close(self) -> None:
        """Say that no more will come."""
        await self._call.done_writing()

    async def messages(self) -> AsyncIterator[StampedMessage]:
        """Messages until the server ends the call well.

        Raises:
            Unauthenticated, ConnectionFailed: it ended otherwise; its status is in the error.
        """
        try:
            while (data := await self._call.read()) is not grpc.aio.EOF:
                yield StampedMessage(bytes(data), time.perf_counter_ns())
        except grpc.RpcError as error:
            raise await self._broken() from error
        if (await self._status).code is not grpc.StatusCode.OK:
            raise await self._broken()

    async def status(self) -> CallStatus:
        """How the server has ended the call; waits until it has."""
        return await self._status

    async def _broken(self) -> LabError:
        status = await self._status
        if status.error is not None:
            return status.error
        kind = _KINDS.get(status.code, ConnectionFailed)
        return kind(
            f"the call ended: {status.code.name}: {status.details}",
            "OK",
            "act on the status and its text",
        )


@asynccontextmanager
async def open_grpc_call(
    address: str,
    method: str,
    first: bytes,
    metadata: Sequence[tuple[str, str]],
    ping_s: float = PING_S,
) -> AsyncIterator[GrpcCall]:
    """Connect, call ``method``, send ``first``; open once the server has taken the call.

    Raises:
        Unauthenticated: the server refused the key.
        SystemOverloaded: it takes no more calls now.
        ConnectionFailed: nobody listens, or the call was refused for another reason.
    """
    options = [
        ("grpc.keepalive_time_ms", round(ping_s * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        call = channel.stream_stream(method)(metadata=metadata, wait_for_ready=True)
        opened = GrpcCall(call)
        try:
            async with _timeout(address):
                await opened.send(first)
                await call.initial_metadata()
            if call.done():
                raise await opened._broken()
            yield opened
        finally:
            call.cancel()


@asynccontextmanager
async def _timeout(address: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            yield
    except TimeoutError as error:
        raise ConnectionFailed(
            f"no answer from {address} within {OPEN_TIMEOUT_S:.0f} s",
            "a server that speaks gRPC there",
            "start it with lab serve, or pass the address that it printed",
        ) from error
