"""The page at ``/``: what this server is, whether it is ready, your voice, and where to go on."""

from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from lab_kit.gateway.run.documents import PAGE_PATH, SCHEMA_PATH, SOCKETS_PATH
from lab_kit.protocol.health import NotReady, Ready

_LINKS = {
    PAGE_PATH: "the API, to read and to try",
    SCHEMA_PATH: "its schema",
    SOCKETS_PATH: "its sockets' messages",
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
:root { color-scheme: light dark; --ink: #16191d; --muted: #565d66; --link: #1265c1;
  --over: #c4122f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ecef; --muted: #a5adb8; --link: #6ba6fb; --over: #ff6b7d; }
  body { background: #16181d; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 40rem;
  margin: 3rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
p.state { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
dd { margin: 0; color: var(--muted); }
a { color: var(--link); }
section { margin: 2rem 0; }
button { font: inherit; padding: .25rem 1rem; margin-right: 1rem; }
#text { font-size: 1.25rem; min-height: 2em; }
#text.interim, #age { color: var(--muted); }
#turns, #said { padding: 0; list-style: none; }
#state { font-weight: 600; }
#stages svg { max-width: 100%; }
#turns b { display: inline-block; min-width: 5rem; text-align: right; padding-right: .75rem;
  font-variant-numeric: tabular-nums; }
#turns .late b::after { content: " ▲"; color: var(--over); }
</style>
<h1>lab_kit, a speech API on this machine</h1>
<p class="state">$headline</p>
<p>It recognizes and speaks English, in its own API and in those of Deepgram, OpenAI, AssemblyAI,
ElevenLabs, Google and Amazon, so that their SDKs work against it. $grpc</p>
<section id="voice" hidden>
<p><button id="speak">Speak</button><button id="talk">Talk</button>
<meter id="level" min="0" max="1" aria-label="level of the microphone"></meter>
<label>key, where the server asks for one:
<input id="key" type="password" size="12" autocomplete="off"></label></p>
<p><label>over <select id="wire"><option value="socket">a WebSocket
<option value="events">posts and server-sent events</select></label></p>
<p id="note" role="status"></p>
<p id="text"></p>
<p id="age"></p>
<p>Each final, and how long after your last word it came; &#9650; marks more than 300&nbsp;ms.</p>
<ol id="turns" aria-live="polite"></ol>
<p id="state" role="status"></p>
<div id="stages"></div>
<ol id="said" aria-live="polite"></ol>
</section>
<dl>
$links
</dl>
<script type="module" src="$voice"></script>
</html>
""")
VOICE_PATH = "/voice.js"
_SCRIPTS = (
    ("lab_kit.audio.sources", "browser_capture.js"),
    ("lab_kit.gateway.run", "session.js"),
    ("lab_kit.gateway.run", "voice_page.js"),
    ("lab_kit.gateway.run", "talk_page.js"),
)
_VOICE = "".join(files(at).joinpath(name).read_text("utf-8") for at, name in _SCRIPTS)


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

    @router.get(VOICE_PATH)
    async def voice() -> Response:
        """The page's script, without which the page has all but the microphone."""
        return Response(_VOICE, media_type="text/javascript")

    return router


def _written(state: Ready | NotReady) -> str:
    if isinstance(state, Ready):
        headline = f"Ready: {state.model}, version {state.version}, on {state.device}."
        grpc = f"gRPC is spoken on port {state.grpc_port}."
    else:
        headline = f"Not ready: {state.reason or state.status}."
        grpc = ""
    links = (f'<dt><a href="{path}">{path}</a><dd>{what}' for path, what in _LINKS.items())
    return _PAGE.substitute(
        headline=escape(headline), grpc=grpc, links="\n".join(links), voice=VOICE_PATH
    )
