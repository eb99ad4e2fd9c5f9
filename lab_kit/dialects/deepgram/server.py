"""The server's side: a client's messages as commands, events as messages."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    ModelInfo,
    SpeechStarted,
    StreamEnded,
    TimedWord,
    UtteranceEnd,
)

MODEL_UUID = "6d6f6f6e-7368-696e-6500-74696e79656e"
"""A fixed made-up identifier: the SDK demands one."""


_MARKS = '.,!?;:"“”‘’()[]…–—'
MOST_COMMAND_CHARS = 4_096
"""A megabyte of nested lists takes the parser a third of a second, in which nobody is served."""


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
        if len(text) > MOST_COMMAND_CHARS:
            raise ValueError("longer than any command")
        message = json.loads(text)
        return Command(message["type"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidMessage(
            f"text message {text[:80]!r}",
            f'expected {{"type": ...}} with one of {", ".join(Command)}',
            "send audio as binary messages and commands as JSON",
        ) from error


class MessageWriter:
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
                lab = {
                    "stable_chars": len(event.text),
                    "finished_probability": event.finished_probability,
                }
                message = self._results(event, flags, lab)
                self._covered_s = max(self._covered_s, event.end_s)
                return message
            case StreamEnded():
                return self._metadata(event)

    def _results(
        self, event: Interim | Final, flags: dict[str, bool], lab: dict[str, Any]
    ) -> dict[str, Any]:
        # each result covers everything since the last final, silence included
        start_s = min(self._covered_s, event.end_s)
        alternative = {
            "transcript": event.text,
            "confidence": event.confidence,
            "words": [word_object(word) for word in event.words],
        }
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


def word_object(word: TimedWord) -> dict[str, Any]:
    """The provider's word is bare and lower-case; as it is written it stands beside that."""
    return {
        "word": word.text.strip(_MARKS).lower() or word.text,
        "start": word.start_s,
        "end": word.end_s,
        "confidence": word.confidence,
        "punctuated_word": word.text,
    }


def stamp(message: dict[str, Any], sent_ns: int) -> None:
    """Note in a message when it was handed to the socket, on the server's clock."""
    message.setdefault("lab", {})["sent_ns"] = sent_ns
