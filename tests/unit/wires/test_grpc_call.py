"""How a call ends, read from a real gRPC server in this process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from lab_kit.core.errors import Unauthenticated
from lab_kit.wires.grpc_call import open_grpc_call, status_of

METHOD = "/a.Service/Talk"
REASON = "not with this key"
ROUNDS = 50
"""Of callers who write when the call is over, about half lose the status without a remedy."""


class Refusing(grpc.GenericRpcHandler):
    """Refuses every call at once, whatever its caller goes on to send."""

    def service(self, details: Any) -> Any:
        async def refuse(_: Any, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, REASON)

        return grpc.stream_stream_rpc_method_handler(refuse)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Refusing(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_who_writes_after_the_end_still_reads_the_servers_status(address: str) -> None:
    told = set()
    for _ in range(ROUNDS):
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream(METHOD)()
            status = status_of(call)
            try:
                while True:
                    await call.write(bytes(8_000))
            except (grpc.RpcError, asyncio.InvalidStateError):
                told.add(await status)
    assert {(one.code, one.details) for one in told} == {(grpc.StatusCode.UNAUTHENTICATED, REASON)}


async def test_a_refused_call_is_refused_by_its_own_name(address: str) -> None:
    for _ in range(ROUNDS):
        with pytest.raises(Unauthenticated, match=REASON):
            async with open_grpc_call(address, METHOD, bytes(8_000), []):
                pytest.fail("it was taken")
