"""Transcriptions over HTTP: asked for with a recording of any length, read once they are there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import StreamId, StreamIdentity
from lab_kit.core.personal_data import REDACT, joined
from lab_kit.core.shown import shown
from lab_kit.database.rows import Rows
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.api.idempotency import attempt_of, repeatable
from lab_kit.gateway.api.operations import tenant_of
from lab_kit.gateway.api.recordings import DESCRIBED, raw_pcm, steps_of
from lab_kit.gateway.api.redacted_sound import FILL, FILL_SCHEMA
from lab_kit.gateway.door.call import MODEL_VERSION, http_call
from lab_kit.gateway.door.door import (
    MAX_SMALL_BODY_BYTES,
    Admitted,
    Door,
    guarded,
    small_body,
)
from lab_kit.gateway.door.form_file import FIELD, FORM, file_of, is_form
from lab_kit.gateway.outbound.guarded import LONGEST_URL, parsed
from lab_kit.gateway.state.answers import Answers
from lab_kit.gateway.state.subjects import LONGEST_SUBJECT, SUBJECT
from lab_kit.gateway.transcriptions.operation import Operation, Order, RedactedSound
from lab_kit.gateway.transcriptions.redacted_file import FORMS, WAV, file_response
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.gateway.versions.asked import MODEL
from lab_kit.protocol import operations as told
from lab_kit.protocol.captions import srt, vtt
from lab_kit.protocol.transcriptions import (
    LONGEST_TTL_S,
    SHORTEST_TTL_S,
    TRANSCRIPTIONS_PATH,
    USUAL_TTL_S,
    RecordingAddress,
    TextFormat,
    Transcription,
)
from lab_kit.stream.sink.sound import FILLS, check_fill

TTL = "ttl_s"
REDACTED_AUDIO = "redacted_audio"
_PLAIN, _VTT = "text/plain", "text/vtt"
_address: TypeAdapter[RecordingAddress] = TypeAdapter(RecordingAddress)
_transcription: TypeAdapter[Transcription] = TypeAdapter(Transcription)
_told: TypeAdapter[told.Operation] = TypeAdapter(told.Operation)
_DESCRIBED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **DESCRIBED["requestBody"]["content"],
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["url"],
                    "properties": {"url": {"type": "string", "maxLength": LONGEST_URL}},
                    "additionalProperties": False,
                    "examples": [{"url": "https://example.com/recording.flac"}],
                }
            },
        },
    },
    "parameters": [
        *DESCRIBED["parameters"],
        {
            "name": SUBJECT,
            "in": "header",
            "description": "Whom the sound is about, by a name of the caller's own.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_SUBJECT},
        },
        {
            "name": TTL,
            "in": "query",
            "schema": {
                "type": "number",
                "minimum": SHORTEST_TTL_S,
                "maximum": LONGEST_TTL_S,
                "default": USUAL_TTL_S,
            },
        },
        {
            "name": REDACTED_AUDIO,
            "in": "query",
            "description": "Keep the sound, without what `redact` takes out of the text.",
            "schema": {"type": "boolean", "default": False},
        },
        FILL_SCHEMA,
    ],
}


def transcription_routes(door: Door, transcriber: Transcriber, answers: Answers) -> APIRouter:
    """The routes, bound to the server's parts."""
    again = repeatable(door, answers, transcriber.spool.most_bytes)
    router = APIRouter(route_class=again, responses=REFUSALS)
    small = APIRouter(route_class=guarded(door), responses=REFUSALS)
    operations = transcriber.operations

    async def inside(request: Request) -> AsyncIterator[Admitted]:
        async with door.open(http_call(request)) as admitted:
            admitted.check_operation(request.query_params.get(MODEL))
            yield admitted

    @router.post(
        TRANSCRIPTIONS_PATH,
        status_code=202,
        response_model=told.Operation,
        openapi_extra=_DESCRIBED,
    )
    async def transcribe_later(
        request: Request, admitted: Annotated[Admitted, Depends(inside)]
    ) -> Response:
        """Have the body transcribed while nobody waits; the answer names the operation.

        WAV, FLAC or OGG/Opus, or PCM16 as ``audio/l16;rate=N``, of any length that the server
        takes; a form with such a ``file``; or, as JSON, the ``url`` of a file that the server
        fetches. ``ttl_s`` says how long the result is kept, ``model`` which version transcribes;
        ``redacted_audio`` has the sound kept, too, without what ``redact`` takes out of the text;
        the rest of the query switches optional steps on.
        """
        query = joined(request.query_params.multi_items())
        ttl_s, model = _ttl_s(query.pop(TTL, None)), query.pop(MODEL, None)
        redacted = _redacted(query.pop(REDACTED_AUDIO, "false"), query.pop(FILL, None))
        order = Order(
            admitted.principal.tenant,
            admitted.caller,
            StreamIdentity(admitted.call.request_id, StreamId.new()),
            steps_of(query),
            raw_pcm(request.headers.get("content-type", "")),
            model=model,
            subject=admitted.call.subject,
            redacted=redacted,
        )
        if redacted is not None and REDACT not in order.steps:
            raise InvalidParameter(
                f"{REDACTED_AUDIO}=true, and nothing to redact",
                f"{REDACT}=true beside it, or kinds of personal data",
                f"add {REDACT}=true, or leave {REDACTED_AUDIO} out",
            )
        attempt = attempt_of(request)

        def answered(rows: Rows, operation: Operation) -> Response:
            body = _told.dump_python(operation.message(), mode="json")
            response = JSONResponse(body, 202, {"location": f"/v1/{operation.name}"})
            if attempt is not None:
                attempt.keep(rows, response)
            return response

        if _is_json(request):
            address = read_address(await small_body(request, MAX_SMALL_BODY_BYTES))
            return await transcriber.take_address(replace(order, url=address), ttl_s, answered)
        declared_bytes = int(request.headers.get("content-length", 0))
        kind = request.headers.get("content-type", "")
        sound = file_of(kind, request.stream()) if is_form(kind) else request.stream()
        return await transcriber.take(order, ttl_s, declared_bytes, sound, answered)

    @small.get(
        TRANSCRIPTIONS_PATH + "/{transcription:uuid}",
        response_model=Transcription,
        responses={200: {"content": {_PLAIN: {}, _VTT: {}}}},
    )
    async def get_transcription(
        request: Request, transcription: UUID, format: TextFormat = TextFormat.JSON
    ) -> Response:
        """What was said: with its words and when they sounded, as bare text, or as captions."""
        found = await operations.transcription(tenant_of(request), transcription)
        # on a thread: the captions of an hour take a third of a second
        body, media_type = await asyncio.to_thread(_written, found, format)
        return Response(body, headers={MODEL_VERSION: found.version}, media_type=media_type)

    @small.get(
        TRANSCRIPTIONS_PATH + "/{transcription:uuid}/audio",
        response_class=Response,
        responses={200: {"description": "The recording.", "content": {FORMS[WAV]: {}}}},
    )
    async def get_redacted_audio(request: Request, transcription: UUID) -> Response:
        """The sound, for transcriptions that were asked for with ``redacted_audio``, as WAV (mono,
        16 kHz), silent where personal data sounded."""
        tenant = tenant_of(request)
        found = await operations.transcription(tenant, transcription)
        sound = await transcriber.redacted.open(tenant, transcription)
        return file_response(sound, {MODEL_VERSION: found.version})

    @small.delete(TRANSCRIPTIONS_PATH + "/{transcription:uuid}", status_code=204)
    async def delete_transcription(request: Request, transcription: UUID) -> Response:
        """Remove every word of it, and its sound."""
        await transcriber.delete_transcription(tenant_of(request), transcription)
        return Response(status_code=204)

    router.include_router(small)
    return router


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "application/json"


