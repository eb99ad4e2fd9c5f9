"""The page at ``/``: what this server is, whether it is ready, and where to go on."""

from collections.abc import Callable
from html import escape
from string import Template

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from lab_kit.gateway.run.documents import PAGE_PATH, SCHEMA_PATH
from lab_kit.protocol.health import NotReady, Ready

_LINKS = {
    PAGE_PATH: "the API, to read and to try",
    SCHEMA_PATH: "its schema",
    "/readyz": "whether it may be sent work",
    "/healthz": "whether it lives",
    "/metrics": "what it has measured, for Prometheus",
}
_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>lab_kit: $headline</title>
<style>
:root { color-scheme: light dark; --ink: #16191d; --muted: #565d66; --link: #1265c1; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ecef; --muted: #a5adb8; --link: #6ba6fb; }
  body { background: #16181d; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 40rem;
  margin: 3rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
p.state { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
dd { margin: 0; color: var(--muted); }
a { color: var(--link); }
</style>
<h1>lab_kit, a speech API on this machine</h1>
<p class="state">$headline</p>
<p>It recognizes English speech, in its own API and in those of Deepgram, OpenAI and Google, so that
their SDKs work against it. $grpc</p>
<dl>
$links
</dl>
</html>
""")


def front_page_routes(readiness: Callable[[], Ready | NotReady]) -> APIRouter:
    """The page's route.

    Args:
        readiness: whether the server may be sent work.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page() -> HTMLResponse:
        """Needs no network, no script and no key, and says nothing of a caller."""
        return HTMLResponse(_written(readiness()))

    return router


def _written(state: Ready | NotReady) -> str:
    if isinstance(state, Ready):
        headline = f"Ready: {state.model}, version {state.version}, on {state.device}."
        grpc = f"gRPC is spoken on port {state.grpc_port}."
    else:
        headline = f"Not ready: {state.reason or state.status}."
        grpc = ""
    links = (f'<dt><a href="{path}">{path}</a><dd>{what}' for path, what in _LINKS.items())
    return _PAGE.substitute(headline=escape(headline), grpc=grpc, links="\n".join(links))
