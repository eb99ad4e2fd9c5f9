"""Deepgram's live dialect: `GET /v1/listen` as a WebSocket.

Both ends are here: the server's (query and client messages in, events and errors out) and the
client's (options out, server messages in). Fields named ``lab`` are ours; the provider's SDK
keeps unknown fields, so they do no harm there and carry timings to our own client.

Source: Deepgram (2025), API reference "Live Audio", developers.deepgram.com; field names and
strictness as the deepgram-sdk 7.17 parses them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from lab_kit.audio.codecs import LIVE_ENCODINGS, check_encoding
from lab_kit.errors import (
    GoingAway,
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.events import (
    Event,
    Final,
    Interim,
    ModelInfo,
    PriorityClass,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    Timing,
    UtteranceEnd,
)
from lab_kit.units import SAMPLE_RATE_HZ

PATH = "/v1/listen"
DEFAULT_ENDPOINT_MS = 200
"""The provider's own default is 10 ms, after a smoothing of its own."""
MIN_ENDPOINT_S = 0.1
"""Shorter silences lie inside words; a smaller ``endpointing`` is raised to this."""
MIN_UTTERANCE_END_S = 1.0
MAX_CHANNELS = 8
PRIORITY = "lab_priority"
"""A query parameter of ours: `events.PriorityClass` by name."""
MAX_HEADER_CHARACTERS = 500
"""Clients give up on header lines of some thousand bytes; the body holds the whole sentence."""
_STEPS = {"punctuate": "true", "numerals": "true", "redact": "pii"}
MODEL_UUID = "6d6f6f6e-7368-696e-6500-74696e79656e"
"""A fixed made-up identifier: the SDK demands one."""


class Command(StrEnum):
    """What a client may say besides audio."""

    KEEP_ALIVE = "KeepAlive"
    FINALIZE = "Finalize"
    CLOSE_STREAM = "CloseStream"


def parse_query(query: Mapping[str, str]) -> StreamOptions:
    """The options of a stream from its query; unknown names are ignored, as the provider does.

    Raises:
        InvalidParameter: a value has no meaning, or the encoding is missing or not spoken here.
        UnsupportedSampleRate: see `audio.codecs.check_encoding`.
    """
    encoding = query.get("encoding")
    if encoding is None:
        raise InvalidParameter(
            "no encoding, which announces a container file",
            f"live audio here is raw: one of {', '.join(sorted(LIVE_ENCODINGS))}",
            "add encoding and sample_rate, or upload the file to /v1/audio:transcribe",
        )
    check_encoding(encoding, SAMPLE_RATE_HZ)  # before its rate: an unknown one has none
    rate_hz = _integer(query, "sample_rate", None)
    channels = _integer(query, "channels", 1, lowest=1, highest=MAX_CHANNELS)
    check_encoding(encoding, rate_hz, channels)
    return StreamOptions(
        encoding=encoding,
        sample_rate_hz=rate_hz,
        channels=channels,
        interim_results=_boolean(query, "interim_results"),
        endpoint_silence_s=_endpointing(query),
        utterance_end_s=_utterance_end(query),
        speech_events=_boolean(query, "vad_events"),
        priority_class=_priority(query),
        postprocess=_postprocess(query),
    )


