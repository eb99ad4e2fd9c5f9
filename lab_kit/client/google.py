"""A live stream in Google's dialect: a bidirectional gRPC call."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab_kit.client.address import ServerAddress
from lab_kit.core.call_record import Received
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import StreamOptions
from lab_kit.dialects.google import client as dialect
from lab_kit.wires.grpc_call import GrpcCall, open_grpc_call


class GoogleClient:
    """An open call."""

    is_live = True

    def __init__(self, call: GrpcCall, opening_ns: int) -> None:
        self._call = call
        self.opening_ns = opening_ns
        self.opened_ns = time.perf_counter_ns()

    async def send(self, pcm: bytes) -> int:
        """Send audio; returns when it was handed to HTTP/2."""
        return await self._call.send(dialect.audio_message(pcm))

    async def keep_alive(self) -> None:
        """Send a message without sound."""
        await self._call.send(dialect.audio_message(b""))

    async def finish(self) -> None:
        """Half-close; the iteration ends when everything was said."""
        await self._call.half_close()

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, until the call has ended."""
        async for arrived in self._call.messages():
            told = dialect.parse_response(arrived.data)
            if told is not None:
                event, sent_ns, version = told
                yield Received(event, arrived.received_ns, sent_ns, version)


@asynccontextmanager
async def connect_google(
    address: ServerAddress, options: StreamOptions
) -> AsyncIterator[GoogleClient]:
    """Open a call of StreamingRecognize.

    Raises:
        Unauthenticated, ConnectionFailed: see `wires.grpc_call.open_grpc_call`.
        InvalidParameter: nobody knows where the server speaks gRPC.
    """
    if address.grpc is None:
        raise InvalidParameter(
            "a server without a gRPC address", "one", "pass grpc='HOST:PORT' to ServerAddress"
        )
    metadata = [] if address.key is None else [("x-goog-api-key", address.key)]
    opening_ns = time.perf_counter_ns()
    first = dialect.first_message(options)
    async with open_grpc_call(address.grpc, dialect.METHOD, first, metadata) as call:
        yield GoogleClient(call, opening_ns)
