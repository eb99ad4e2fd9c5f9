"""What a browser may do with this server's answers.

Pages of elsewhere may not read them, unless their origin is named: without CORS headers a browser
keeps an answer from them. What is answered is no page to be framed, guessed at or kept.

``Strict-Transport-Security`` is left out: a browser remembers it for a host, whatever its port, and
would find no other server of the reader's machine any more [Source: RFC 6797, 8.2].
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
}
NOT_KEPT = "no-store"
"""Of whatever says nothing else: transcripts stay in no cache."""


class SecureAnswers:
    """ASGI middleware: the headers of every answer over HTTP."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with them."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", NOT_KEPT)
            await send(message)

        await self._app(scope, receive, secured)
