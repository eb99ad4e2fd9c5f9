"""The server's side of a session: a client's events to audio, events to the server's.

Deltas can only be appended, so a delta is what two passes of the recognizer agree on; what may
still change is not told. `completed` has the last word.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

import base64
import binascii
import json
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lab_kit.core.errors import GoingAway, InvalidMessage, InvalidParameter, LabError
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
)
from lab_kit.core.shown import shown
from lab_kit.dialects.openai.errors import BufferFull, CommitEmpty, error_object
from lab_kit.dialects.openai.realtime.options import (
    LEAST_COMMIT_S,
    MOST_UNCOMMITTED_S,
    bytes_per_s,
    check_session,
    default_input,
    needs_another_session,
    stream_options,
    updated_input,
)
from lab_kit.protocol.live import Audio, Control, Ending, Input, Reply
from lab_kit.protocol.plain_json import read_object
from lab_kit.protocol.record import described

MOST_ID_CHARS = 512
"""Of an event's name, which an error tells back; the provider's own limit."""


class RealtimeSession:
    """One session's state.

    Args:
        version: the model's, for our own client.
        now_s: Unix time, for the session's expiry.
        steps: the optional steps that every result passes, by name.
        is_strict: what is not imitated is refused.

    Attributes:
        last_item: the newest item of the conversation; None if there is none.
        audio_input: what was chosen of the caller's sound.
    """

    def __init__(
        self, version: str, now_s: int, steps: tuple[str, ...] = (), is_strict: bool = False
    ) -> None:
        self._version = version
        self._is_strict = is_strict
        self._steps = steps
        self._id = f"sess_{uuid.uuid4().hex}"
        self._expires_at = now_s + 3_600
        self.audio_input = default_input()
        self._heard_s = self._committed_s = 0.0
        # of each final that was asked for and has not come: whether it is thrown away
        self._asked: deque[bool] = deque()
        self._item = _Item()
        self._numbers = 0
        self.last_item: str | None = None

    @property
    def options(self) -> StreamOptions:
        """What the session has chosen."""
        return replace(stream_options(self.audio_input), postprocess=self._steps)

    def greet(self) -> Sequence[str]:
        """The first event tells the session."""
        return [self.event("session.created", session=self._session())]

    def parse(self, message: bytes | str) -> Sequence[Input]:
        """Act on a client's event; most errors are told and leave the session open."""
        event: dict[str, Any] = {}
        try:
            event = parsed(message)
            return self.heard(event)
        except LabError as error:
            return [Reply(self.refused(error, event))]

    def render(self, event: Event, sent_ns: int) -> Sequence[str]:
        """The events that tell one of ours."""
        match event:
            case SpeechStarted():
                return self._speech_started(event)
            case Interim():
                return self._interim(event, sent_ns)
            case Final():
                return self._final(event, sent_ns)
            case StreamEnded() if self._item.last is not None:
                return self._complete(self._item.last, sent_ns)
            case _:
                return []

    def end(self, error: LabError | None) -> tuple[Sequence[str], Ending]:
        """An error is told before the connection closes."""
        if error is None:
            return [], Ending(1000, "")
        if isinstance(error, GoingAway):
            return [], Ending(1001, "server stops")
        code = 1011 if error.http_status >= 500 else 1008
        reason = f"{error.reason}: {error.received}".encode()[:123].decode(errors="ignore")
        return [self.refused(error, {})], Ending(code, reason)

    # -- what the client says ------------------------------------------------------------------

    def heard(self, event: dict[str, Any]) -> Sequence[Input]:
        """Act on a client's event.

        Raises:
            LabError: it cannot be; the session stays as it was.
        """
        match event["type"]:
            case "input_audio_buffer.append":
                return [Audio(self._appended(event))]
            case "input_audio_buffer.commit":
                return self._commit()
            case "input_audio_buffer.clear":
                return self._clear()
            case "session.update":
                self._update(event.get("session"))
                return [Reply(self.event("session.updated", session=self._session()))]
            case other:
                raise InvalidMessage(
                    f"event type {shown(other)}",
                    "session.update, or input_audio_buffer.append, .commit or .clear",
                    "this server only transcribes",
                )

    def _appended(self, event: dict[str, Any]) -> bytes:
        try:
            audio = base64.b64decode(event.get("audio", ""), validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise InvalidMessage(
                f"audio that is no base64 ({error})",
                "base64 of raw samples",
                "encode the samples with standard base64, padding included",
            ) from error
        heard_s = self._heard_s + len(audio) / bytes_per_s(self.audio_input)
        is_one_item = self.audio_input["turn_detection"] is None
        if is_one_item and heard_s - self._committed_s > MOST_UNCOMMITTED_S:
            raise BufferFull(
                f"{heard_s - self._committed_s:,.0f} s of audio without a commit",
                f"at most {MOST_UNCOMMITTED_S:,.0f} s",
                "commit or clear, then append this audio again; or let turn_detection end turns",
            )
        self._heard_s = heard_s
        return audio

    def _commit(self) -> Sequence[Input]:
        held_s = round(self._heard_s - self._committed_s, 6)
        if held_s < LEAST_COMMIT_S:
            raise CommitEmpty(
                f"a commit of {held_s * 1000:.0f} ms of audio",
                f"at least {LEAST_COMMIT_S * 1000:.0f} ms",
                f"append at least {LEAST_COMMIT_S * 1000:.0f} ms of audio, then commit",
            )
        self._committed_s = self._heard_s
        self._asked.append(False)
        return [Control.FINALIZE]

    def _clear(self) -> Sequence[Input]:
        """The engine's answer to what was heard since the last commit is thrown away."""
        cleared = Reply(self.event("input_audio_buffer.cleared"))
        if not self._heard_s:
            return [cleared]
        self._committed_s = self._heard_s
        self._asked.append(True)
        return [cleared, Control.FINALIZE]

    @property
    def _is_clearing(self) -> bool:
        """Whether what comes is to be thrown away; what was committed before it comes first."""
        return bool(self._asked) and self._asked[0]

    def _update(self, session: Any) -> None:
        wanted = updated_input(self.audio_input, session)
        if self._is_strict:
            check_session(session)
        self.choose(wanted)

    def choose(self, wanted: dict[str, Any]) -> None:
        """Take another choice of the caller's sound.

        Raises:
            InvalidParameter: it comes too late.
        """
        if self._heard_s and needs_another_session(self.audio_input, wanted):
            raise InvalidParameter(
                "another format or turn_detection after the first audio",
                "a choice before it",
                "open another session",
            )
        self.audio_input = wanted

    # -- what the server says ------------------------------------------------------------------

    def _speech_started(self, event: SpeechStarted) -> Sequence[str]:
        if self._is_clearing or self.audio_input["turn_detection"] is None:
            return []
        return [
            self.event(
                "input_audio_buffer.speech_started",
                audio_start_ms=round(event.at_s * 1000),
                item_id=self._item.id,
            )
        ]

    def _interim(self, event: Interim, sent_ns: int) -> Sequence[str]:
        if self._is_clearing:
            return []
        known = self._item.with_text(event.text[: event.stable_chars])
        return self._delta(known, event, sent_ns)

    def _final(self, event: Final, sent_ns: int) -> Sequence[str]:
        is_cleared = self._is_clearing and not event.endpoint
        if event.requested and self._asked:
            self._asked.popleft()
        if is_cleared:
            if event.requested:
                self._item = _Item()
            return []
        if event.endpoint:
            self._committed_s = max(self._committed_s, event.end_s)
        self._item.add(event)
        if event.endpoint or event.requested:
            return self._complete(event, sent_ns)
        return self._delta(self._item.text, event, sent_ns)

    def _delta(self, known: str, event: Interim | Final, sent_ns: int) -> list[str]:
        """What is new, if what was told still holds; else `completed` will correct it."""
        item = self._item
        if self.audio_input["transcription"] is None or not known.startswith(item.told):
            return []
        news = known[len(item.told) :]
        item.told = known
        if not news:
            return []
        return [
            self.event(
                "conversation.item.input_audio_transcription.delta",
                item_id=item.id,
                content_index=0,
                delta=news,
                lab=described(event, sent_ns, self._version),
            )
        ]

    def _complete(self, event: Final, sent_ns: int) -> Sequence[str]:
        item, self._item = self._item, _Item()
        previous, self.last_item = self.last_item, item.id
        whole = replace(event, start_s=item.start_s, words=tuple(item.words))
        content = {"type": "input_audio", "transcript": None}
        message = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [content],
        }
        place = {"item": message, "previous_item_id": previous}
        events = [
            self.event("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous),
            self.event("conversation.item.added", **place),
            self.event("conversation.item.done", **place),
        ]
        if event.endpoint:
            ended_ms = round(event.end_s * 1000)
            stopped = "input_audio_buffer.speech_stopped"
            events.insert(0, self.event(stopped, audio_end_ms=ended_ms, item_id=item.id))
        if self.audio_input["transcription"] is None:
            return events
        self._item, latest = item, self._item
        events += self._delta(item.text, event, sent_ns)
        self._item = latest
        completed = self.event(
            "conversation.item.input_audio_transcription.completed",
            item_id=item.id,
            content_index=0,
            transcript=item.text,
            usage={"type": "duration", "seconds": whole.end_s - whole.start_s},
            lab=described(whole, sent_ns, self._version),
        )
        return [*events, completed]

    def _session(self) -> dict[str, Any]:
        return {
            "type": "transcription",
            "id": self._id,
            "object": "realtime.transcription_session",
            "expires_at": self._expires_at,
            "audio": {"input": self.audio_input},
            "include": None,
        }

    def refused(self, error: LabError, event: dict[str, Any]) -> str:
        """The event that tells a client what was wrong with theirs."""
        named = event.get("event_id")
        known = named if isinstance(named, str) and len(named) <= MOST_ID_CHARS else None
        body = error_object(error) | {"event_id": known}
        return self.event("error", error=body)

    def event(self, kind: str, **fields: Any) -> str:
        """An event of the server, numbered."""
        self._numbers += 1
        return json.dumps({"type": kind, "event_id": f"event_{self._numbers}", **fields})


class _Item:
    """One turn on its way.

    Attributes:
        told: what the deltas have said so far.
        last: the newest of its finals.
        words: those of all its finals.
    """

    def __init__(self) -> None:
        self.id = f"item_{uuid.uuid4().hex}"
        self.told = ""
        self.start_s = 0.0
        self.last: Final | None = None
        self.words: list[TimedWord] = []
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """What its finals say: more than one where it was cut for its length."""
        return " ".join(self._pieces)

    def with_text(self, piece: str) -> str:
        """Its text if ``piece`` were said next."""
        return " ".join([*self._pieces, piece]) if piece else self.told

    def add(self, final: Final) -> None:
        """Take another final."""
        if self.last is None:
            self.start_s = final.start_s
        self.last = final
        self.words += final.words
        if final.text:
            self._pieces.append(final.text)


def parsed(message: bytes | str) -> dict[str, Any]:
    """A client's event.

    Raises:
        InvalidMessage: it is none.
    """
    event = read_object(message)
    if event is None or not isinstance(event.get("type"), str):
        raise InvalidMessage(
            f"message {message[:80]!r}",
            'JSON text such as {"type": ...}',
            "send events as text messages, the audio as base64 in input_audio_buffer.append",
        )
    return event
