"""OpenAI's Realtime transcription: a WebSocket with JSON both ways."""

import time
from contextlib import ExitStack

from fastapi import APIRouter
from starlette.websockets import WebSocket

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.dialects.openai.realtime.options import KEY_SUBPROTOCOL, PATH
from lab_kit.dialects.openai.realtime.server import RealtimeSession
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.socket_wire import SocketWire, subprotocols
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.providers.openai.transcriptions import refusal


def openai_realtime_routes(door: Door, streams: StreamServices) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter()

    @router.websocket(PATH)
    async def realtime(socket: WebSocket) -> None:
        with ExitStack() as held:
            try:
                door.keys.check_caller(_key(socket))
                _check_intent(socket.query_params.get("intent"))
                door.admit()
                lease = held.enter_context(door.lease())
            except LabError as error:
                await socket.send_denial_response(refusal(error))
                return
            session = RealtimeSession(lease.engine.model.version, int(time.time()))
            chosen = "realtime" if "realtime" in subprotocols(socket) else None
            await LiveStream(streams, lease, SocketWire(socket, chosen), session).run()

    return router


def _key(socket: WebSocket) -> str | None:
    """The header, or what a browser offers, which cannot set it."""
    offered = [s for s in subprotocols(socket) if s.startswith(KEY_SUBPROTOCOL)]
    in_offer = offered[0].removeprefix(KEY_SUBPROTOCOL) if offered else None
    return socket.headers.get("authorization") or in_offer


def _check_intent(intent: str | None) -> None:
    if intent != "transcription":
        raise InvalidParameter(
            f"intent '{intent}'", "transcription", "connect with ?intent=transcription"
        )
