"""Deepgram's transcription of a recording: sent, or fetched from an address."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lab_kit.audio.files import read_raw, read_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import prerecorded
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, small_body
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.recognition import Recognition, collected
from lab_kit.gateway.door.uploads import Body, Upload, Uploads, unless_gone, upload_call
from lab_kit.gateway.outbound.guarded import Outbound
from lab_kit.gateway.providers.deepgram.errors import REFUSED, DeepgramErrors


def prerecorded_routes(
    door: Door, limits: Limits, uploads: Uploads, recognition: Recognition, outbound: Outbound
) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter(route_class=DeepgramErrors, responses=REFUSED)
    admitted = Annotated[Upload, Depends(upload_call(door, uploads))]

    @router.post(deepgram.PATH)
    async def transcribe(request: Request, upload: admitted) -> Response:
        """Transcribe the body, or the recording at the address in it."""
        call, query = upload.call, request.query_params
        asked = prerecorded.parse_query(dict(query), query.getlist("tag"))
        digest = hashlib.sha256()

        def decode(body: Body) -> FloatArray:
            digest.update(body.data)
            if asked.raw is None:
                return read_recording(body.data, limits.recording_audio_s)
            rate_hz, channels = asked.raw.rate_hz, asked.raw.channels
            return read_raw(body.data, rate_hz, channels, limits.recording_audio_s)

        if request.headers.get("content-type", "").startswith("application/json"):
            url = prerecorded.parse_address(await small_body(request, MAX_SMALL_BODY_BYTES))
            audio = await unless_gone(
                request, uploads.fetched(outbound, url, call.caller, upload.share, decode)
            )
        else:
            audio = await uploads.decoded(request, call.caller, upload.share, decode)
        upload.share.hold(audio.nbytes)
        said = recognition.finals(call, audio, asked.steps)
        finals = await unless_gone(request, collected(said))
        request_id = str(request_id_of(request))
        body = prerecorded.response(
            asked,
            finals,
            len(audio) / SAMPLE_RATE_HZ,
            digest,
            call.lease.engine.model,
            request_id,
            wall_clock_iso(),
        )
        return JSONResponse(body, headers={"dg-request-id": request_id})

    return router
