"""The server's side of a conversation: what callers say and ask for, what they are told.

What is heard is told as in a transcription session, by the same code; here it is answered.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lab_kit.core.errors import InvalidMessage, InvalidParameter, LabError
from lab_kit.core.events import Event, StreamOptions
from lab_kit.core.replies import (
    AddItem,
    AskReply,
    CancelReply,
    CutItem,
    RemoveItem,
    ReplyBegun,
    ReplyCalled,
    ReplyEnded,
    ReplyEvent,
    ReplyPiece,
    ReplyRefused,
    TalkSettings,
    already_answering,
    call_name,
    reply_name,
    turn_name,
)
from lab_kit.core.shown import shown
from lab_kit.dialects.openai.conversation.items import Items, read_item
from lab_kit.dialects.openai.conversation.options import (
    check_imitated_talk,
    check_in_conversation,
    check_kind,
    default_session,
    merged,
    reply_options,
    sample_bytes,
    settings,
    talk_input,
)
from lab_kit.dialects.openai.conversation.responses import Response
from lab_kit.dialects.openai.realtime.options import merged_input
from lab_kit.dialects.openai.realtime.server import RealtimeSession, parsed
from lab_kit.protocol.imitated import not_imitated
from lab_kit.protocol.live import Ask, Ending, Input, Reply


class NoResponse(InvalidMessage):
    """A response is to be cancelled, and there is none."""

    reason = "RESPONSE_CANCEL_NOT_ACTIVE"


class ConversationSession:
    """One session's state.

    Args:
        model: as the client named it.
        version: the recognizer's, for our own client.
        now_s: Unix time, for the session's expiry.
        steps: the optional steps that every result passes, by name.
        is_strict: what is not imitated is refused.

    Attributes:
        turn: by what name history has the turn that ended with what was told last; None if none
            did.
    """

    def __init__(
        self,
        model: str,
        version: str,
        now_s: int,
        steps: tuple[str, ...] = (),
        is_strict: bool = False,
    ) -> None:
        self._ears = RealtimeSession(version, now_s, steps, is_strict)
        self._ears.audio_input = talk_input()
        self._model = model
        self._is_strict = is_strict
        self._expires_at = now_s + 3_600
        self._id = f"sess_{uuid.uuid4().hex}"
        self._answers = default_session()
        self._items = Items()
        self._turns = 0
        self.turn: str | None = None
        self._response: Response | None = None

    @property
    def options(self) -> StreamOptions:
        """What the session has chosen for the caller's sound."""
        return replace(self._ears.options, pause_events=True, interim_results=True)

    @property
    def settings(self) -> TalkSettings:
        """What the session has chosen for its answers."""
        return settings(self._answers, self._ears.audio_input)

    def greet(self) -> Sequence[str]:
        """The first event tells the session."""
        return [self._event("session.created", session=self._session())]

    def parse(self, message: bytes | str) -> Sequence[Input]:
        """Act on a client's event; most errors are told and leave the session open."""
        event: dict[str, Any] = {}
        try:
            event = parsed(message)
            return self._heard(event)
        except LabError as error:
            return [Reply(self._ears.refused(error, event))]

    def render(self, event: Event, sent_ns: int) -> Sequence[str]:
        """The events that tell what was heard."""
        before = self._ears.last_item
        messages = self._ears.render(event, sent_ns)
        item_id, self.turn = self._ears.last_item, None
        if item_id is not None and item_id != before:
            self._turns += 1
            self.turn = turn_name(self._turns)
            content = [{"type": "input_audio", "transcript": None}]
            item = {"id": item_id, "type": "message", "role": "user", "content": content}
            told = {"object": "realtime.item", "status": "completed"}
            self._items.add(item | told, self.turn)
        return messages

    def render_reply(self, event: ReplyEvent) -> Sequence[str]:
        """The events that tell of an answer."""
        match event:
            case ReplyBegun():
                self._response = self._responding(event)
                return [self._response.created()]
            case ReplyRefused():
                return [self._ears.refused(event.error, {})]
        response = self._response
        if response is None:
            return []
        match event:
            case ReplyPiece():
                messages = response.piece(event)
            case ReplyCalled():
                messages = response.called(event)
            case ReplyEnded():
                messages, self._response = response.ended(event), None
        for item in response.items:
            if item["id"] not in self._items:
                is_call = item["type"] == "function_call"
                name = call_name(item["call_id"]) if is_call else reply_name(event.reply)
                self._items.add(item, name)
                self._ears.last_item = item["id"]
        return messages

    def end(self, error: LabError | None) -> tuple[Sequence[str], Ending]:
        """An error is told before the connection closes."""
        return self._ears.end(error)

    # -- what the client says ------------------------------------------------------------------

    def _heard(self, event: dict[str, Any]) -> Sequence[Input]:
        match event["type"]:
            case "session.update":
                self._update(check_kind(event.get("session")))
                return [Reply(self._event("session.updated", session=self._session()))]
            case "conversation.item.create":
                return self._create(event)
            case "conversation.item.retrieve":
                _, item = self._items.named(event.get("item_id"))
                return [Reply(self._event("conversation.item.retrieved", item=item))]
            case "conversation.item.delete":
                name = self._items.remove(event.get("item_id"))
                deleted = self._event("conversation.item.deleted", item_id=event["item_id"])
                return [Ask(RemoveItem(name)), Reply(deleted)]
            case "conversation.item.truncate":
                return self._truncate(event)
            case "response.create":
                return [Ask(self._asked(event))]
            case "response.cancel":
                return self._cancel()
            case str(kind) if kind.startswith("input_audio_buffer."):
                return self._ears.heard(event)
            case "output_audio_buffer.clear":
                raise not_imitated("output_audio_buffer.clear, which is for WebRTC")
            case other:
                raise InvalidMessage(
                    f"event type {shown(other)}",
                    "session.update, or an event that begins with input_audio_buffer.,"
                    " conversation.item. or response.",
                    "see the API's reference",
                )

    def _update(self, session: dict[str, Any]) -> None:
        answers = merged(self._answers, session)
        audio_input = merged_input(self._ears.audio_input, session)
        if self._is_strict:
            check_imitated_talk(session)
        if self._turns and answers["output"]["voice"] != self._answers["output"]["voice"]:
            raise InvalidParameter(
                "another voice after the first turn", "one voice", "open another session"
            )
        self._ears.choose(audio_input)
        self._answers = answers

    def _create(self, event: dict[str, Any]) -> Sequence[Input]:
        item_id, said, item = read_item(event.get("item"))
        item_id = item_id or f"item_{uuid.uuid4().hex}"
        if item_id in self._items:
            raise InvalidParameter(
                f"item {shown(item_id)} again", "a name that is new", "leave item.id out"
            )
        after_id, after = event.get("previous_item_id"), None
        previous = self._ears.last_item
        if after_id is not None:
            after, found = self._items.named(after_id)
            previous = found["id"]
        item |= {"id": item_id}
        self._items.add(item, item_id)
        if previous == self._ears.last_item:
            self._ears.last_item = item_id
        place = {"item": item, "previous_item_id": previous}
        kinds = ("conversation.item.added", "conversation.item.done")
        told = [Reply(self._event(kind, **place)) for kind in kinds]
        return [Ask(AddItem(item_id, said, after)), *told]

    def _truncate(self, event: dict[str, Any]) -> Sequence[Input]:
        name, item = self._items.named(event.get("item_id"))
        end_ms, index = event.get("audio_end_ms"), event.get("content_index")
        if item.get("role") != "assistant":
            raise InvalidParameter(
                f"item {shown(item['id'])}", "an answer that was spoken", "truncate answers alone"
            )
        if not isinstance(end_ms, int) or end_ms < 0 or index != 0:
            raise InvalidParameter(
                f"audio_end_ms {shown(end_ms)}, content_index {shown(index)}",
                "milliseconds from 0 on, and content_index 0",
                "send how much of the item was played",
            )
        told = {"item_id": item["id"], "content_index": index, "audio_end_ms": end_ms}
        truncated = self._event("conversation.item.truncated", **told)
        return [Ask(CutItem(name, end_ms / 1_000)), Reply(truncated)]

    def _asked(self, event: dict[str, Any]) -> AskReply:
        if self._response is not None:
            raise already_answering()
        response = event.get("response") or {}
        if not isinstance(response, dict):
            raise InvalidParameter("response that is no object", "an object", "leave it out")
        check_in_conversation(response)
        answers = merged(self._answers, response)
        given = answers["instructions"] if "instructions" in response else None
        return AskReply(reply_options(answers), given)

    def _cancel(self) -> Sequence[Input]:
        if self._response is None:
            raise NoResponse(
                "response.cancel without a response", "one that is active", "send it earlier"
            )
        return [Ask(CancelReply())]

    # -- what the server says ------------------------------------------------------------------

    def _responding(self, begun: ReplyBegun) -> Response:
        spoken = "audio" if begun.options.is_spoken else "text"
        output = self._answers["output"]
        about = {
            "output_modalities": [spoken],
            "max_output_tokens": begun.options.most_tokens or "inf",
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
        }
        rate = sample_bytes(self._answers)
        return Response(begun, self._event, self._ears.last_item, rate, about)

    def _session(self) -> dict[str, Any]:
        answers = {name: value for name, value in self._answers.items() if name != "output"}
        return {
            "type": "realtime",
            "id": self._id,
            "object": "realtime.session",
            "expires_at": self._expires_at,
            "model": self._model,
            **answers,
            "audio": {"input": self._ears.audio_input, "output": self._answers["output"]},
            "include": None,
        }

    def _event(self, kind: str, **fields: Any) -> str:
        return self._ears.event(kind, **fields)
