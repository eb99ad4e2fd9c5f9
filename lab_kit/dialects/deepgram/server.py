"""The server's side: a client's messages as commands, events and errors as messages."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from lab_kit.core.errors import (
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
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    ModelInfo,
    SpeechStarted,
    StreamEnded,
    UtteranceEnd,
)

MAX_HEADER_CHARACTERS = 500
"""Clients give up on header lines of some thousand bytes; the body holds the whole sentence."""
MODEL_UUID = "6d6f6f6e-7368-696e-6500-74696e79656e"
"""A fixed made-up identifier: the SDK demands one."""


class Command(StrEnum):
    """What a client may say besides audio."""

    KEEP_ALIVE = "KeepAlive"
    FINALIZE = "Finalize"
    CLOSE_STREAM = "CloseStream"


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


def _latin(text: str) -> str:
    """Text as a header's value: Latin-1 without control characters (RFC 9110, 5.5), one short line.

    Some of it is what the client said; a header it could break would cost it the whole answer.
    """
    known = text[:MAX_HEADER_CHARACTERS].encode("latin-1", errors="replace").decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in known).split())
