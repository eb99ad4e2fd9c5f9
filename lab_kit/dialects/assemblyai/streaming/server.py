"""The server's side of a session: a client's messages to inputs, events to the server's messages.

Times are whole milliseconds and durations whole seconds: one that is not ends the SDK's reading
without a word. Fields named ``lab`` are ours, for our own client.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lab_kit.core.errors import InvalidMessage, LabError
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
from lab_kit.dialects.assemblyai.streaming.errors import WrongDuration, closing
from lab_kit.dialects.assemblyai.streaming.options import (
    Session,
    Turns,
    check_available,
    check_settings,
    parse_command,
    stream_options,
)
from lab_kit.dialects.assemblyai.streaming.turn import Turn, bare
from lab_kit.protocol.live import Audio, Change, Control, Ending, Input
from lab_kit.protocol.record import described

API_VERSION = "2025-05-12"
"""As the SDK names it."""
MOST_TURN_WORDS = 500
"""A turn that has so many ends with its segment: each message about it holds all of its words."""
SHORTEST_CHUNK_MS, LONGEST_CHUNK_MS = 50, 1_000


class StreamingSession:
    """One session's state.

    Args:
        session_id: what it is called.
        version: the model's, for our own client.
        opened_ns: when it was opened, on the clock of the moments that messages are sent at.
        expires_at_s: Unix time.
        steps: the optional steps that every result passes, by name.
        is_strict: what is not imitated is refused, and chunks that the provider would not take.
    """

    def __init__(
        self,
        session: Session,
        turns: Turns,
        session_id: str,
        version: str,
        opened_ns: int,
        expires_at_s: int,
        steps: tuple[str, ...] = (),
        is_strict: bool = False,
    ) -> None:
        self._session, self._turns, self._steps = session, turns, steps
        self._session_id, self._version = session_id, version
        self._opened_ns, self._expires_at_s = opened_ns, expires_at_s
        self._is_strict = is_strict
        self._is_terminated = False
        self._turn = Turn(0)

    @property
    def options(self) -> StreamOptions:
        """What the session has chosen."""
        return stream_options(self._session, self._turns, self._steps)

    def greet(self) -> Sequence[str]:
        """The first message tells the session."""
        told = {"model": self._session.speech_model, "api_version": API_VERSION}
        begin = {"id": self._session_id, "expires_at": self._expires_at_s, "configuration": told}
        return [_message("Begin", begin)]

    def parse(self, message: bytes | str) -> Sequence[Input]:
        """Bytes are sound, text is a command.

        Raises:
            InvalidMessage, InvalidParameter: it ends the session, as at the provider.
        """
        if isinstance(message, bytes):
            if self._is_strict:
                self._check_duration(message)
            return [Audio(message)] if message else []
        command = parse_command(message)
        match command["type"]:
            case "Terminate":
                self._is_terminated = True
                return [Control.CLOSE]
            case "ForceEndpoint":
                return [Control.FINALIZE]
            case "KeepAlive":
                return [Control.KEEP_ALIVE]
            case "UpdateConfiguration":
                return [self._change(command)]
            case other:
                raise InvalidMessage(
                    f"Invalid Message Type: {shown(other)}",
                    "UpdateConfiguration, ForceEndpoint, KeepAlive or Terminate",
                    "send one of these, and sound as binary messages",
                )

    def render(self, event: Event, sent_ns: int) -> Sequence[str]:
        """The messages that tell one of ours."""
        match event:
            case SpeechStarted() if self._turn.told is None:
                started = {"timestamp": _ms(event.at_s), "lab": self._lab(event, sent_ns)}
                return [_message("SpeechStarted", started)]
            case Interim():
                return self._partial(self._turn.begun_by(event), sent_ns)
            case Final():
                return self._final(event, sent_ns)
            case StreamEnded():
                return [*self._end_turn(sent_ns), *self._terminate(event, sent_ns)]
            case _:
                return []

    def end(self, error: LabError | None) -> tuple[Sequence[str], Ending]:
        """Why the session ends, unless the client asked for it."""
        return closing(error)

    # -- what the client says ------------------------------------------------------------------

    def _check_duration(self, data: bytes) -> None:
        audio_ms = self._session.audio_ms(data)
        if audio_ms is not None and not SHORTEST_CHUNK_MS <= audio_ms <= LONGEST_CHUNK_MS:
            limits = f"between {SHORTEST_CHUNK_MS} and {LONGEST_CHUNK_MS} ms"
            raise WrongDuration(
                f"Input duration violation: {audio_ms:.0f} ms. Expected {limits}",
                "as much in each message, since this server was started with --strict",
                "cut the sound so, or start the server without --strict",
            )

    def _change(self, command: dict[str, Any]) -> Change:
        check_available(command)
        if self._is_strict:
            check_settings(command)
        self._turns = self._turns.changed(command)
        return Change(self.options)

    # -- what the server says ------------------------------------------------------------------

    def _final(self, event: Final, sent_ns: int) -> Sequence[str]:
        self._turn.add(event)
        if event.endpoint or event.requested or len(self._turn.words) >= MOST_TURN_WORDS:
            return self._end_turn(sent_ns)
        place = (event.sequence, event.start_s, event.end_s)
        until_now = Interim(*place, "", 0, event.confidence, event.timing)
        return self._partial(self._turn.begun_by(until_now), sent_ns)

    def _partial(self, heard: Interim, sent_ns: int) -> Sequence[str]:
        """What was heard of the turn, if that is news."""
        turn, words = self._turn, heard.words
        if self._session.tells_whole_turns:
            told = {"transcript": heard.text, "words": [_word(one, False) for one in words]}
        else:
            turn.settle(heard)
            known = turn.settled
            told = {
                "transcript": " ".join(bare(one.text) for one in known),
                "words": [
                    *(_word(one, True, bare(one.text)) for one in known),
                    *(_word(one, False, bare(one.text)) for one in words[len(known) :]),
                ],
            }
        if told == turn.told or not told["words"]:
            return []
        turn.told = told
        return [self._told(told, False, False, 0.0, self._lab(heard, sent_ns))]

    def _end_turn(self, sent_ns: int) -> Sequence[str]:
        """The turn is over; nothing is said of one in which nothing was."""
        turn, whole = self._turn, self._turn.whole()
        if whole is None:
            return []
        if turn.is_empty:
            self._turn = Turn(turn.order)
            return []
        confidence = _end_of_turn_confidence(whole)
        lab = self._lab(whole, sent_ns)
        formatted = {
            "transcript": whole.text,
            "words": [_word(one, True) for one in whole.words],
        }
        if self._session.tells_whole_turns:
            told = [self._told(formatted, True, True, confidence, lab, whole.text)]
        else:
            plain = " ".join(map(bare, whole.text.split()))
            unformatted = {
                "transcript": plain,
                "words": [_word(one, True, bare(one.text)) for one in whole.words],
            }
            has_two = self._turns.format_turns
            told = [
                self._told(unformatted, True, False, confidence, None if has_two else lab, plain)
            ]
            if has_two:
                told.append(self._told(formatted, True, True, confidence, lab))
        self._turn = Turn(turn.order + 1)
        return told

    def _told(
        self,
        told: dict[str, Any],
        is_over: bool,
        is_formatted: bool,
        confidence: float,
        lab: dict[str, Any] | None,
        utterance: str = "",
    ) -> str:
        fields = {
            "turn_order": self._turn.order,
            "turn_is_formatted": is_formatted,
            "end_of_turn": is_over,
            "end_of_turn_confidence": confidence,
            "utterance": utterance,
            **told,
        }
        return _message("Turn", fields if lab is None else {**fields, "lab": lab})

    def _terminate(self, event: StreamEnded, sent_ns: int) -> Sequence[str]:
        if not self._is_terminated:
            return []
        ended = {
            "audio_duration_seconds": round(event.audio_s),
            "session_duration_seconds": round((sent_ns - self._opened_ns) / 1e9),
            "lab": self._lab(event, sent_ns),
        }
        return [_message("Termination", ended)]

    def _lab(self, event: Event, sent_ns: int) -> dict[str, Any]:
        """An event for our own client, without the words that the message has already."""
        bare_event = replace(event, words=()) if isinstance(event, Interim | Final) else event
        return described(bare_event, sent_ns, self._version)


def _end_of_turn_confidence(whole: Final) -> float:
    """How sure the judge of turns was. Where nobody was asked, silence alone ended the turn, and
    that is sure; where the client ended it, nobody knows."""
    if whole.finished_probability is not None:
        return whole.finished_probability
    return 1.0 if whole.endpoint else 0.0


def _word(word: TimedWord, is_final: bool, text: str | None = None) -> dict[str, Any]:
    return {
        "text": word.text if text is None else text,
        "start": _ms(word.start_s),
        "end": _ms(word.end_s),
        "confidence": word.confidence,
        "word_is_final": is_final,
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def _message(kind: str, fields: dict[str, Any]) -> str:
    return json.dumps({"type": kind, **fields})