def read_address(body: bytes) -> str:
    """The address in a body.

    Raises:
        InvalidParameter: there is none, or none that could be asked.
    """
    try:
        address = _address.validate_json(body).url
    except ValidationError as error:
        raise InvalidParameter(
            shown(body), '{"url": "https://…"}', "send the address as JSON, or the recording itself"
        ) from error
    parsed(address)
    return address


def _redacted(asked: str, fill: str | None) -> RedactedSound | None:
    """How the sound is to be given back.

    Raises:
        InvalidParameter: a value that has no meaning, or a fill for nothing.
    """
    if asked.lower() not in ("true", "false") or (asked.lower() == "false" and fill is not None):
        raise InvalidParameter(
            f"{REDACTED_AUDIO}={shown(asked)} and {FILL}={shown(fill)}",
            f"{REDACTED_AUDIO} true or false, and {FILL} only where it is true",
            f"send {REDACTED_AUDIO}=true, or neither",
        )
    if asked.lower() == "false":
        return None
    return RedactedSound(check_fill(fill or FILLS[0]), WAV)


def _written(found: Transcription, form: TextFormat) -> tuple[bytes, str]:
    match form:
        case TextFormat.JSON:
            return _transcription.dump_json(found), "application/json"
        case TextFormat.TEXT:
            return f"{found.text}\n".encode(), _PLAIN
        case TextFormat.SRT:
            return srt(found.segments).encode(), _PLAIN
        case TextFormat.VTT:
            return vtt(found.segments).encode(), _VTT


def _ttl_s(given: str | None) -> float:
    try:
        ttl_s = USUAL_TTL_S if given is None else float(given)
    except ValueError:
        ttl_s = -1.0
    if not SHORTEST_TTL_S <= ttl_s <= LONGEST_TTL_S:
        raise InvalidParameter(
            f"{TTL}={shown(given)}",
            f"{SHORTEST_TTL_S:.0f} to {LONGEST_TTL_S:.0f} seconds",
            f"leave it out for {USUAL_TTL_S:.0f}",
        )
    return ttl_s
