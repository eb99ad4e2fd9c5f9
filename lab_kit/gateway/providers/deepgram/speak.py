"""Deepgram's text to speech over HTTP: a file, sent while it is made."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response, StreamingResponse

from lab_kit.core.errors import LabError
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import speak
from lab_kit.gateway.door.call import http_call, request_id_of
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, Spoken, small_body
from lab_kit.gateway.speech.voice import Voice, begun


class DeepgramErrors(APIRoute):
    """Errors in the provider's words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its errors caught."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except LabError as error:
                refusal = deepgram.refusal(error, str(request_id_of(request)))
                return JSONResponse(refusal.body, refusal.status, refusal.headers)

        return handled


def speak_routes(door: Door, voice: Voice) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter(route_class=DeepgramErrors)

    async def inside(request: Request) -> AsyncIterator[Spoken]:
        async with door.open(http_call(request)) as admitted:
            yield admitted.speech()

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
