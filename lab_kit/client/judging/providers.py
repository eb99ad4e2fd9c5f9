"""A provider's dialect over a WebSocket or a gRPC call, held by its `Conversation`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from lab_kit.client.address import ServerAddress
from lab_kit.client.judging.talk import Recorder, Talk, told_code
from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import ConnectionFailed, LabError
from lab_kit.protocol.judge.conversation import HALF_CLOSE, Caller, Conversation, heard
from lab_kit.protocol.judge.seen import Closed
from lab_kit.wires.grpc_call import GrpcCall, open_grpc_call
from lab_kit.wires.websocket import NORMAL, WebSocketWire, open_websocket


class _SocketTalk:
    def __init__(self, recorder: Recorder, spoken: Conversation, wire: WebSocketWire) -> None:
        self._recorder = recorder
        self._spoken = spoken
        self._wire = wire
        self._closed = Closed(None, by_client=True)

    async def send(self, message: str | bytes) -> None:
        self._recorder.note(by_client=True, message=self._spoken.noted(message, by_client=True))
        await self._wire.send(message)

    async def say(self, pcm: bytes) -> None:
        message = self._spoken.sound(pcm)
        if message is pcm:
            self._recorder.note(by_client=True, sound={"bytes": len(pcm)})
            await self._wire.send(pcm)
        else:
            await self.send(message)

    async def finish(self) -> None:
        for message in self._spoken.finish():
            await self.send(message)

    async def hear(self) -> None:
        try:
            async for content, _ in self._wire.received():
                noted, is_over = heard(self._spoken, content)
                self._recorder.heard(noted, len(content))
                if is_over:
                    return
            self._closed = Closed(str(NORMAL))
        except ConnectionFailed as closed:
            self._closed = Closed(told_code(closed))

    async def closed(self) -> Closed:
        return self._closed


@asynccontextmanager
async def socket_talk(
    recorder: Recorder, spoken: Conversation, address: ServerAddress
) -> AsyncIterator[Talk]:
    """Open a WebSocket, and say what comes before any sound."""
    url = address.url.replace("http", "ws", 1) + spoken.target(_caller(address))
    async with open_websocket(url, _shown(spoken, address)) as wire:
        talk = _SocketTalk(recorder, spoken, wire)
        for message in spoken.first():
            await talk.send(message)
        yield talk


class _CallTalk:
    def __init__(self, recorder: Recorder, spoken: Conversation, call: GrpcCall) -> None:
        self._recorder = recorder
        self._spoken = spoken
        self._call = call

    async def _send(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        self._recorder.note(by_client=True, message=self._spoken.noted(message, by_client=True))
        await self._call.send(message)

    async def say(self, pcm: bytes) -> None:
        await self._send(self._spoken.sound(pcm))

    async def finish(self) -> None:
        for message in self._spoken.finish():
            await self._send(message)
        self._recorder.note(by_client=True, message=HALF_CLOSE)
        await self._call.half_close()

    async def hear(self) -> None:
        messages = self._call.messages()
        while True:
            try:
                arrived = await anext(messages)
            except (StopAsyncIteration, LabError):
                return  # how it ended is the status
            noted, _ = heard(self._spoken, arrived.data)
            self._recorder.heard(noted, len(arrived.data))

    async def closed(self) -> Closed:
        return Closed(str((await self._call.status()).code.name))


@asynccontextmanager
async def call_talk(
    recorder: Recorder, spoken: Conversation, address: ServerAddress
) -> AsyncIterator[Talk]:
    """Begin a gRPC call with its first message."""
    metadata = list(_shown(spoken, address).items())
    (first,) = spoken.first()
    assert isinstance(first, bytes)
    where, method = address.grpc or "", spoken.target(_caller(address))
    async with open_grpc_call(where, method, first, metadata) as call:
        yield _CallTalk(recorder, spoken, call)


def _caller(address: ServerAddress) -> Caller:
    return Caller(urlsplit(address.url).netloc, address.key, since_1970_ms() / 1e3)


def _shown(spoken: Conversation, address: ServerAddress) -> Mapping[str, str]:
    return {} if address.key is None else spoken.headers(address.key)
