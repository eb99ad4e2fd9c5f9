"""OpenAI's Realtime transcription: a WebSocket with JSON both ways."""

import time

from fastapi import APIRouter
from starlette.websockets import WebSocket

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.core.events import PriorityClass
from lab_kit.core.personal_data import joined
from lab_kit.dialects.openai.realtime.options import KEY_SUBPROTOCOL, PATH
from lab_kit.dialects.openai.realtime.server import RealtimeSession
from lab_kit.gateway.door.call import REQUEST_ID, http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.socket_wire import SocketWire, subprotocols
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.providers.openai.transcriptions import refusal, request_name
from lab_kit.stream.sink.steps import asked_for


def openai_realtime_routes(door: Door, streams: StreamServices, is_strict: bool) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter()

    @router.websocket(PATH)
    async def realtime(socket: WebSocket) -> None:
        call = http_call(socket, _offered_key(socket))
        header = (REQUEST_ID.encode(), request_name(call.request_id).encode())
        chosen = "realtime" if "realtime" in subprotocols(socket) else None
        try:
            async with door.open(call) as admitted:
                _check_intent(socket.query_params.get("intent"))
                steps = asked_for(joined(socket.query_params.multi_items()))
                place = admitted.stream(PriorityClass.INTERACTIVE)
                version = place.lease.engine.model.version
                session = RealtimeSession(version, int(time.time()), steps, is_strict)
                wire = SocketWire(socket, chosen, [header])
                await LiveStream(streams, place, wire, session).run()
        except LabError as error:
            await socket.send_denial_response(refusal(error, call.request_id))

    return router


def _offered_key(socket: WebSocket) -> str | None:
    """What a browser offers, which cannot set the header."""
    offered = [s for s in subprotocols(socket) if s.startswith(KEY_SUBPROTOCOL)]
    return offered[0].removeprefix(KEY_SUBPROTOCOL) if offered else None


def _check_intent(intent: str | None) -> None:
    if intent != "transcription":
        raise InvalidParameter(
            f"intent '{intent}'", "transcription", "connect with ?intent=transcription"
        )
