"""A recording transcribed in one request, told in either version of the API."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter
from starlette.responses import Response, StreamingResponse

from lab_kit.audio.files import RawPcm, read_raw, read_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter, LabError, PayloadTooLarge
from lab_kit.core.events import Final, ModelInfo
from lab_kit.core.ids import RequestId
from lab_kit.core.personal_data import REDACT, PersonalKind, joined
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.gateway.api.deprecations import Deprecations
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.api.idempotency import check_not_streamed, repeatable
from lab_kit.gateway.door.call import MODEL_VERSION, request_id_of
from lab_kit.gateway.door.door import Admitted, Door, Leased
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.recognition import Recognition
from lab_kit.gateway.door.uploads import Body, Upload, Uploads, unless_gone, upload_call
from lab_kit.gateway.state.answers import Answers
from lab_kit.gateway.versions.asked import MODEL
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.recordings import (
    LINES,
    TRANSCRIBE_PATH,
    Segment,
    SegmentLine,
    Stages,
    Transcript,
)
from lab_kit.protocol.recordings_v2 import (
    TRANSCRIBE_V2_PATH,
    RecordingLine,
    RecordingTranscript,
)
from lab_kit.protocol.transcriptions import TRANSCRIPTIONS_PATH
from lab_kit.stream.sink.steps import STEPS, asked_for

_RAW = "audio/l16"
_SOUND = {"schema": {"type": "string", "format": "binary"}}
DESCRIBED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": dict.fromkeys(
            ("application/octet-stream", "audio/wav", "audio/flac", "audio/ogg", _RAW), _SOUND
        ),
    },
    "parameters": [
        *(
            {"name": name, "in": "query", "schema": {"type": "boolean", "default": False}}
            for name in STEPS
            if name != REDACT
        ),
        {
            "name": REDACT,
            "in": "query",
            "description": f"true, or kinds with commas between them: {', '.join(PersonalKind)}.",
            "schema": {"anyOf": [{"type": "boolean"}, {"type": "string"}], "default": False},
        },
        {
            "name": MODEL,
            "in": "query",
            "description": "The model, one of its versions as NAME@3, or production.",
            "schema": {"type": "string"},
        },
    ],
}
"""What the framework cannot see, since the body is read as bytes and the query by the steps."""
_first: TypeAdapter[SegmentLine | Transcript] = TypeAdapter(SegmentLine | Transcript)
_second: TypeAdapter[RecordingLine | RecordingTranscript] = TypeAdapter(
    RecordingLine | RecordingTranscript
)


@dataclass(frozen=True, slots=True)
class _Form:
    """How one version of the API writes what was heard.

    Attributes:
        line: a segment that is done, with its number from 0.
        whole: everything.
    """

    line: Callable[[Segment, int], bytes]
    whole: Callable[[Transcript], bytes]


V1 = _Form(lambda segment, _: _first.dump_json(SegmentLine(segment)), _first.dump_json)
V2 = _Form(
    lambda segment, number: _second.dump_json(RecordingLine.of(segment, number)),
    lambda told: _second.dump_json(RecordingTranscript.of(told)),
)


def recording_routes(
    door: Door,
    limits: Limits,
    uploads: Uploads,
    recognition: Recognition,
    answers: Answers,
    deprecations: Deprecations,
) -> APIRouter:
    """The routes, bound to the server's parts: one way to an answer, written in two forms."""
    again = repeatable(door, answers, limits.upload_bytes)
    router = APIRouter(route_class=again, responses=REFUSALS)

    def lease(request: Request, inside: Admitted) -> Leased:
        deprecations.meet(request.url.path, inside.principal.tenant)
        return inside.recording(request.query_params.get(MODEL))

    admitted = Annotated[Upload, Depends(upload_call(door, uploads, lease))]

    @router.post(
        TRANSCRIBE_PATH,
        response_model=Transcript,
        responses={200: {"content": {LINES: {}}}},
        openapi_extra=DESCRIBED,
    )
    async def transcribe(request: Request, upload: admitted) -> Response:
        """Transcribe the body: WAV, FLAC or OGG/Opus, or PCM16 as ``audio/l16;rate=N``.

        With ``Accept: application/x-ndjson`` each segment is a line, sent when it is done. The
        query switches optional steps on, as in ``?redact=true``, and may name the ``model``.
        """
        return await answered(request, upload, V1)

    @router.post(
        TRANSCRIBE_V2_PATH,
        response_model=RecordingTranscript,
        responses={200: {"content": {LINES: {}}}},
        openapi_extra=DESCRIBED,
    )
    async def transcribe_v2(request: Request, upload: admitted) -> Response:
        """Transcribe the body, as the first version does, with times in milliseconds.

        The words are one list of the whole recording, and the model is one object.
        """
        return await answered(request, upload, V2)

    async def answered(request: Request, upload: Upload, form: _Form) -> Response:
        query = joined(request.query_params.multi_items())
        query.pop(MODEL, None)
        call, steps = upload.call, steps_of(query)
        in_lines = LINES in request.headers.get("accept", "")
        if in_lines:
            check_not_streamed(request)
        kind = request.headers.get("content-type", "")

        def decode(body: Body) -> tuple[int, FloatArray]:
            return body.received_ns, decoded(body.data, kind, limits.recording_audio_s)

        try:
            received_ns, audio = await uploads.decoded(request, call.caller, upload.share, decode)
        except PayloadTooLarge as error:
            where = f"hand it over to POST {TRANSCRIPTIONS_PATH}, which takes more, or cut it"
            raise PayloadTooLarge(error.received, error.expected, where) from error
        upload.share.hold(audio.nbytes)
        answer = RecordingAnswer(call.lease.engine.model, request_id_of(request), received_ns, form)
        finals = recognition.finals(call, audio, steps, is_told=in_lines)
        spoke = {MODEL_VERSION: str(call.lease.version)}
        if in_lines:
            return StreamingResponse(answer.lines(finals, audio), 200, spoke, LINES)
        whole = await unless_gone(request, answer.whole(finals, audio))
        return Response(whole, 200, spoke, "application/json")

    return router


