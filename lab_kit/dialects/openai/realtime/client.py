"""The client's side of a Realtime transcription session: options to events, events to ours."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import Event, Final, Interim, SpeechStarted, StreamOptions
from lab_kit.protocol.record import event_of

RATE_HZ = 24_000
_NOTHING_LEFT = "input_audio_buffer_commit_empty"


def update(options: StreamOptions) -> str:
    """The event that asks for ``options``."""
    silence_s = options.endpoint_silence_s
    turns = None
    if silence_s is not None:
        turns = {"type": "server_vad", "silence_duration_ms": round(silence_s * 1000)}
    audio = {"input": {"turn_detection": turns}}
    return json.dumps(
        {"type": "session.update", "session": {"type": "transcription", "audio": audio}}
    )


def append(pcm24: bytes) -> str:
    """PCM16 at 24 kHz on its way."""
    audio = base64.b64encode(pcm24).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


def commit() -> str:
    """Ask for what was heard until now."""
    return json.dumps({"type": "input_audio_buffer.commit"})


def parse(text: str) -> dict[str, Any]:
    """An event of the server.

    Raises:
        InvalidMessage: it is none, or an error that no later event will mend.
    """
    try:
        message: dict[str, Any] = json.loads(text)
        kind, error = message["type"], message.get("error") or {}
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        raise InvalidMessage(
            f"server message {text[:200]!r}",
            "a Realtime event",
            "connect to a server that speaks OpenAI's Realtime API",
        ) from wrong
    if kind == "error" and error.get("code") != _NOTHING_LEFT:
        raise InvalidMessage(
            f"the server's error: {error.get('message')}",
            "none",
            "mend what the message names and open another session",
        )
    return message


@dataclass(frozen=True, slots=True)
class StampedEvent:
    """What an event of the server says: ours, when it was sent, and which version spoke."""

    event: Event
    sent_ns: int
    version: str | None


class RealtimeReader:
    """Puts deltas together and tells when everything that was committed has been said."""

    def __init__(self) -> None:
        self._text: dict[str, str] = {}
        self.is_finished = False

    def read(self, text: str, received_ns: int) -> StampedEvent | None:
        """An event of the server; None where it is nothing new to us.

        Args:
            received_ns: stands in for the moment of sending where the event names none.
        """
        message = parse(text)
        match message["type"]:
            case "input_audio_buffer.speech_started":
                started = SpeechStarted(message["audio_start_ms"] / 1000)
                return StampedEvent(started, received_ns, None)
            case "error":  # nothing was left to commit
                self.is_finished = True
            case "conversation.item.input_audio_transcription.delta":
                return self._delta(message)
            case "conversation.item.input_audio_transcription.completed":
                event, sent_ns, version = event_of(message.get("lab", {}), message["transcript"])
                self.is_finished = isinstance(event, Final) and event.requested
                return StampedEvent(event, sent_ns, version)
        return None

    def _delta(self, message: dict[str, Any]) -> StampedEvent | None:
        item = message["item_id"]
        self._text[item] = self._text.get(item, "") + message["delta"]
        event, sent_ns, version = event_of(message.get("lab", {}), self._text[item])
        return StampedEvent(event, sent_ns, version) if isinstance(event, Interim) else None
