"""OpenAI's text to speech: a file as it is made, or its pieces as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from lab_kit.dialects.openai import speech
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, Spoken, small_body
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.providers.openai.transcriptions import OpenAIErrors
from lab_kit.gateway.speech.call import speech_call
from lab_kit.gateway.speech.voice import Voice, begun


def openai_speech_routes(door: Door, voice: Voice) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter(route_class=OpenAIErrors, responses=REFUSED)
    inside = speech_call(door)

    @router.post(speech.PATH)
    async def create(request: Request, call: Annotated[Spoken, Depends(inside)]) -> Response:
        """Speak a text, in any voice's name with the one that there is."""
        asked = speech.parse_body(await small_body(request, MAX_SMALL_BODY_BYTES))
        sound = await begun(voice.file(call, asked.text, asked.form, asked.rate_hz, asked.speed))
        if asked.is_events:
            return StreamingResponse(_events(sound), media_type=speech.EVENT_STREAM)
        return StreamingResponse(sound, media_type=asked.media_type)

    return router


async def _events(sound: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in sound:
        yield speech.delta(piece)
    yield speech.done()
