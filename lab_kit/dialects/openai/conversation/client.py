"""The client's side of a conversation: what is asked for, and what a server's events say."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.replies import ReplyTiming

RATE_HZ = 24_000
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller was heard to speak: what is played of an answer has to stop."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller said in a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerBegan:
    """An answer is on its way."""


@dataclass(frozen=True, slots=True)
class AnswerText:
    """More of its words."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerSound:
    """More of its sound, PCM16 at 24 kHz.

    Attributes:
        item: which it belongs to, to say how much of it was played.
        timing: with the first, where the server tells.
    """

    item: str
    pcm24: bytes
    timing: ReplyTiming | None


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """Nothing more of it will come.

    Attributes:
        status: ``completed``, ``cancelled``, ``incomplete`` or ``failed``.
        reason: why, where it is not completed.
    """

    status: str
    reason: str
    tokens: int


TalkEvent = SpeechBegan | Heard | AnswerBegan | AnswerText | AnswerSound | AnswerEnded


def update(instructions: str | None = None, turns: dict[str, Any] | None = None) -> str:
    """The event that asks for transcripts of what is heard, and other instructions or turns."""
    audio_input: dict[str, Any] = {"transcription": {"model": "whisper-1"}}
    if turns is not None:
        audio_input["turn_detection"] = turns
    session: dict[str, Any] = {"type": "realtime", "audio": {"input": audio_input}}
    if instructions is not None:
        session["instructions"] = instructions
    return json.dumps({"type": "session.update", "session": session})


def truncate(item: str, played_s: float) -> str:
    """Say how much of an answer was played before it was stopped."""
    event = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0}
    return json.dumps(event | {"audio_end_ms": round(played_s * 1_000)})


def write(text: str) -> str:
    """Say something in writing."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return json.dumps({"type": "conversation.item.create", "item": item})


def ask(instructions: str | None = None) -> str:
    """Ask for an answer now."""
    response = {} if instructions is None else {"instructions": instructions}
    return json.dumps({"type": "response.create", "response": response})


def parse(text: str) -> TalkEvent | None:
    """What an event of the server says; None where that is nothing new to us.

    Raises:
        InvalidMessage: it is none, or an error.
    """
    try:
        return _parsed(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        raise InvalidMessage(
            f"server message {text[:200]!r}",
            "a Realtime event",
            "connect to a server that speaks OpenAI's Realtime API",
        ) from wrong


def _parsed(message: dict[str, Any]) -> TalkEvent | None:
    match message["type"]:
        case "error":
            raise InvalidMessage(
                f"the server's error: {message['error']['message']}",
                "none",
                "mend what the message names",
            )
        case "input_audio_buffer.speech_started":
            return SpeechBegan(message["audio_start_ms"] / 1_000)
        case kind if kind == _TRANSCRIBED:
            return Heard(message["transcript"])
        case "response.created":
            return AnswerBegan()
        case "response.output_audio_transcript.delta" | "response.output_text.delta":
            return AnswerText(message["delta"])
        case "response.output_audio.delta":
            timing = (message.get("lab") or {}).get("timing")
            known = None if timing is None else ReplyTiming(**timing)
            return AnswerSound(message["item_id"], base64.b64decode(message["delta"]), known)
        case "response.done":
            response = message["response"]
            details = response.get("status_details") or {}
            failure = (details.get("error") or {}).get("message")
            tokens = (response.get("usage") or {}).get("output_tokens") or 0
            reason = failure or details.get("reason") or ""
            return AnswerEnded(response["status"], reason, tokens)
    return None
