"""A recording given back without the personal data that is spoken in it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lab_kit.audio.files import written_wav
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.personal_data import REDACT, PersonalKind, joined, parse_redact
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.api.recordings import DESCRIBED, decoded
from lab_kit.gateway.door.call import MODEL_VERSION
from lab_kit.gateway.door.door import Admitted, Door, Leased
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.recognition import Recognition, collected
from lab_kit.gateway.door.uploads import Body, Upload, Uploads, unless_gone, upload_call
from lab_kit.gateway.versions.asked import MODEL
from lab_kit.protocol.recordings import REDACT_SOUND_PATH
from lab_kit.stream.sink.sound import FILLS, check_fill, redacted_sound

FILL = "fill"
FILL_SCHEMA: dict[str, Any] = {
    "name": FILL,
    "in": "query",
    "description": "What is heard instead.",
    "schema": {"type": "string", "enum": list(FILLS), "default": FILLS[0]},
}
_WAV = "audio/wav"
_DESCRIBED: dict[str, Any] = {
    "requestBody": DESCRIBED["requestBody"],
    "parameters": [
        {
            "name": REDACT,
            "in": "query",
            "description": f"true, or kinds with commas between them: {', '.join(PersonalKind)}.",
            "schema": {"anyOf": [{"type": "boolean"}, {"type": "string"}], "default": True},
        },
        FILL_SCHEMA,
        {"name": MODEL, "in": "query", "schema": {"type": "string"}},
    ],
}


def redacted_sound_routes(
    door: Door, limits: Limits, uploads: Uploads, recognition: Recognition
) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter(responses=REFUSALS)

    def lease(request: Request, inside: Admitted) -> Leased:
        return inside.recording(request.query_params.get(MODEL))

    admitted = Annotated[Upload, Depends(upload_call(door, uploads, lease))]

    @router.post(
        REDACT_SOUND_PATH,
        response_class=Response,
        responses={200: {"description": "The recording.", "content": {_WAV: {}}}},
        openapi_extra=_DESCRIBED,
    )
    async def redact_sound(request: Request, upload: admitted) -> Response:
        """The body as WAV (mono, 16 kHz), as long as it was, silent where personal data sounded."""
        steps, fill = _asked(joined(request.query_params.multi_items()))
        kind = request.headers.get("content-type", "")

        def decode(body: Body) -> FloatArray:
            return decoded(body.data, kind, limits.recording_audio_s)

        audio = await uploads.decoded(request, upload.call.caller, upload.share, decode)
        upload.share.hold(2 * audio.nbytes)  # what comes in, and what goes out
        heard = collected(recognition.finals(upload.call, audio, steps))
        finals = await unless_gone(request, heard)
        wav = await run_in_threadpool(lambda: written_wav(redacted_sound(audio, finals, fill)))
        return Response(wav, 200, {MODEL_VERSION: str(upload.call.lease.version)}, _WAV)

    return router


def _asked(query: dict[str, str]) -> tuple[tuple[str, ...], str]:
    """The steps that redact what is asked for, and what is heard instead.

    Raises:
        InvalidParameter: something else is asked for, or nothing is to be redacted.
    """
    if strange := set(query) - {REDACT, FILL, MODEL}:
        raise InvalidParameter(
            f"{', '.join(sorted(strange))[:200]} in the query",
            f"{REDACT}, {FILL} and {MODEL}, or nothing",
            "leave the others out",
        )
    steps = parse_redact(query.get(REDACT, "true"))
    if not steps:
        raise InvalidParameter(
            f"{REDACT}=false", "something to redact", f"leave {REDACT} out for every kind"
        )
    return steps, check_fill(query.get(FILL, FILLS[0]))
