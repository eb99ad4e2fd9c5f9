"""The client's side of a Realtime transcription session: options to events, events to ours."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from lab_kit.contract.record import event_of
from lab_kit.errors import InvalidMessage
from lab_kit.events import Event, Interim, SpeechStarted, StreamOptions

RATE_HZ = 24_000
_TRANSCRIPT = "conversation.item.input_audio_transcription."


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


def kind_of(text: str) -> str:
    """What an event of the server is.

    Raises:
        InvalidMessage: it is an error that no later event will mend.
    """
    message = json.loads(text)
    if message["type"] == "error" and message["error"]["code"] != "input_audio_buffer_commit_empty":
        raise InvalidMessage(
            f"the server's error: {message['error']['message']}", "none", "correct what it names"
        )
    return str(message["type"])


@dataclass(frozen=True, slots=True)
class Told:
    """What an event of the server says: ours, when it was sent, and which version spoke."""

    event: Event
    sent_ns: int
    version: str | None


class RealtimeReader:
    """Puts deltas together and tells when everything that was committed has been said."""

    def __init__(self) -> None:
        self._text: dict[str, str] = {}
        self.is_finished = False

    def read(self, text: str, received_ns: int) -> Told | None:
        """An event of the server; None where it is nothing new to us.

        Args:
            received_ns: stands in for the moment of sending where the event names none.
        """
        kind, message = kind_of(text), json.loads(text)
        match kind:
            case "input_audio_buffer.speech_started":
                started = SpeechStarted(message["audio_start_ms"] / 1000)
                return Told(started, received_ns, None)
            case "error":  # nothing was left to commit
                self.is_finished = True
            case _ if kind == _TRANSCRIPT + "delta":
                return self._delta(message)
            case _ if kind == _TRANSCRIPT + "completed":
                event, sent_ns, version = event_of(message["lab"], message["transcript"])
                self.is_finished = message["lab"]["requested"]
                return Told(event, sent_ns, version)
        return None

    def _delta(self, message: dict[str, Any]) -> Told | None:
        item = message["item_id"]
        self._text[item] = self._text.get(item, "") + message["delta"]
        if message["lab"]["kind"] != "Interim":
            return None
        event, sent_ns, version = event_of(message["lab"], self._text[item])
        assert isinstance(event, Interim)
        return Told(event, sent_ns, version)