def steps_of(query: Mapping[str, str]) -> tuple[str, ...]:
    """What the query asks for; a step that is not there must not be left out in silence.

    Raises:
        InvalidParameter: it asks for something else.
    """
    if strange := set(query) - set(STEPS):
        raise InvalidParameter(
            f"{', '.join(sorted(strange))[:200]} in the query",
            f"{', '.join(STEPS)}, or nothing",
            "leave the others out",
        )
    return asked_for(query)


def raw_pcm(content_type: str) -> RawPcm | None:
    """What a body is that has no header of its own; None for one that has.

    Raises:
        InvalidParameter: a rate or a number of channels that is none.
    """
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != _RAW:
        return None
    parameters = dict(part.strip().partition("=")[::2] for part in rest.split(";") if part.strip())
    try:
        rate_hz = int(parameters.get("rate", SAMPLE_RATE_HZ))
        channels = int(parameters.get("channels", 1))
    except ValueError as error:
        raise InvalidParameter(
            f"content type '{content_type}'",
            f"{_RAW};rate=16000;channels=1",
            "send rate and channels as whole numbers",
        ) from error
    if channels < 1:
        raise InvalidParameter(
            f"{channels} channels", "at least 1", "send channels=1 in the content type"
        )
    return RawPcm(rate_hz, channels)


def decoded(data: bytes, content_type: str, longest_s: float) -> FloatArray:
    """A body's sound: (samples,) float32 at 16 kHz.

    Raises:
        InvalidAudioFormat, UnsupportedSampleRate, PayloadTooLarge: it cannot be transcribed.
    """
    raw = raw_pcm(content_type)
    if raw is None:
        return read_recording(data, longest_s)
    return read_raw(data, raw.rate_hz, raw.channels, longest_s)


class RecordingAnswer:
    """One recording's answer as it comes together."""

    def __init__(
        self, model: ModelInfo, request_id: RequestId, received_ns: int, form: _Form
    ) -> None:
        self._model = model
        self._form = form
        self._request_id = request_id
        self._received_ns = received_ns
        self._finals: list[Final] = []

    async def lines(self, finals: AsyncIterator[Final], audio: FloatArray) -> AsyncIterator[bytes]:
        """Each segment as a line of JSON when it is done; last, everything, or what went wrong."""
        try:
            async for final in finals:
                self._finals.append(final)
                yield self._form.line(Segment.of(final), len(self._finals) - 1) + b"\n"
        except LabError as error:  # the status is out already, so the last line has to say it
            yield ErrorEnvelope.of(error, self._request_id).model_dump_json().encode() + b"\n"
            return
        yield self._form.whole(self._transcript(audio)) + b"\n"

    async def whole(self, finals: AsyncIterator[Final], audio: FloatArray) -> bytes:
        """Everything, when everything is done."""
        self._finals = [final async for final in finals]
        return self._form.whole(self._transcript(audio))

    def _transcript(self, audio: FloatArray) -> Transcript:
        return Transcript(
            text=" ".join(final.text for final in self._finals if final.text),
            segments=tuple(map(Segment.of, self._finals)),
            audio_s=len(audio) / SAMPLE_RATE_HZ,
            model=self._model.name,
            version=self._model.version,
            device=self._model.device,
            stages_ns=self._stages(),
        )

    def _stages(self) -> Stages:
        """Stamps in order; without speech nothing was asked of the engine."""
        now_ns = time.perf_counter_ns()
        timings = [final.timing for final in self._finals]
        return Stages(
            received=self._received_ns,
            decoded=min((t.submitted_ns for t in timings), default=now_ns),
            started=min((t.started_ns for t in timings), default=now_ns),
            finished=max((t.finished_ns for t in timings), default=now_ns),
            responded=time.perf_counter_ns(),
        )
