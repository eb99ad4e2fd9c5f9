"""ElevenLabs's text to speech over HTTP: sound as it is made, with or without characters' times."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from lab_kit.dialects.elevenlabs.speech import server
from lab_kit.dialects.elevenlabs.speech.options import (
    PATH,
    OutputFormat,
    SpeechRequest,
    check_body,
    check_query,
    parse_body,
    parse_format,
)
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, Spoken, small_body
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.providers.elevenlabs.errors import ElevenLabsErrors
from lab_kit.gateway.speech.call import speech_call
from lab_kit.gateway.speech.voice import SpokenPiece, Voice, begun


def elevenlabs_speech_routes(door: Door, voice: Voice, is_strict: bool) -> APIRouter:
    """The routes, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter(route_class=ElevenLabsErrors, responses=REFUSED)
    admitted = Annotated[Spoken, Depends(speech_call(door))]

    async def read(request: Request) -> tuple[OutputFormat, SpeechRequest]:
        form = parse_format(request.query_params)
        body = await small_body(request, MAX_SMALL_BODY_BYTES)
        asked = parse_body(body)
        if is_strict:
            check_query(request.query_params)
            check_body(body)
        return form, asked

    async def spoken(request: Request, call: Spoken) -> Response:
        form, asked = await read(request)
        sound = voice.file(call, asked.text, form.form, form.rate_hz, asked.speed)
        usual = form.form.media_type_at(form.rate_hz)
        return StreamingResponse(
            await begun(sound),
            media_type=server.media_type(form.name, usual),
            headers=server.headers(asked.text, str(request_id_of(request))),
        )

    @router.post(PATH)
    async def convert(request: Request, voice_id: str, call: admitted) -> Response:
        """Speak a text, in any voice's name with the one that there is."""
        return await spoken(request, call)

    @router.post(f"{PATH}/stream")
    async def stream(request: Request, voice_id: str, call: admitted) -> Response:
        """The same: either is sent while it is made."""
        return await spoken(request, call)

    @router.post(f"{PATH}/with-timestamps")
    async def with_times(request: Request, voice_id: str, call: admitted) -> Response:
        """The same as one object, with the times of the text's characters."""
        form, asked = await read(request)
        pieces = voice.spoken(call, asked.text, form.form, form.rate_hz, asked.speed)
        return StreamingResponse(
            _whole(await begun(pieces)),
            media_type="application/json",
            headers=server.headers(asked.text, str(request_id_of(request))),
        )

    @router.post(f"{PATH}/stream/with-timestamps")
    async def stream_with_times(request: Request, voice_id: str, call: admitted) -> Response:
        """The same as lines, a piece of the text each."""
        form, asked = await read(request)
        pieces = voice.spoken(call, asked.text, form.form, form.rate_hz, asked.speed)
        return StreamingResponse(
            _lines(await begun(pieces)),
            media_type=server.JSON_LINES,
            headers=server.headers(asked.text, str(request_id_of(request))),
        )

    return router


async def _whole(pieces: AsyncGenerator[SpokenPiece, None]) -> AsyncIterator[bytes]:
    answer, clock = server.WholeAnswer(), server.Clock()
    yield answer.begin()
    async with aclosing(pieces):
        async for piece in pieces:
            yield answer.add(piece.data, clock.times(piece.times))
    yield answer.finish()


async def _lines(pieces: AsyncGenerator[SpokenPiece, None]) -> AsyncIterator[bytes]:
    clock = server.Clock()
    async with aclosing(pieces):
        async for piece in pieces:
            if not piece.data and piece.times is None:
                continue  # an encoder that had nothing left
            yield server.line(piece.data, clock.times(piece.times))
