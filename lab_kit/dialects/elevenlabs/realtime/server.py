"""The server's side of a stream: chunks and commits to sound, events to transcripts.

What was committed never changes. What has not been is told whole each time, and may change.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from lab_kit.core.errors import GoingAway, InvalidMessage, LabError
from lab_kit.core.events import Event, Final, Interim, StreamEnded, StreamOptions, TimedWord
from lab_kit.core.shown import shown
from lab_kit.dialects.elevenlabs.errors import close_frame
from lab_kit.dialects.elevenlabs.realtime.errors import (
    CommitThrottled,
    QueueOverflow,
    error_message,
)
from lab_kit.dialects.elevenlabs.realtime.options import RealtimeOptions
from lab_kit.dialects.elevenlabs.words import LANGUAGE, word_objects
from lab_kit.protocol.imitated import not_imitated
from lab_kit.protocol.live import Audio, Control, Ending, Input, Reply
from lab_kit.protocol.plain_json import read_object

CHUNK = "input_audio_chunk"
LEAST_COMMIT_S = 0.3
MOST_UNCOMMITTED_S = 600.0
"""It is told in one message with all its words, and those of ten minutes take some 5 ms of the
server's loop."""


class RealtimeStream:
    """One stream's state.

    Args:
        session_id: its name.
        is_strict: what is not imitated is refused.
    """

    def __init__(self, asked: RealtimeOptions, session_id: str, is_strict: bool) -> None:
        self._asked = asked
        self._session_id = session_id
        self._is_strict = is_strict
        self._heard_s = self._committed_s = 0.0
        self._texts: list[str] = []
        self._words: list[TimedWord] = []

    @property
    def options(self) -> StreamOptions:
        """What the address chose."""
        return self._asked.stream

    def greet(self) -> Sequence[str]:
        """The stream is there."""
        asked = self._asked
        config = {
            "sample_rate": asked.rate_hz,
            "audio_format": asked.audio_format,
            "language_code": LANGUAGE,
            "model_id": asked.model_id,
            "vad_commit_strategy": asked.silence_s is not None,
            "vad_silence_threshold_secs": asked.silence_s,
            "include_timestamps": asked.has_times,
        }
        return [_message("session_started", session_id=self._session_id, config=config)]

    def parse(self, message: bytes | str) -> Sequence[Input]:
        """Sound, and whether it is to be committed; most errors are told and end nothing."""
        try:
            return self._heard(_parsed(message))
        except LabError as error:
            return [Reply(json.dumps(error_message(error)))]

    def render(self, event: Event, sent_ns: int) -> Sequence[str]:
        """The messages that tell an event."""
        match event:
            case Interim():
                return [_message("partial_transcript", text=self._with(event.text))]
            case Final():
                return self._final(event)
            case StreamEnded() if self._texts:
                return self._commit()
            case _:
                return []

    def end(self, error: LabError | None) -> tuple[Sequence[str], Ending]:
        """An error is told before the connection closes."""
        if error is None:
            return [], Ending(1000, "")
        told = error_message(error)
        close = close_frame(error, told["message_type"])
        return [] if isinstance(error, GoingAway) else [json.dumps(told)], Ending(
            close.code, close.reason
        )

    # -- what the client says ------------------------------------------------------------------

    def _heard(self, chunk: dict[str, Any]) -> Sequence[Input]:
        rate_hz = chunk.get("sample_rate")
        if rate_hz not in (None, self._asked.rate_hz):
            raise InvalidMessage(
                f"a chunk with sample_rate {shown(rate_hz)}",
                f"{self._asked.rate_hz}, as {self._asked.audio_format} says",
                "open another stream for another rate",
            )
        if self._is_strict and chunk.get("previous_text"):
            raise not_imitated("previous_text")
        audio = _sound(chunk.get("audio_base_64"))
        heard_s = self._heard_s + len(audio) / self._asked.bytes_per_s
        if self._asked.silence_s is None and heard_s - self._committed_s > MOST_UNCOMMITTED_S:
            raise QueueOverflow(
                f"{heard_s - self._committed_s:,.0f} s of sound without a commit",
                f"at most {MOST_UNCOMMITTED_S:,.0f} s",
                "commit, then send this chunk again; or let commit_strategy=vad commit",
            )
        self._heard_s = heard_s
        said: list[Input] = [Audio(audio)] if audio else []
        if chunk.get("commit") is not True:
            return said or [Control.KEEP_ALIVE]
        try:
            self._check_commit()
        except CommitThrottled as error:
            return [*said, Reply(json.dumps(error_message(error)))]
        self._committed_s = heard_s
        return [*said, Control.FINALIZE]

    def _check_commit(self) -> None:
        held_s = round(self._heard_s - self._committed_s, 6)
        if held_s < LEAST_COMMIT_S:
            raise CommitThrottled(
                f"a commit of {held_s:.2f} s of sound",
                f"at least {LEAST_COMMIT_S} s behind the last one",
                "send more, then commit",
            )

    # -- what the server says ------------------------------------------------------------------

    def _final(self, event: Final) -> Sequence[str]:
        if event.text:
            self._texts.append(event.text)
        self._words += event.words
        if event.endpoint:
            self._committed_s = max(self._committed_s, event.end_s)
        if event.requested or (event.endpoint and self._texts):
            return self._commit()
        return [_message("partial_transcript", text=self._with(""))]

    def _commit(self) -> list[str]:
        text, words = self._with(""), self._words
        self._texts, self._words = [], []
        told = [_message("committed_transcript", text=text)]
        if self._asked.has_times:
            told.append(
                _message(
                    "committed_transcript_with_timestamps",
                    text=text,
                    language_code=LANGUAGE,
                    words=list(word_objects(words)),
                )
            )
        return told

    def _with(self, text: str) -> str:
        """What was said since the last commit, and ``text`` behind it."""
        return " ".join([*self._texts, text] if text else self._texts)


def _message(kind: str, **fields: Any) -> str:
    return json.dumps({"message_type": kind, **fields})


def _parsed(message: bytes | str) -> dict[str, Any]:
    told = read_object(message)
    if told is None or told.get("message_type") != CHUNK:
        raise InvalidMessage(
            f"message {message[:80]!r}",
            f'JSON text such as {{"message_type": "{CHUNK}", "audio_base_64": ...}}',
            "send such messages",
        )
    return told


def _sound(encoded: Any) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidMessage(
            f"audio_base_64 that is no base64 ({error})"[:200],
            "base64 of raw samples",
            "encode the samples with standard base64, padding included",
        ) from error
