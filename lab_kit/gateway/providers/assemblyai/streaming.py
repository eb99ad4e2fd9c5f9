"""AssemblyAI's streaming: a WebSocket with binary sound and JSON, and temporary tokens for it.

What is wrong with a call is told after the upgrade, as by the provider: whoever has no key gets a
message and a close, and nothing that they send is read.
"""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.websockets import WebSocket

from lab_kit.core.errors import LabError
from lab_kit.core.events import PriorityClass
from lab_kit.core.personal_data import joined
from lab_kit.dialects.assemblyai.streaming.errors import SessionExpired, closing
from lab_kit.dialects.assemblyai.streaming.options import (
    LONGEST_SESSION_S,
    PATH,
    TOKEN_PATH,
    check_settings,
    parse_query,
    parse_token_query,
)
from lab_kit.dialects.assemblyai.streaming.server import StreamingSession
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.door.tokens import Tokens
from lab_kit.gateway.live.ending_after import ending_after
from lab_kit.gateway.live.live_stream import ClientGone, LiveStream
from lab_kit.gateway.live.socket_wire import SocketWire
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.providers.assemblyai.errors import AssemblyAIErrors
from lab_kit.stream.sink.steps import asked_for

_LASTS: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": is_required,
            "schema": {"type": "integer", "minimum": least, "maximum": most},
        }
        for name, is_required, least, most in (
            ("expires_in_seconds", True, 1, 600),
            ("max_session_duration_seconds", False, 60, 10_800),
        )
    ]
}
"""What the framework cannot see, since the query is read by the dialect, behind the key."""


def assemblyai_streaming_routes(door: Door, streams: StreamServices, is_strict: bool) -> APIRouter:
    """The routes, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter(route_class=AssemblyAIErrors, responses=REFUSED)
    tokens = Tokens()

    @router.get(TOKEN_PATH, openapi_extra=_LASTS)
    async def token(request: Request) -> dict[str, str | int]:
        """A token for one session, to be given to whoever must not have the key."""
        call = http_call(request)
        async with door.open(call) as admitted:
            asked = parse_token_query(request.query_params)
            lasts_s, session_s = asked.expires_in_seconds, asked.max_session_duration_seconds
            made = tokens.make(call.credential, admitted.caller, lasts_s, session_s)
            return {"token": made, "expires_in_seconds": lasts_s}

    @router.websocket(PATH)
    async def stream(socket: WebSocket) -> None:
        query, wire = socket.query_params, SocketWire(socket)
        try:
            call = http_call(socket)
            # a browser can send no header; a key is not taken from an address
            shown = call.credential or query.get("token")
            offered = tokens.of(shown)
            opening = call if offered is None else replace(call, credential=offered.key)
            async with door.open(opening) as admitted:
                if is_strict:
                    check_settings(query)
                session, turns = parse_query(query)
                steps = asked_for(joined(query.multi_items()))
                place = admitted.stream(PriorityClass.INTERACTIVE)
                longest_s = LONGEST_SESSION_S
                if offered is not None:
                    tokens.use(shown, offered)
                    longest_s = offered.session_s or longest_s
                # sound of which there is no more takes as long as this at the pace of speech
                lasts_s = min(longest_s, streams.limits.stream_audio_s)
                dialect = StreamingSession(
                    session,
                    turns,
                    str(call.request_id),
                    place.lease.engine.model.version,
                    time.perf_counter_ns(),
                    round(time.time() + lasts_s),
                    steps,
                    is_strict,
                )
                live = LiveStream(streams, place, wire, dialect, session.inactivity_timeout)
                live.begin()
                expired = SessionExpired(
                    f"a session of {longest_s:,.0f} s", "a shorter one", "open another session"
                )
                with ending_after(longest_s, live, expired):
                    await live.run()
        except LabError as error:
            await _refuse(wire, error)

    return router


async def _refuse(wire: SocketWire, error: LabError) -> None:
    """Say why no session is opened, and close."""
    told, ending = closing(error)
    with suppress(ClientGone):
        await wire.open()
        for message in told:
            await wire.send(message)
        await wire.close(ending)
