"""ElevenLabs's realtime recognition: a WebSocket with JSON both ways."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from lab_kit.core.errors import LabError
from lab_kit.core.events import PriorityClass
from lab_kit.core.personal_data import joined
from lab_kit.dialects.elevenlabs.realtime.options import PATH, check_query, parse_query
from lab_kit.dialects.elevenlabs.realtime.server import RealtimeStream
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.socket_wire import SocketWire
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.providers.elevenlabs.errors import refused
from lab_kit.stream.sink.steps import asked_for


def elevenlabs_realtime_routes(door: Door, streams: StreamServices, is_strict: bool) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter()

    @router.websocket(PATH)
    async def realtime(socket: WebSocket) -> None:
        call = http_call(socket)
        session_id = str(call.request_id)
        try:
            async with door.open(call) as admitted:
                if is_strict:
                    check_query(socket.query_params)
                asked = parse_query(
                    socket.query_params, asked_for(joined(socket.query_params.multi_items()))
                )
                place = admitted.stream(PriorityClass.INTERACTIVE)
                wire = SocketWire(socket, None, [(b"request-id", session_id.encode())])
                dialect = RealtimeStream(asked, session_id, is_strict)
                await LiveStream(streams, place, wire, dialect).run()
        except LabError as error:
            await socket.send_denial_response(refused(error))

    return router
