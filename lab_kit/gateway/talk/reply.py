"""One answer on its way: written clause by clause, spoken, held until the turn is over, told.

The next clause is made while the one before it is played, and no more than `AHEAD_S` before it is
needed: who breaks in has wasted little.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from lab_kit.audio.containers import FORMS, FileWriter
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import INTERNAL_FAILURE, LabError
from lab_kit.core.replies import (
    FunctionCall,
    Outcome,
    ReplyBegun,
    ReplyCalled,
    ReplyEnded,
    ReplyEvent,
    ReplyOptions,
    ReplyPiece,
    ReplyTiming,
    Said,
    TalkSettings,
)
from lab_kit.gateway.door.door import Spoken
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.work import CANCELLED, OK, Ended, Reached
from lab_kit.gateway.speech.voice import BREATH_S, Voice
from lab_kit.gateway.talk.language import Author, Stopped, Written
from lab_kit.models.synthesizer import VOICE_RATE_HZ
from lab_kit.voice.playback import Playback

AHEAD_S = 1.5
"""Of sound that was sent and not played: more than making the next clause takes on busy cores."""
LEAD_S = 0.015
"""Of quiet before the first sound."""
_LOOK_S = 0.05
_NO_SOUND = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Turn:
    """When the turn that is answered was heard; see `ReplyTiming`."""

    speech_end_s: float
    paused_ns: int
    heard_ns: int


@dataclass(slots=True)
class SentPiece:
    """A clause that was sent.

    Attributes:
        sound: (samples,) float32 at 24 kHz.
        start_s: on the monotonic clock, when it begins to be heard.
    """

    text: str
    sound: FloatArray
    start_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """How long it sounds."""
        return len(self.sound) / VOICE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way to the client, with its sound as it is played."""

    event: ReplyEvent
    piece: SentPiece | None = None


@dataclass(slots=True)
class _Made:
    """A clause that is ready."""

    written: Written
    piece: SentPiece
    spoken_ns: int


@dataclass(slots=True)
class ReplyParts:
    """What answers of a server are made with."""

    voice: Voice
    listeners: Listeners
    failures: Failures