def parse_command(text: str) -> Command:
    """What a text message asks for.

    Raises:
        InvalidMessage: it is no JSON object, or of a type that is not spoken here.
    """
    try:
        message = json.loads(text)
        return Command(message["type"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidMessage(
            f"text message {text[:80]!r}",
            f'expected {{"type": ...}} with one of {", ".join(Command)}',
            "send audio as binary messages and commands as JSON",
        ) from error


class Speaker:
    """The server's side of one stream: events to messages.

    Args:
        request_id: the stream's identifier, as sent in the ``dg-request-id`` header.
        model: what answers.
        created: when the stream began, ISO 8601.
    """

    def __init__(self, request_id: str, model: ModelInfo, created: str) -> None:
        self._request_id = request_id
        self._model = model
        self._created = created
        self._covered_s = 0.0

    def message(self, event: Event) -> dict[str, Any]:
        """The JSON object that says ``event``."""
        match event:
            case SpeechStarted():
                return {"type": "SpeechStarted", "channel": [0, 1], "timestamp": event.at_s}
            case UtteranceEnd():
                end_s = event.last_word_end_s
                return {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": end_s}
            case Interim():
                stable = {"stable_chars": event.stable_chars}
                return self._results(event, {"is_final": False, "speech_final": False}, stable)
            case Final():
                flags = {
                    "is_final": True,
                    "speech_final": event.endpoint,
                    "from_finalize": event.requested,
                }
                message = self._results(event, flags, {"stable_chars": len(event.text)})
                self._covered_s = max(self._covered_s, event.end_s)
                return message
            case StreamEnded():
                return self._metadata(event)

    def _results(
        self, event: Interim | Final, flags: dict[str, bool], lab: dict[str, Any]
    ) -> dict[str, Any]:
        # each result covers everything since the last final, silence included
        start_s = min(self._covered_s, event.end_s)
        alternative = {"transcript": event.text, "confidence": event.confidence, "words": []}
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start_s,
            "duration": event.end_s - start_s,
            **flags,
            "channel": {"alternatives": [alternative]},
            "metadata": {
                "request_id": self._request_id,
                "model_uuid": MODEL_UUID,
                "model_info": {
                    "name": self._model.name,
                    "version": self._model.version,
                    "arch": self._model.architecture,
                },
            },
            "lab": {
                "sequence": event.sequence,
                "speech_start_s": event.start_s,
                "device": self._model.device,
                "timing": asdict(event.timing),
                **lab,
            },
        }

    def _metadata(self, event: StreamEnded) -> dict[str, Any]:
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._request_id,
            "sha256": event.sha256,
            "created": self._created,
            "duration": event.audio_s,
            "channels": event.channels,
            "models": [MODEL_UUID],
        }


def stamp(message: dict[str, Any], sent_ns: int) -> None:
    """Note in a message when it was handed to the socket, on the server's clock."""
    message.setdefault("lab", {})["sent_ns"] = sent_ns


def error_message(error: LabError, text: str) -> dict[str, str]:
    """What a stream is told about a text message it sent; the stream stays open."""
    return {
        "type": "Error",
        "variant": "SchemaError",
        "code": error.code,
        "description": str(error),
        "message": text[:200],
    }


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, str]
    headers: dict[str, str]


def refusal(error: LabError, request_id: str) -> Refusal:
    """How a REST request or an upgrade is refused."""
    codes = {
        Unauthenticated: "INVALID_AUTH",
        InvalidParameter: "INVALID_QUERY_PARAMETER",
        SystemOverloaded: "TOO_MANY_REQUESTS",
    }
    default = "INVALID_QUERY_PARAMETER" if error.http_status == 400 else error.code
    code = codes.get(type(error), default)
    headers = {"dg-request-id": request_id, "dg-error": _latin(str(error))}
    if isinstance(error, SystemOverloaded):
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    body = {"err_code": code, "err_msg": str(error), "request_id": request_id}
    return Refusal(error.http_status, body, headers)


@dataclass(frozen=True, slots=True)
class Closure:
    """A WebSocket close: code and reason."""

    code: int
    reason: str


NORMAL = Closure(1000, "")
GOING_AWAY = Closure(1001, "server stops")


def closure(error: LabError) -> Closure:
    """How a stream is closed because of ``error``.

    1008 blames what the client sent, 1011 says that the server gave up.
    """
    if isinstance(error, GoingAway):
        return GOING_AWAY
    codes: dict[type[LabError], tuple[int, str]] = {
        InvalidAudioFormat: (1008, "DATA-0000"),
        PayloadTooLarge: (1008, "DATA-0000"),
        StreamIdle: (1011, "NET-0001"),
        SlowConsumer: (1008, "SLOW-CONSUMER"),
    }
    code, name = codes.get(type(error), (1011, error.code))
    # a close frame's reason holds at most 123 bytes (RFC 6455, 5.5)
    reason = f"{name}: {error.received}; {error.expected}"
    return Closure(code, reason.encode()[:123].decode(errors="ignore"))


# -- the client's side ---------------------------------------------------------------------------


def query_for(options: StreamOptions, model: str) -> dict[str, str]:
    """The query that asks for ``options``."""
    silence_s, gap_s = options.endpoint_silence_s, options.utterance_end_s
    query = {
        "model": model,
        "encoding": options.encoding,
        "sample_rate": str(options.sample_rate_hz),
        "channels": str(options.channels),
        "interim_results": _spelled(options.interim_results),
        "vad_events": _spelled(options.speech_events),
        "endpointing": "false" if silence_s is None else str(round(silence_s * 1000)),
    }
    if options.priority_class is not PriorityClass.INTERACTIVE:
        query[PRIORITY] = options.priority_class
    query |= {name: wanted for name, wanted in _STEPS.items() if name in options.postprocess}
    if gap_s is not None:
        query["utterance_end_ms"] = str(round(gap_s * 1000))
    return query


