"""The streaming endpoint in Deepgram's dialect: a WebSocket with binary frames."""

import json
from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.errors import InvalidMessage, LabError
from lab_kit.core.events import Event, ModelInfo, StreamOptions
from lab_kit.core.personal_data import joined
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import Command
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.socket_wire import SocketWire, subprotocols
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.protocol.live import Audio, Control, Ending, Input, Reply

_CONTROLS = {
    Command.KEEP_ALIVE: Control.KEEP_ALIVE,
    Command.FINALIZE: Control.FINALIZE,
    Command.CLOSE_STREAM: Control.CLOSE,
}


def listen_routes(door: Door, streams: StreamServices, is_strict: bool) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter()

    @router.websocket(deepgram.PATH)
    async def listen(socket: WebSocket) -> None:
        offered = subprotocols(socket)
        # a browser, which cannot set the header, offers the scheme and the key as subprotocols
        call = http_call(socket, " ".join(offered[:2]))
        request_id = str(call.request_id)
        header = (b"dg-request-id", request_id.encode())
        wire = SocketWire(socket, offered[0] if offered else None, [header])
        try:
            async with door.open(call) as admitted:
                if is_strict:
                    deepgram.check_query(socket.query_params)
                options = deepgram.parse_query(joined(socket.query_params.multi_items()))
                place = admitted.stream(options.priority_class)
                dialect = Deepgram(options, request_id, place.lease.engine.model)
                stream = LiveStream(streams, place, wire, dialect)
                stream.begin()
                await stream.run()
        except LabError as error:
            refusal = deepgram.refusal(error, request_id)
            denial = JSONResponse(refusal.body, refusal.status, refusal.headers)
            await socket.send_denial_response(denial)

    return router


class Deepgram:
    """The dialect as a live stream speaks it; WebRTC's data channel speaks it too."""

    def __init__(self, options: StreamOptions, request_id: str, model: ModelInfo) -> None:
        self.options = options
        self._writer = deepgram.MessageWriter(request_id, model, wall_clock_iso())

    def greet(self) -> Sequence[str]:
        """Nothing: the client speaks first."""
        return []

    def parse(self, message: bytes | str) -> Sequence[Input]:
        """Bytes are audio, none of them the old-style end; text is a command."""
        if isinstance(message, bytes):
            return [Audio(message) if message else Control.CLOSE]
        try:
            return [_CONTROLS[deepgram.parse_command(message)]]
        except InvalidMessage as error:
            return [Reply(json.dumps(deepgram.error_message(error, message)))]

    def render(self, event: Event, sent_ns: int) -> Sequence[str]:
        """One message an event, stamped."""
        message = self._writer.message(event)
        deepgram.stamp(message, sent_ns)
        return [json.dumps(message)]

    def end(self, error: LabError | None) -> tuple[Sequence[str], Ending]:
        """No last words: the close frame says it all."""
        close = deepgram.NORMAL if error is None else deepgram.close_frame(error)
        return [], Ending(close.code, close.reason)
