"""Deepgram's text to speech over HTTP: a file, sent while it is made."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from lab_kit.dialects.deepgram import speak
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, Spoken, small_body
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.providers.deepgram.errors import DeepgramErrors
from lab_kit.gateway.speech.call import speech_call
from lab_kit.gateway.speech.voice import Voice, begun


def speak_routes(door: Door, voice: Voice) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter(route_class=DeepgramErrors, responses=REFUSED)
    inside = speech_call(door)

    @router.post(speak.PATH)
    async def speak_text(request: Request, call: Annotated[Spoken, Depends(inside)]) -> Response:
        """Speak a text, in any voice's name with the one that there is."""
        asked = speak.parse_query(dict(request.query_params))
        text = speak.parse_body(await small_body(request, MAX_SMALL_BODY_BYTES))
        sound = voice.file(call, text, asked.form, asked.rate_hz, asked.speed)
        return StreamingResponse(
            await begun(sound),
            media_type=asked.form.media_type_at(asked.rate_hz),
            headers=speak.headers(asked, text, str(request_id_of(request))),
        )

    return router
