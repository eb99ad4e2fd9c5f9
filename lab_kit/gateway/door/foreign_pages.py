"""A server without a key, and web pages that are none of its own.

A page open in the reader's browser may send requests to this machine, and open WebSockets; the
browser says in ``Origin`` whose page it is. A page whose name was made to point here afterwards
(DNS rebinding) shows in ``Host``. Where callers need a key no page has it, and nothing is checked.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from lab_kit.core.errors import Forbidden
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.keys import Keys
from lab_kit.protocol.error_body import ErrorEnvelope


class RefuseForeignPages:
    """Refuses, on a server without a key, what comes from pages that this machine does not serve.

    Args:
        is_local: the server listens on this machine alone, so that ``Host`` must name it.
        allowed: origins of pages that may, all the same.
    """

    def __init__(
        self, app: ASGIApp, keys: Keys, is_local: bool, allowed: tuple[str, ...] = ()
    ) -> None:
        self._allowed = allowed
        self._app = app
        self._keys = keys
        self._is_local = is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application run, or answer 403."""
        foreign = self._foreign(scope) if scope["type"] in ("http", "websocket") else None
        if foreign is None or not self._keys.is_open:
            await self._app(scope, receive, send)
            return
        error = Forbidden(
            f"a request from {foreign}, on a server that asks for no key",
            "one from this machine",
            "start the server with --key, or use a page that this machine serves",
        )
        body = ErrorEnvelope.of(error, request_id_of(HTTPConnection(scope))).json_body()
        refusal = JSONResponse(body, error.http_status)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await refusal(scope, receive, send)

    def _foreign(self, scope: Scope) -> str | None:
        """Which header names another place than this machine, and which place."""
        for name, value in scope["headers"]:
            text = value.decode("latin-1")
            if name == b"origin" and text not in self._allowed and not _is_here(text):
                return f"the page {text[:100]!r}"
            if name == b"host" and self._is_local and not _is_here(f"//{text}"):
                return f"the host {text[:100]!r}"
        return None


def _is_here(url: str) -> bool:
    """Whether a URL names this machine by its own names, and nothing before or beside them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    if set("@\\") & set(parts.netloc):  # a browser reads another host from such a name than we do
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
