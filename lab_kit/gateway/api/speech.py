"""A text spoken, as a file that is sent while it is made."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response, StreamingResponse

from lab_kit.audio.containers import FORMS, FileForm
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.api.idempotency import attempt_of, repeatable
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, Spoken, small_body
from lab_kit.gateway.speech.call import speech_call
from lab_kit.gateway.speech.voice import Voice, begun
from lab_kit.gateway.state.answers import Answers
from lab_kit.protocol.speech import SYNTHESIZE_PATH, SpeechRequest

_request: TypeAdapter[SpeechRequest] = TypeAdapter(SpeechRequest)
_DESCRIBED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _request.json_schema()}},
    }
}
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, in pieces as they are made.",
        "content": {form.media_type.partition(";")[0]: {} for form in FORMS.values()},
    }
}


def speech_routes(door: Door, voice: Voice, answers: Answers) -> APIRouter:
    """The route, bound to the server's parts."""
    again = repeatable(door, answers, MAX_SMALL_BODY_BYTES)
    router = APIRouter(route_class=again, responses=REFUSALS)
    inside = speech_call(door)

    @router.post(
        SYNTHESIZE_PATH,
        response_class=StreamingResponse,
        responses=_SOUND,
        openapi_extra=_DESCRIBED,
    )
    async def synthesize(request: Request, call: Annotated[Spoken, Depends(inside)]) -> Response:
        """Speak a text. The first sound is sent before the last is made."""
        asked = _read(await small_body(request, MAX_SMALL_BODY_BYTES))
        form, rate_hz = _form(asked)
        sound = await begun(voice.file(call, asked.text, form, rate_hz, asked.speed))
        media_type = form.media_type_at(rate_hz)
        if attempt_of(request) is not None:  # it is kept whole, so it is sent whole
            whole = b"".join([piece async for piece in sound])
            return Response(whole, media_type=media_type)
        return StreamingResponse(sound, media_type=media_type)

    return router


def _read(body: bytes) -> SpeechRequest:
    try:
        return _request.validate_json(body)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        place = " ".join(map(str, wrong["loc"])) or "the body"
        raise InvalidParameter(
            f"{place}: {wrong['msg']}", '{"text": "…"}', "send it as the schema has it"
        ) from error


def _form(asked: SpeechRequest) -> tuple[FileForm, int]:
    form = FORMS.get(asked.format)
    if form is None:
        raise InvalidParameter(
            f"format {shown(asked.format)}", ", ".join(FORMS), "choose one of these"
        )
    rate_hz = asked.sample_rate_hz or form.rates_hz[0]
    if rate_hz not in form.rates_hz:
        raise InvalidParameter(
            f"{rate_hz} Hz as {asked.format}",
            ", ".join(map(str, sorted(form.rates_hz))),
            "choose one of these, or leave it out",
        )
    return form, rate_hz
