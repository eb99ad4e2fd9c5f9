"""`POST /v1/audio/transcriptions`: a form in, five kinds of answer and an event stream out.

The form is read with the standard library's MIME parser. Segments have times; words have none,
since this model gives none, so a request for them is refused rather than answered with inventions.

Source: OpenAI (2025), API reference, "Create transcription"; as openai 3.57 sends and parses it.
"""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from lab_kit.core.errors import InvalidMessage, InvalidParameter, LabError
from lab_kit.core.events import Event, Final
from lab_kit.dialects.openai.errors import error_object
from lab_kit.protocol.record import described, event_of

PATH = "/v1/audio/transcriptions"
FORMATS = ("json", "verbose_json", "text", "srt", "vtt")
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """A request.

    Attributes:
        file: the recording, in whatever container it came.
        is_streamed: answer with events, each segment when it is done.
    """

    file: bytes
    response_format: str
    is_streamed: bool


def parse_form(content_type: str, body: bytes) -> Upload:
    """Read the form; fields that are not known are ignored, as the provider does.

    Raises:
        InvalidParameter: a field is missing, or asks for what cannot be given here.
    """
    head = b"Content-Type: " + content_type.encode("latin-1", errors="replace") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, list[bytes]] = {}
    for part in form.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        content = part.get_payload(decode=True)
        fields.setdefault(name, []).append(content if isinstance(content, bytes) else b"")
    file, _ = _needed(fields, "file"), _needed(fields, "model")
    wanted = [one.decode(errors="replace") for one in fields.get("timestamp_granularities[]", [])]
    if "word" in wanted:
        raise InvalidParameter(
            "timestamp_granularities[] asks for word",
            "segment: this model gives no times of words",
            "ask for segments only",
        )
    return Upload(file, _format(fields), _text(fields, "stream", "false").lower() == "true")


def whole(response_format: str, finals: Sequence[Final], audio_s: float) -> tuple[str, str]:
    """The answer at once: its content type and its body."""
    text = joined(finals)
    match response_format:
        case "text":
            return "text/plain", text + "\n"
        case "srt":
            cues = [f"{n}\n{_span(f, ',')}\n{f.text}\n" for n, f in enumerate(_said(finals), 1)]
            return "text/plain", "\n".join(cues)
        case "vtt":
            cues = [f"{_span(f, '.')}\n{f.text}\n" for f in _said(finals)]
            return "text/vtt", "\n".join(["WEBVTT\n", *cues])
        case "verbose_json":
            return "application/json", json.dumps(_verbose(text, _said(finals), audio_s))
        case _:
            usage = {"type": "duration", "seconds": audio_s}
            return "application/json", json.dumps({"text": text, "usage": usage})


def delta(final: Final, is_first: bool, sent_ns: int, version: str) -> str:
    """A segment as an event; deltas are joined as they are, so all but the first begin spaced."""
    body = {
        "type": "transcript.text.delta",
        "delta": final.text if is_first or not final.text else f" {final.text}",
        "lab": described(final, sent_ns, version),
    }
    return _event(body)


def done(finals: Sequence[Final], last: Event, sent_ns: int, version: str) -> str:
    """The last event: everything that was said."""
    body = {
        "type": "transcript.text.done",
        "text": joined(finals),
        "lab": described(last, sent_ns, version),
    }
    return _event(body)


def failed(error: LabError) -> str:
    """An error after the status is out; the SDK raises it."""
    return _event({"error": error_object(error)})


def joined(finals: Sequence[Final]) -> str:
    """The whole text."""
    return " ".join(final.text for final in _said(finals))


# -- the client's side ---------------------------------------------------------------------------


def parse_event(line: str) -> tuple[Event, int, str] | None:
    """A line of the event stream as an event; None for lines that hold none.

    Raises:
        InvalidMessage: an error, or nothing that this server would send.
    """
    if not line.startswith("data: "):
        return None
    try:
        body = json.loads(line.removeprefix("data: "))
    except ValueError as error:
        raise InvalidMessage(f"{line[:200]!r}", "an event as JSON", "check the address") from error
    if "error" in body:
        raise InvalidMessage(
            f"the server gave up: {body['error']['message']}", "every segment", "try again"
        )
    return event_of(body.get("lab", {}), body.get("delta", "").removeprefix(" "))


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def _said(finals: Sequence[Final]) -> list[Final]:
    return [final for final in finals if final.text]


def _verbose(text: str, finals: Sequence[Final], audio_s: float) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "language": "english",
        "duration": audio_s,
        "text": text,
        "segments": [_segment(number, final) for number, final in enumerate(finals)],
        "usage": {"type": "duration", "seconds": audio_s},
    }


def _segment(number: int, final: Final) -> dict[str, Any]:
    """A segment with every field that the provider has.

    Tokens are not kept here, so there are none; silence is never decoded, so the probability that
    a segment is silence is that of the voice detector having let it through.
    """
    said = final.text.encode()
    return {
        "id": number,
        "seek": round(final.start_s * 100),
        "start": final.start_s,
        "end": final.end_s,
        "text": final.text if number == 0 else f" {final.text}",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(final.confidence) if final.confidence else 0.0,
        "compression_ratio": len(said) / len(zlib.compress(said)),
        "no_speech_prob": 0.0,
    }


def _span(final: Final, mark: str) -> str:
    return f"{_clock(final.start_s, mark)} --> {_clock(final.end_s, mark)}"


def _clock(seconds: float, mark: str) -> str:
    whole_ms = round(seconds * 1000)
    minutes, ms = divmod(whole_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{mark}{ms % 1000:03}"


def _needed(fields: dict[str, list[bytes]], name: str) -> bytes:
    if not fields.get(name):
        raise InvalidParameter(f"no field '{name}'", "a form with file and model", "add it")
    return fields[name][0]


def _format(fields: dict[str, list[bytes]]) -> str:
    chosen = _text(fields, "response_format", "json")
    if chosen not in FORMATS:
        raise InvalidParameter(
            f"response_format '{chosen}'", f"one of {', '.join(FORMATS)}", "choose one"
        )
    return chosen


def _text(fields: dict[str, list[bytes]], name: str, default: str) -> str:
    return fields[name][0].decode(errors="replace") if fields.get(name) else default