class Reply:
    """One answer.

    Args:
        call: it is made at whose expense.
        tell: takes what the client is told.
        over: told when nothing more will be sent.

    Attributes:
        number: which it is, from 1.
        pieces: what was sent.
        is_sent: nothing more will be.
    """

    def __init__(
        self,
        number: int,
        parts: ReplyParts,
        admit: Callable[[], Spoken],
        author: Author,
        said: Sequence[Said],
        settings: TalkSettings,
        turn: Turn,
        playback: Playback,
        tell: Callable[[Outgoing], None],
        over: Callable[["Reply"], None],
        *,
        is_ahead: bool,
    ) -> None:
        self.number = number
        self.pieces: list[SentPiece] = []
        self.is_sent = False
        self._parts = parts
        self._admit = admit
        self._author = author
        self._said = said
        self._settings = settings
        self._turn = turn
        self._playback = playback
        self._tell = tell
        self._over = over
        self._is_ahead = is_ahead
        self._ended_ns = self._dropped = 0
        self._released = asyncio.Event()
        self._call: Spoken | None = None
        self._writer: FileWriter | None = None
        self._stopped: Outcome | None = None
        self._prompt_tokens = self._tokens = self._characters = 0
        self._spoken_s = 0.0
        self._is_counted = False
        self._task = asyncio.create_task(self._run())

    @property
    def options(self) -> ReplyOptions:
        """How it is made."""
        return self._settings.reply

    @property
    def text(self) -> str:
        """What was sent of it."""
        return " ".join(piece.text for piece in self.pieces)

    @property
    def is_stopped(self) -> bool:
        """Whether somebody wanted no more of it."""
        return self._stopped is not None

    def release(self, dropped: int) -> None:
        """The turn is over: let it be heard."""
        self._ended_ns, self._dropped = time.perf_counter_ns(), dropped
        self._tell(Outgoing(ReplyBegun(self.number, self.options)))
        self._released.set()

    def stop(self, outcome: Outcome) -> None:
        """Make no more of it, and tell the client, if it has heard of it."""
        self._stopped = outcome
        self._task.cancel()

    async def wait(self) -> None:
        """Until it is over."""
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        outcome, error = Outcome.FAILED, None
        try:
            outcome = await self._make()
        except asyncio.CancelledError:
            outcome = self._stopped or Outcome.CANCELLED
        except LabError as refused:
            error = refused
        except Exception as failure:  # a defect of ours; the client is told as of any other error
            self._parts.failures.tell("a spoken answer", failure)
            error = LabError(INTERNAL_FAILURE, "an answer", "ask again, or report it")
        if error is not None and self._stopped is None:
            await self._hold()
        self._end(outcome, error)

    async def _hold(self) -> None:
        """Until the turn is over, or this answer is thrown away."""
        try:
            await self._released.wait()
        except asyncio.CancelledError:
            self._stopped = self._stopped or Outcome.CANCELLED

    async def _make(self) -> Outcome:
        call = self._call = self._admit()
        parts = self._author.answer(call, self._said, self.options)
        outcome = Outcome.COMPLETED
        async with aclosing(parts):
            async for part in parts:
                match part:
                    case Written():
                        made = await self._spoken(call, part)
                        await self._released.wait()
                        self._send(made)
                        await self._keep_pace()
                    case FunctionCall():
                        await self._released.wait()
                        self._tell(Outgoing(ReplyCalled(self.number, part)))
                    case Stopped():
                        self._prompt_tokens = part.prompt_tokens
                        outcome = Outcome.CUT if part.is_cut else Outcome.COMPLETED
        await self._released.wait()
        return outcome

    async def _spoken(self, call: Spoken, written: Written) -> _Made:
        self._tokens += written.tokens
        sound = _NO_SOUND
        if self.options.is_spoken:
            lead_s = BREATH_S if self.pieces else LEAD_S
            speed = self.options.speed
            sound = await self._parts.voice.sound(call, written.text, speed, lead_s)
        return _Made(written, SentPiece(written.text, sound), time.perf_counter_ns())

    def _send(self, made: _Made) -> None:
        """Tell of a clause; before, have it counted."""
        piece = made.piece
        timing = None if self.pieces else self._timing(made)
        self.pieces.append(piece)
        self._characters += len(piece.text)
        self._spoken_s += piece.duration_s
        self._count()
        event = ReplyPiece(self.number, piece.text, self._encoded(piece.sound), timing)
        self._tell(Outgoing(event, piece))

    def _timing(self, made: _Made) -> ReplyTiming:
        return ReplyTiming(
            speech_end_s=self._turn.speech_end_s,
            paused_ns=self._turn.paused_ns,
            heard_ns=self._turn.heard_ns,
            token_ns=made.written.token_ns,
            written_ns=made.written.written_ns,
            spoken_ns=made.spoken_ns,
            ended_ns=self._ended_ns,
            sent_ns=time.perf_counter_ns(),
            is_ahead=self._is_ahead,
            dropped=self._dropped,
        )

    def _encoded(self, sound: FloatArray) -> bytes:
        if not len(sound):
            return b""
        if self._writer is None:
            form = FORMS[self._settings.encoding]
            self._writer = FileWriter(form, self._settings.rate_hz, VOICE_RATE_HZ)
        return self._writer.push(sound)

    async def _keep_pace(self) -> None:
        while self.options.is_spoken and self._left_s() > AHEAD_S:
            await asyncio.sleep(max(_LOOK_S, self._left_s() - AHEAD_S))

    def _left_s(self) -> float:
        return self._playback.left_s(time.monotonic())

    def _reached(self) -> Reached:
        spent_ns = 0 if self._call is None else self._call.spending.spent_ns
        return Reached(
            processed_s=self._spoken_s,
            characters=self._characters,
            tokens=self._tokens,
            compute_ns=spent_ns,
        )

    def _count(self) -> None:
        call, listeners = self._call, self._parts.listeners
        assert call is not None
        if not self._is_counted:
            self._is_counted = True
            listeners.opened(call.work)
        listeners.telling(call.work, self._reached())

    def _end(self, outcome: Outcome, error: LabError | None) -> None:
        self.is_sent = True
        if self._call is not None:
            self._call.spending.settle(0.0)
            if self._is_counted:
                code = OK if outcome in (Outcome.COMPLETED, Outcome.CUT) else CANCELLED
                code = error.reason if error is not None else code
                self._parts.listeners.ended(self._call.work, Ended(code, self._reached()))
        if self._released.is_set():
            ended = ReplyEnded(self.number, outcome, error, self._prompt_tokens, self._tokens)
            self._tell(Outgoing(ended))
        self._over(self)
