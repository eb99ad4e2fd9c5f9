"""Deepgram's transcription of a recording: sent, or fetched from an address."""

import hashlib
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lab_kit.audio.files import read_raw, read_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.ids import StreamId, StreamIdentity
from lab_kit.core.personal_data import joined
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.database.rows import Rows
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import prerecorded
from lab_kit.dialects.deepgram.prerecorded import PreRecordedOptions
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, small_body
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.door.recognition import Recognition, collected
from lab_kit.gateway.door.uploads import Body, Upload, Uploads, unless_gone, upload_call
from lab_kit.gateway.outbound.guarded import Outbound, parsed
from lab_kit.gateway.providers.deepgram import callback
from lab_kit.gateway.providers.deepgram.errors import DeepgramErrors
from lab_kit.gateway.state.subjects import SUBJECT, subject_named
from lab_kit.gateway.transcriptions.operation import Foreign, Operation, Order
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.protocol.transcriptions import USUAL_TTL_S


def prerecorded_routes(
    door: Door,
    limits: Limits,
    uploads: Uploads,
    recognition: Recognition,
    outbound: Outbound,
    transcriber: Transcriber,
    is_strict: bool,
) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter(route_class=DeepgramErrors, responses=REFUSED)
    admitted = Annotated[Upload, Depends(upload_call(door, uploads))]

    async def later(request: Request, upload: Upload, asked: PreRecordedOptions) -> Response:
        """Queue it, and say so; the answer goes to the callback."""
        call, query = upload.call, request.query_params
        request_id = request_id_of(request)
        written = callback.write_query(joined(query.multi_items()), query.getlist("tag"))
        order = Order(
            call.work.tenant,
            call.caller,
            StreamIdentity(request_id, StreamId.new()),
            asked.steps,
            asked.raw,
            foreign=Foreign(callback.PROVIDER, written),
            subject=subject_named(request.headers.get(SUBJECT)),
        )

        def answered(_: Rows, __: Operation) -> Response:
            return JSONResponse(
                {"request_id": str(request_id)}, headers={"dg-request-id": str(request_id)}
            )

        if _is_json(request):
            url = prerecorded.parse_address(await small_body(request, MAX_SMALL_BODY_BYTES))
            parsed(url)
            return await transcriber.take_address(replace(order, url=url), USUAL_TTL_S, answered)
        declared_bytes = int(request.headers.get("content-length", 0))
        sound = request.stream()
        return await transcriber.take(order, USUAL_TTL_S, declared_bytes, sound, answered)

    @router.post(deepgram.PATH)
    async def transcribe(request: Request, upload: admitted) -> Response:
        """Transcribe the body, or the recording at the address in it."""
        call, query = upload.call, request.query_params
        if is_strict:
            prerecorded.check_query(query)
        asked = prerecorded.parse_query(joined(query.multi_items()), query.getlist("tag"))
        if asked.callback is not None:
            parsed(asked.callback)
            return await later(request, upload, asked)
        digest = hashlib.sha256()

        def decode(body: Body) -> FloatArray:
            digest.update(body.data)
            if asked.raw is None:
                return read_recording(body.data, limits.recording_audio_s)
            rate_hz, channels = asked.raw.rate_hz, asked.raw.channels
            return read_raw(body.data, rate_hz, channels, limits.recording_audio_s)

        if _is_json(request):
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
            digest.hexdigest(),
            call.lease.engine.model,
            request_id,
            wall_clock_iso(),
        )
        return JSONResponse(body, headers={"dg-request-id": request_id})

    return router


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")
