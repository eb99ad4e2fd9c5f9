"""OpenAI's transcription of an upload: all at once, or segment by segment as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response, StreamingResponse

from lab_kit.audio.files import read_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.core.events import Final, StreamEnded
from lab_kit.core.ids import RequestId
from lab_kit.core.personal_data import joined
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.openai.errors import error_object
from lab_kit.dialects.openai.transcriptions import server
from lab_kit.dialects.openai.transcriptions.options import (
    PATH,
    UploadOptions,
    check_fields,
    parse_form,
)
from lab_kit.gateway.door.call import REQUEST_ID, request_id_of
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.door.recognition import Recognition, collected
from lab_kit.gateway.door.uploads import (
    Body,
    Upload,
    Uploads,
    retry_after,
    unless_gone,
    upload_call,
)
from lab_kit.stream.sink.steps import asked_for

TRANSLATIONS_PATH = "/v1/audio/translations"


class OpenAIErrors(APIRoute):
    """Errors in the provider's envelope, and a request's identifier on every answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its errors caught."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            request_id = request_id_of(request)
            try:
                response = await handle(request)
            except LabError as error:
                return refusal(error, request_id)
            response.headers[REQUEST_ID] = request_name(request_id)
            return response

        return handled


def refusal(error: LabError, request_id: RequestId) -> JSONResponse:
    """A request or an upgrade that is refused."""
    headers = {**retry_after(error), REQUEST_ID: request_name(request_id)}
    return JSONResponse({"error": error_object(error)}, error.http_status, headers)


def request_name(request_id: RequestId) -> str:
    """A call's name in the provider's form."""
    return f"req_{request_id.value.hex}"


def openai_upload_routes(
    door: Door, limits: Limits, uploads: Uploads, recognition: Recognition, is_strict: bool
) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter(route_class=OpenAIErrors, responses=REFUSED)
    admitted = Annotated[Upload, Depends(upload_call(door, uploads))]

    @router.post(TRANSLATIONS_PATH)
    async def translations(_: admitted) -> Response:
        """Refuse whoever could be served: the model knows no language but English."""
        raise InvalidParameter(
            "a translation, which is not available on this server",
            "English, which the model hears alone",
            f"send English speech to {PATH}",
        )

    @router.post(PATH)
    async def transcriptions(request: Request, upload: admitted) -> Response:
        """Transcribe a recording: WAV, FLAC or OGG/Opus in a form."""
        call, kind = upload.call, request.headers.get("content-type", "")

        def decode(body: Body) -> tuple[UploadOptions, FloatArray]:
            asked, file = parse_form(kind, body.data)
            if is_strict:
                check_fields(asked)
            return asked, read_recording(file, limits.recording_audio_s)

        asked, audio = await uploads.decoded(request, call.caller, upload.share, decode)
        upload.share.hold(audio.nbytes)
        steps = asked_for(joined([*request.query_params.multi_items(), *asked.fields.items()]))
        finals = recognition.finals(call, audio, steps, is_told=asked.is_streamed)
        audio_s = len(audio) / SAMPLE_RATE_HZ
        if asked.is_streamed:
            events = _events(finals, audio_s, call.lease.engine.model.version)
            return StreamingResponse(events, media_type=server.EVENT_STREAM)
        said = await unless_gone(request, collected(finals))
        # on a thread: the captions of ten minutes take a twentieth of a second
        media_type, text = await asyncio.to_thread(server.whole, asked, said, audio_s)
        return Response(text, media_type=media_type)

    return router


async def _events(finals: AsyncIterator[Final], audio_s: float, version: str) -> AsyncIterator[str]:
    """Each segment when it is done; last, everything, or what went wrong."""
    said: list[Final] = []
    try:
        async for final in finals:
            yield server.delta(final, not said, time.perf_counter_ns(), version)
            said.append(final)
    except LabError as error:  # the status is out already, so an event has to say it
        yield server.failed(error)
        return
    ended = StreamEnded(audio_s, "", 1)
    yield server.done(said, ended, time.perf_counter_ns(), version)
