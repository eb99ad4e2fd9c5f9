"""The server's side: finals as five kinds of answer, or as an event stream.

Source: OpenAI (2025), API reference, "Create transcription"; as openai 3.57 sends and parses it.
"""

import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

from lab_kit.core.errors import LabError
from lab_kit.core.events import Event, Final, TimedWord
from lab_kit.dialects.openai.errors import error_object
from lab_kit.dialects.openai.transcriptions.options import UploadOptions
from lab_kit.protocol.captions import srt, vtt
from lab_kit.protocol.record import described

EVENT_STREAM = "text/event-stream"
_MARKS = '.,!?;:"“”‘’()[]…–—'


def whole(asked: UploadOptions, finals: Sequence[Final], audio_s: float) -> tuple[str, str]:
    """The answer at once: its content type and its body."""
    text, said = joined(finals), _said(finals)
    match asked.response_format:
        case "text":
            return "text/plain", text + "\n"
        case "srt":
            return "text/plain", srt(said)
        case "vtt":
            return "text/vtt", vtt(said)
        case "verbose_json":
            return "application/json", json.dumps(_verbose(asked, text, said, audio_s))
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


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def _said(finals: Sequence[Final]) -> list[Final]:
    return [final for final in finals if final.text]


def _verbose(
    asked: UploadOptions, text: str, finals: Sequence[Final], audio_s: float
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": "english",
        "duration": audio_s,
        "text": text,
    }
    if "word" in asked.granularities:
        body["words"] = [_word(word) for final in finals for word in final.words]
    if "segment" in asked.granularities:
        body["segments"] = [_segment(number, final) for number, final in enumerate(finals)]
    return body | {"usage": {"type": "duration", "seconds": audio_s}}


def _word(word: TimedWord) -> dict[str, Any]:
    """The provider's words are without punctuation."""
    bare = word.text.strip(_MARKS) or word.text
    return {"word": bare, "start": word.start_s, "end": word.end_s}


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
