"""A session's connection as a bidirectional gRPC call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from lab_kit.client.address import ServerAddress
from lab_kit.client.sessions.line import Heard
from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.lab.protobuf import first_message, heard, message_of
from lab_kit.protocol.proto_text import METHOD, SERVICE
from lab_kit.protocol.stream_messages import Command, CommandMessage, Resume, StreamRequest
from lab_kit.wires.grpc_call import GrpcCall, open_grpc_call


class CallLine:
    """Sound and commands as protobuf."""

    def __init__(self, call: GrpcCall) -> None:
        self._call = call

    async def send(self, message: bytes | CommandMessage, number: int) -> int:
        """Send one; on a call they are in order, and need no number."""
        sent_ns = await self._call.send(message_of(message))
        if isinstance(message, CommandMessage) and message.type is Command.FINISH:
            await self._call.half_close()
        return sent_ns

    async def messages(self) -> AsyncIterator[Heard]:
        """Those of the server."""
        async for arrived in self._call.messages():
            yield Heard(heard(arrived.data), arrived.received_ns)


class CallLines:
    """Calls to one server."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address

    def use(self, key: str) -> None:
        """Connect with another key from now on."""
        self._address = replace(self._address, key=key)

    @asynccontextmanager
    async def open(self, asked: StreamRequest | Resume) -> AsyncIterator[CallLine]:
        """Call."""
        if self._address.grpc is None:
            raise InvalidParameter(
                "a server without a gRPC address", "one", "pass grpc='HOST:PORT' to ServerAddress"
            )
        key = self._address.key
        metadata = [] if key is None else [("authorization", f"Bearer {key}")]
        first = first_message(asked)
        method = f"/{SERVICE}/{METHOD}"
        async with open_grpc_call(self._address.grpc, method, first, metadata) as call:
            yield CallLine(call)
