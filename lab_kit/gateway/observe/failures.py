"""What nobody foresaw: it ends the one call that it happened in, is counted, and is one line.

The line names the innermost place in our own code, since the rest of a traceback is libraries, and
a caller who can cause it could fill the log with pages.
"""

import logging
import traceback
from pathlib import Path

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

import lab_kit
from lab_kit.core.errors import LabError
from lab_kit.gateway.api.errors import error_response
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.middleware import route_of

MOST_CHARACTERS = 300
"""Of an exception's text: it may repeat what a client sent."""
_ROOT = Path(lab_kit.__file__).parent
INTERNAL_CLOSE = 1011
"""[Source: RFC 6455, 7.4.1]"""
INTERNAL = LabError(
    "the server failed while it answered",
    "an answer",
    "ask whoever runs the server to read its log",
)
_log = logging.getLogger(__name__)


class Failures:
    """Where every way in tells of what it did not foresee."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def tell(self, route: str, error: Exception) -> None:
        """Count it and log its one line."""
        self._metrics.failed(route)
        text = repr(str(error))[:MOST_CHARACTERS]
        _log.error("%s failed: %s %s at %s", route, type(error).__name__, text, place_of(error))


def place_of(error: Exception) -> str:
    """The innermost line of our own code that it went through; ``outside`` if there is none."""
    passed = [
        f"{Path(frame.f_code.co_filename).relative_to(_ROOT)}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).is_relative_to(_ROOT)
    ]
    return passed[-1] if passed else "outside"


class EndFailedCalls:
    """Middleware: ends a request with 500, or a WebSocket with 1011, for what nobody foresaw.

    The framework would raise it again, for whoever serves to print. A client that hung up is no
    failure.
    """

    def __init__(self, app: ASGIApp, failures: Failures) -> None:
        self._app = app
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application run; end what it leaves open."""
        sent: set[str] = set()

        async def noted(message: Message) -> None:
            sent.add(message["type"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except (ClientDisconnect, ClientDisconnected, WebSocketDisconnect):
            pass
        except Exception as error:
            self._failures.tell(route_of(scope), error)
            if not sent:
                await error_response(INTERNAL, request_id_of(HTTPConnection(scope)))(
                    scope, receive, send
                )
            elif "websocket.accept" in sent and "websocket.close" not in sent:
                await send({"type": "websocket.close", "code": INTERNAL_CLOSE})
