"""An answer as the provider tells it: created, its parts as they are made, done.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

import base64
import dataclasses
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from lab_kit.core.replies import (
    Outcome,
    ReplyBegun,
    ReplyCalled,
    ReplyEnded,
    ReplyPiece,
)
from lab_kit.dialects.openai.errors import error_object

DELTA_S = 0.1
"""Of sound in an event: the first is there to be played before the whole clause is read."""
_STATUS: dict[Outcome, tuple[str, dict[str, Any] | None]] = {
    Outcome.COMPLETED: ("completed", None),
    Outcome.INTERRUPTED: ("cancelled", {"type": "cancelled", "reason": "turn_detected"}),
    Outcome.CANCELLED: ("cancelled", {"type": "cancelled", "reason": "client_cancelled"}),
    Outcome.CUT: ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
    Outcome.FAILED: ("failed", {"type": "failed"}),
}


class Response:
    """One answer.

    Args:
        begun: how it is made.
        event: gives an event of the server, numbered.
        previous: the newest item.
        sound_bytes: of a second of its sound.
        about: what is told of every answer of the session.

    Attributes:
        items: those that it added to the conversation.
    """

    def __init__(
        self,
        begun: ReplyBegun,
        event: Callable[..., str],
        previous: str | None,
        sound_bytes: int,
        about: dict[str, Any],
    ) -> None:
        self._id = f"resp_{uuid.uuid4().hex}"
        self._is_spoken = begun.options.is_spoken
        self._event = event
        self._previous = previous
        self._delta_bytes = round(sound_bytes * DELTA_S)
        self._about = about
        self._said: list[str] = []
        self._place: dict[str, Any] = {}
        self.items: list[dict[str, Any]] = []

    def created(self) -> str:
        """It is on its way."""
        return self._event("response.created", response=self._response("in_progress", None))

    def piece(self, piece: ReplyPiece) -> Sequence[str]:
        """A clause: its words, then its sound."""
        events = [] if self._place else self._begin_message()
        text = f" {piece.text}" if self._said else piece.text
        self._said.append(piece.text)
        if not self._is_spoken:
            return [*events, self._event("response.output_text.delta", delta=text, **self._place)]
        written = "response.output_audio_transcript.delta"
        events.append(self._event(written, delta=text, **self._place))
        timing = piece.timing and {"timing": dataclasses.asdict(piece.timing)}
        for start in range(0, len(piece.sound), self._delta_bytes):
            sound = base64.b64encode(piece.sound[start : start + self._delta_bytes]).decode()
            lab = {"lab": timing} if timing and not start else {}
            kind = "response.output_audio.delta"
            events.append(self._event(kind, delta=sound, **self._place, **lab))
        return events

    def called(self, called: ReplyCalled) -> Sequence[str]:
        """A function that it wants called, in one delta."""
        call = called.call
        item = {
            "id": f"item_{uuid.uuid4().hex}",
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": call.name,
            "call_id": call.id,
            "arguments": "",
        }
        events = [*self._end_message("completed"), *self._begin_item(item)]
        at = {"response_id": self._id, "item_id": item["id"], "output_index": len(self.items) - 1}
        about = {**at, "call_id": call.id}
        arguments = "response.function_call_arguments"
        events.append(self._event(f"{arguments}.delta", delta=call.arguments, **about))
        done = {"name": call.name, "arguments": call.arguments}
        events.append(self._event(f"{arguments}.done", **done, **about))
        item |= {"status": "completed", "arguments": call.arguments}
        return [*events, *self._end_item(item)]

    def ended(self, ended: ReplyEnded) -> Sequence[str]:
        """Nothing more of it will come."""
        status, details = _STATUS[ended.outcome]
        if ended.error is not None:
            about = error_object(ended.error)
            shown = {"type": about["type"], "code": about["code"], "message": about["message"]}
            details = {"type": "failed", "error": shown}
        is_whole = ended.outcome is Outcome.COMPLETED
        events = [*self._end_message("completed" if is_whole else "incomplete")]
        usage = {
            "total_tokens": ended.prompt_tokens + ended.tokens,
            "input_tokens": ended.prompt_tokens,
            "output_tokens": ended.tokens,
        }
        response = self._response(status, details) | {"usage": usage}
        return [*events, self._event("response.done", response=response)]

    def _begin_message(self) -> list[str]:
        item = {
            "id": f"item_{uuid.uuid4().hex}",
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        events = self._begin_item(item)
        self._place = {
            "response_id": self._id,
            "item_id": item["id"],
            "output_index": len(self.items) - 1,
            "content_index": 0,
        }
        part = {"type": "audio", "transcript": ""} if self._is_spoken else {"type": "text"}
        return [*events, self._event("response.content_part.added", part=part, **self._place)]

    def _end_message(self, status: str) -> list[str]:
        if not self._place:
            return []
        place, self._place = self._place, {}
        text, self._said = " ".join(self._said), []
        said = "transcript" if self._is_spoken else "text"
        kind = "audio" if self._is_spoken else "text"
        events = []
        if self._is_spoken:
            events.append(self._event("response.output_audio.done", **place))
            written = "response.output_audio_transcript.done"
            events.append(self._event(written, transcript=text, **place))
        else:
            events.append(self._event("response.output_text.done", text=text, **place))
        part = {"type": kind, said: text}
        events.append(self._event("response.content_part.done", part=part, **place))
        item = self.items[place["output_index"]]
        item |= {"status": status, "content": [{"type": f"output_{kind}", said: text}]}
        return [*events, *self._end_item(item)]

    def _begin_item(self, item: dict[str, Any]) -> list[str]:
        self.items.append(item)
        added = {"response_id": self._id, "output_index": len(self.items) - 1, "item": item}
        place = {"item": item, "previous_item_id": self._previous}
        return [
            self._event("response.output_item.added", **added),
            self._event("conversation.item.added", **place),
        ]

    def _end_item(self, item: dict[str, Any]) -> list[str]:
        done = {"response_id": self._id, "output_index": len(self.items) - 1, "item": item}
        place = {"item": item, "previous_item_id": self._previous}
        self._previous = item["id"]
        return [
            self._event("response.output_item.done", **done),
            self._event("conversation.item.done", **place),
        ]

    def _response(self, status: str, details: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": self.items,
            "usage": None,
            "metadata": None,
            **self._about,
        }
