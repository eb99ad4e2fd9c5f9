"""ElevenLabs's transcription of a recording: a form in, everything that was said out."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lab_kit.audio.files import read_raw, read_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.personal_data import joined
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.elevenlabs.recording import server
from lab_kit.dialects.elevenlabs.recording.options import (
    PATH,
    RAW_HZ,
    RecordingOptions,
    check_fields,
    parse_form,
)
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.door.recognition import Recognition, collected
from lab_kit.gateway.door.uploads import Body, Upload, Uploads, unless_gone, upload_call
from lab_kit.gateway.providers.elevenlabs.errors import ElevenLabsErrors
from lab_kit.stream.sink.steps import asked_for


def elevenlabs_recording_routes(
    door: Door, limits: Limits, uploads: Uploads, recognition: Recognition, is_strict: bool
) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter(route_class=ElevenLabsErrors, responses=REFUSED)
    admitted = Annotated[Upload, Depends(upload_call(door, uploads))]

    @router.post(PATH)
    async def convert(request: Request, upload: admitted) -> Response:
        """Transcribe the file of a form."""
        call, kind = upload.call, request.headers.get("content-type", "")

        def decode(body: Body) -> tuple[RecordingOptions, FloatArray]:
            asked, file = parse_form(kind, body.data)
            if is_strict:
                check_fields(asked, request.query_params)
            if asked.is_raw:
                return asked, read_raw(file, RAW_HZ, 1, limits.recording_audio_s)
            return asked, read_recording(file, limits.recording_audio_s)

        asked, audio = await uploads.decoded(request, call.caller, upload.share, decode)
        upload.share.hold(audio.nbytes)
        steps = asked_for(joined([*request.query_params.multi_items(), *asked.fields.items()]))
        said = await unless_gone(request, collected(recognition.finals(call, audio, steps)))
        name, audio_s = str(request_id_of(request)), len(audio) / SAMPLE_RATE_HZ
        # on a thread: the words of ten minutes take a hundredth of a second
        body = await asyncio.to_thread(server.answer, asked, said, audio_s, name)
        return JSONResponse(body, headers={"request-id": name})

    return router
