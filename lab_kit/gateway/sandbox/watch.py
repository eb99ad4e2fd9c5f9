"""Where calls with a sandbox key are counted and cut: around an application, and around gRPC."""

import asyncio
from contextlib import suppress
from typing import Any

import grpc
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_kit.gateway.sandbox.exchange import Cut, Exchange
from lab_kit.gateway.sandbox.faults import cut
from lab_kit.gateway.sandbox.keys import SandboxKeys
from lab_kit.protocol.sandbox import LONGEST_S

UPGRADED = 101
_STARTS = ("http.response.start", "websocket.http.response.start")
_BODIES = ("http.response.body", "websocket.http.response.body")
_CLOSED_WITHOUT_A_CODE = 1005
_LOOK_S = 0.25


class WatchExchanges:
    """ASGI middleware: it puts an `Exchange` into the scope's state, while there are such keys.

    Whose call it is, the door finds out, and nothing is sent before that.
    """

    def __init__(self, app: ASGIApp, keys: SandboxKeys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application run, its messages counted."""
        if scope["type"] not in ("http", "websocket") or not self._keys:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        exchange = Exchange(
            connection.state.request_id,
            scope["type"],
            scope.get("method", "GET"),
            scope["path"],
            scope["query_string"].decode("latin-1"),
        )
        connection.state.exchange = exchange
        wire = _Wire(exchange, receive, send)
        try:
            await self._app(scope, wire.receive, wire.send)
            if exchange.is_silent:
                await wire.hold()
        finally:
            exchange.end()


class _Wire:
    """The two directions of one call."""

    def __init__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._exchange = exchange
        self._receive, self._send = receive, send
        self._is_cut = self._is_gone = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_gone = self._is_gone or message["type"].endswith(".disconnect")
        if message["type"] == "websocket.disconnect" and self._exchange.close_code is None:
            self._exchange.close_code = message.get("code", _CLOSED_WITHOUT_A_CODE)
        data = message.get("bytes") or message.get("text") or message.get("body")
        if data:
            self._exchange.hear(data)
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in _STARTS:
            self._exchange.status = message["status"]
        elif kind == "websocket.accept":
            self._exchange.status = UPGRADED
        elif kind == "websocket.close":
            if self._is_cut or self._exchange.is_silent:
                return
            self._exchange.close_code = message.get("code", 1000)
        if kind == "websocket.send":
            if await self._may_send(message):
                await self._send(message)
        elif await self._may_answer(message):
            await self._send(message)
        else:
            await self.hold()

    async def _may_answer(self, message: Message) -> bool:
        """Whether a part of an answer over HTTP is sent; its head is not counted."""
        if message["type"] in _BODIES and message.get("body"):
            return await self._exchange.may_send(len(message["body"]))
        return not (message["type"] in _STARTS and self._exchange.is_silent)

    async def _may_send(self, message: Message) -> bool:
        """Whether a message of a WebSocket is sent.

        Raises:
            OSError: it was closed, which is how the framework hears of it.
        """
        if self._is_cut:
            raise OSError("closed")
        data = message.get("text") or message.get("bytes") or ""
        try:
            return await self._exchange.may_send(len(data))
        except Cut as fault:
            self._is_cut = True
            self._exchange.close_code = fault.code
            reason = "a fault that was asked for"
            await self._send({"type": "websocket.close", "code": fault.code, "reason": reason})
            raise OSError("closed") from fault

    async def hold(self) -> None:
        """Keep a caller who is to hear no more until they go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while not self._is_gone:
                    await self.receive()


class WatchedContext:
    """A call over gRPC whose messages are counted; anything else is the library's own."""

    def __init__(self, context: Any, exchange: Exchange) -> None:
        self._context = context
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def hold(self) -> None:
        """Keep a caller who is to hear no more until they go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while not self._context.done():
                    await asyncio.sleep(_LOOK_S)

    def set_code(self, code: grpc.StatusCode) -> None:
        """Note the status that it ends with."""
        self._exchange.status = code.value[0]
        self._context.set_code(code)

    async def abort(self, code: grpc.StatusCode, *told: Any) -> None:
        """End it with that status."""
        self._exchange.status = code.value[0]
        await self._context.abort(code, *told)

    async def read(self) -> Any:
        """The next message."""
        message = await self._context.read()
        if message is not grpc.aio.EOF:
            self._exchange.hear(bytes(message))
        return message

    async def write(self, message: bytes) -> None:
        """Send one.

        Raises:
            GoingAway: the call ends here.
        """
        try:
            if not await self._exchange.may_send(len(message)):
                return
        except Cut as fault:
            raise cut() from fault
        await self._context.write(message)
