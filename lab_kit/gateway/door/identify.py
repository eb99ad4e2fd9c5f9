"""Gives every HTTP request and every upgrade its name before anything else looks at it.

The name goes into the answer's headers, also of a refusal, and into every line of the log that is
written on the way.
"""

import logging
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_kit.core.ids import RequestId
from lab_kit.gateway.door.call import REQUEST_ID, TRACE_PARENT

_BEGINNINGS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_current: ContextVar[RequestId | None] = ContextVar("request_id", default=None)


class IdentifyCalls:
    """ASGI middleware: it puts a `RequestId` into the scope's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the call, and name it in its answer unless a provider's own form stands there."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        brought = RequestId.brought(headers.get(REQUEST_ID), headers.get(TRACE_PARENT))
        request_id = brought or RequestId.new()
        scope.setdefault("state", {})["request_id"] = request_id

        async def named(message: Message) -> None:
            if message["type"] in _BEGINNINGS:
                MutableHeaders(raw=_raw(message)).setdefault(REQUEST_ID, str(request_id))
            await send(message)

        with_name = _current.set(request_id)
        try:
            await self._app(scope, receive, named)
        finally:
            _current.reset(with_name)


def name_calls_in_log(handler: logging.Handler) -> None:
    """Let the handler's format use ``%(request_id)s``: the call that a line is about, or ``-``."""

    def named(record: logging.LogRecord) -> bool:
        record.request_id = _current.get() or "-"
        return True

    handler.addFilter(named)


def named_for_log(request_id: RequestId) -> None:
    """From here on this task's lines in the log are about that call."""
    _current.set(request_id)


def current_request() -> RequestId | None:
    """The call that this task works for; None outside of one."""
    return _current.get()


def _raw(message: Message) -> list[tuple[bytes, bytes]]:
    """The message's headers as a list that stands in it and can be added to."""
    raw = list(message.get("headers") or ())
    message["headers"] = raw
    return raw
