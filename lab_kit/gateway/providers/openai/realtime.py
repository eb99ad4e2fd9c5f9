"""OpenAI's Realtime API: a WebSocket with JSON both ways, that transcribes or holds a conversation.

Source: OpenAI (2025), API reference, "Realtime".
"""

import time

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.core.events import PriorityClass
from lab_kit.core.personal_data import joined
from lab_kit.core.shown import shown
from lab_kit.dialects.openai.conversation.server import ConversationSession
from lab_kit.dialects.openai.realtime.options import KEY_SUBPROTOCOL, PATH
from lab_kit.dialects.openai.realtime.server import RealtimeSession
from lab_kit.gateway.door.call import REQUEST_ID, http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.socket_wire import SocketWire, subprotocols
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.providers.openai.transcriptions import refusal, request_name
from lab_kit.gateway.talk.agent import Agent, TalkParts
from lab_kit.stream.sink.steps import asked_for

MOST_NAME_CHARS = 100
"""Of a model, which every event about the session tells back."""


def openai_realtime_routes(
    door: Door, streams: StreamServices, talk: TalkParts, is_strict: bool
) -> APIRouter:
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
                model = _model(socket.query_params)
                steps = asked_for(joined(socket.query_params.multi_items()))
                place = admitted.stream(PriorityClass.INTERACTIVE)
                version, now_s = place.lease.engine.model.version, int(time.time())
                wire = SocketWire(socket, chosen, [header])
                if model is None:
                    listening = RealtimeSession(version, now_s, steps, is_strict)
                    await LiveStream(streams, place, wire, listening).run()
                    return
                admitted.speech().spending.settle(0.0)  # or there is no use in listening
                session = ConversationSession(model, version, now_s, steps, is_strict)
                author = talk.language.author(admitted.caller)
                agent = Agent(talk, session, author, place.lease.engine, admitted.speech)
                try:
                    await LiveStream(streams, place, wire, session, answering=agent).run()
                finally:
                    await agent.stop()
        except LabError as error:
            await socket.send_denial_response(refusal(error, call.request_id))

    return router


def _offered_key(socket: WebSocket) -> str | None:
    """What a browser offers, which cannot set the header."""
    offered = [s for s in subprotocols(socket) if s.startswith(KEY_SUBPROTOCOL)]
    return offered[0].removeprefix(KEY_SUBPROTOCOL) if offered else None


def _model(query: QueryParams) -> str | None:
    """By what name a conversation's model is asked for; None where only a transcription is.

    Raises:
        InvalidParameter: neither is asked for.
    """
    intent, model = query.get("intent"), query.get("model")
    if intent == "transcription":
        return None
    if intent is not None or not model:
        raise InvalidParameter(
            f"intent {shown(intent)} and model {shown(model)}",
            "an intent of transcription, or a model",
            "connect with ?intent=transcription, or with ?model=NAME to talk",
        )
    return model[:MOST_NAME_CHARS]
