"""The resource-oriented HTTP API: models, and a recording transcribed in one request."""

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from lab_kit.audio.files import read_raw, read_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.errors import InvalidParameter, LabError, PayloadTooLarge
from lab_kit.gateway.limits import Limits
from lab_kit.gateway.serving import Serving
from lab_kit.stream.recording import Recognized, recognize
from lab_kit.units import SAMPLE_RATE_HZ

TRANSCRIBE_PATH = "/v1/audio:transcribe"
_RAW = "audio/l16"


def http_routes(serving: Serving) -> APIRouter:
    """The routes, bound to the server's state."""
    router = APIRouter()

    @router.get("/v1/models")
    def models() -> dict[str, Any]:
        """The models that can be asked for."""
        model = serving.recognizer().engine.model
        entry = {
            "id": model.name,
            "object": "model",
            "version": model.version,
            "architecture": model.architecture,
            "device": model.device,
        }
        return {"object": "list", "data": [entry]}

    @router.post(TRANSCRIBE_PATH)
    async def transcribe(request: Request) -> Response:
        """Transcribe the body: WAV, FLAC or OGG/Opus, or PCM16 as ``audio/l16;rate=N``."""
        serving.check_key(request.headers.get("authorization"), [])
        recognizer = serving.recognizer()
        data = await _body(request, serving.limits)
        received_ns = time.perf_counter_ns()
        audio = _decoded(data, request.headers.get("content-type", ""), serving.limits)
        recognized = await recognize(recognizer.engine, recognizer.new_scorer(), audio)
        serving.metrics.audio.labels("recording").inc(len(audio) / SAMPLE_RATE_HZ)
        return JSONResponse(
            _answer(recognizer.engine.model.name, audio, recognized)
            | {
                "device": recognizer.engine.model.device,
                "stages_ns": _stages(received_ns, recognized),
            }
        )

    return router


def error_response(error: LabError) -> JSONResponse:
    """The API's one error envelope: a code for machines, a sentence for people."""
    retry = {"retry_after_s": getattr(error, "retry_after_s", None)} if error.retryable else {}
    body = {"code": error.code, "message": str(error), "retryable": error.retryable, **retry}
    headers = {"retry-after": "1"} if error.retryable else {}
    return JSONResponse({"error": body}, error.http_status, headers)


async def _body(request: Request, limits: Limits) -> bytes:
    """Read the body, giving up as soon as it is too large."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.upload_bytes:
            raise PayloadTooLarge(
                f"the upload has more than {limits.upload_bytes:,} bytes",
                f"at most {limits.upload_bytes:,}",
                "cut it, compress it, or send it as a stream",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _decoded(data: bytes, content_type: str, limits: Limits) -> FloatArray:
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != _RAW:
        return read_recording(data, limits.recording_audio_s)
    parameters = dict(part.strip().partition("=")[::2] for part in rest.split(";") if part.strip())
    try:
        rate_hz = int(parameters.get("rate", SAMPLE_RATE_HZ))
        channels = int(parameters.get("channels", 1))
    except ValueError as error:
        raise InvalidParameter(
            f"content type '{content_type}'", f"expected {_RAW};rate=16000;channels=1", "correct it"
        ) from error
    if channels < 1:
        raise InvalidParameter(f"{channels} channels", "at least 1", "correct the content type")
    return read_raw(data, rate_hz, channels, limits.recording_audio_s)


def _answer(model: str, audio: FloatArray, recognized: Recognized) -> dict[str, Any]:
    segments = [
        {"start_s": f.start_s, "end_s": f.end_s, "text": f.text, "confidence": f.confidence}
        for f in recognized.finals
    ]
    return {
        "text": " ".join(final.text for final in recognized.finals if final.text),
        "segments": segments,
        "audio_s": len(audio) / SAMPLE_RATE_HZ,
        "model": model,
    }


def _stages(received_ns: int, recognized: Recognized) -> dict[str, int]:
    """Stamps in order; without speech nothing was asked of the engine."""
    timings = [final.timing for final in recognized.finals]
    segmented_ns = recognized.segmented_ns
    return {
        "received": received_ns,
        "decoded": segmented_ns,
        "started": min((t.started_ns for t in timings), default=segmented_ns),
        "finished": max((t.finished_ns for t in timings), default=segmented_ns),
        "responded": time.perf_counter_ns(),
    }