@dataclass(frozen=True, slots=True)
class Told:
    """An event and the moment the server sent it, on the server's clock.

    Attributes:
        version: the model's version that answered; only results name it.
    """

    event: Event
    sent_ns: int
    version: str | None


def parse_message(text: str) -> Told:
    """A server's message as an event.

    Raises:
        InvalidMessage: it is none that a stream may carry, or says that ours was not understood.
    """
    try:
        message = json.loads(text)
        event = _READERS[message["type"]](message)
        is_result = isinstance(event, Interim | Final)
        version = message["metadata"]["model_info"]["version"] if is_result else None
        return Told(event, message["lab"]["sent_ns"], version)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidMessage(
            f"server message {text[:200]!r}",
            f"expected one of {', '.join(_READERS)}",
            "check that the server speaks this dialect",
        ) from error


def _read_results(message: dict[str, Any]) -> Interim | Final:
    alternative = message["channel"]["alternatives"][0]
    lab = message["lab"]
    common = {
        "sequence": lab["sequence"],
        "start_s": lab["speech_start_s"],
        "end_s": message["start"] + message["duration"],
        "text": alternative["transcript"],
        "confidence": alternative["confidence"],
        "timing": Timing(**lab["timing"]),
    }
    if message["is_final"]:
        return Final(**common, endpoint=message["speech_final"], requested=message["from_finalize"])
    return Interim(**common, stable_chars=lab["stable_chars"])


_READERS: dict[str, Any] = {
    "Results": _read_results,
    "SpeechStarted": lambda m: SpeechStarted(m["timestamp"]),
    "UtteranceEnd": lambda m: UtteranceEnd(m["last_word_end"]),
    "Metadata": lambda m: StreamEnded(m["duration"], m["sha256"], m["channels"]),
}


# -- values --------------------------------------------------------------------------------------


def _integer(
    query: Mapping[str, str], name: str, default: int | None, lowest: int = 0, highest: int = 10**9
) -> int:
    text = query.get(name)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError:
        value = lowest - 1
    if not lowest <= value <= highest:
        limits = f"{lowest:,} to {highest:,}" if highest < 10**9 else f"at least {lowest:,}"
        got = "is missing" if text is None else f"is '{text}'"
        raise InvalidParameter(f"{name} {got}", f"expected a whole number, {limits}", "correct it")
    return value


def _boolean(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise InvalidParameter(f"{name} is '{text}'", "expected true or false", "correct it")
    return text == "true"


def _endpointing(query: Mapping[str, str]) -> float | None:
    if query.get("endpointing", "").lower() == "false":
        return None
    asked_ms = _integer(query, "endpointing", DEFAULT_ENDPOINT_MS)
    return max(MIN_ENDPOINT_S, asked_ms / 1000)


def _utterance_end(query: Mapping[str, str]) -> float | None:
    if "utterance_end_ms" not in query:
        return None
    value_s = _integer(query, "utterance_end_ms", None) / 1000
    if value_s < MIN_UTTERANCE_END_S:
        raise InvalidParameter(
            f"utterance_end_ms is {value_s * 1000:.0f}", "expected at least 1000", "raise it"
        )
    if not _boolean(query, "interim_results"):
        raise InvalidParameter(
            "utterance_end_ms without interim_results",
            "the gap is measured between results",
            "add interim_results=true",
        )
    return value_s


def _priority(query: Mapping[str, str]) -> PriorityClass:
    asked = query.get(PRIORITY, PriorityClass.INTERACTIVE)
    try:
        return PriorityClass(asked)
    except ValueError as error:
        known = ", ".join(PriorityClass)
        raise InvalidParameter(
            f"{PRIORITY} is '{asked}'", f"one of {known}", "correct it"
        ) from error


def _postprocess(query: Mapping[str, str]) -> tuple[str, ...]:
    """The steps that are asked for; ``redact`` names kinds of data, and any of them means all."""
    steps = [name for name in ("punctuate", "numerals") if _boolean(query, name)]
    return (*steps, *(["redact"] if query.get("redact", "false").lower() != "false" else []))


def _spelled(value: bool) -> str:
    return "true" if value else "false"


def _latin(text: str) -> str:
    """Text as a header's value: Latin-1 without control characters (RFC 9110, 5.5), one short line.

    Some of it is what the client said; a header it could break would cost it the whole answer.
    """
    known = text[:MAX_HEADER_CHARACTERS].encode("latin-1", errors="replace").decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in known).split())
