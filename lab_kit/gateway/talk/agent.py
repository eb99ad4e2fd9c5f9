"""Whoever answers on a live stream: hears its events, has answers made, says what they say.

    recognizer's events → `Turns` → answers (`Reply`) → what the client is told, in order

Runs on the event loop; models compute on workers of their own. What a caller hears is reckoned by
the clock (`Playback`), and their own sound passes a gate that knows it (`EchoGate`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import soxr

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import LabError
from lab_kit.core.events import Event, Final, Interim, SpeechStarted
from lab_kit.core.replies import (
    AddItem,
    AlreadyAnswering,
    AskReply,
    CancelReply,
    CutItem,
    Outcome,
    RemoveItem,
    ReplyCalled,
    ReplyEnded,
    ReplyEvent,
    ReplyRefused,
    Role,
    Said,
    TalkRequest,
    TalkSettings,
    call_name,
    reply_name,
)
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis, Priority
from lab_kit.gateway.door.door import Spoken
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.talk.language import Author, Language
from lab_kit.gateway.talk.reply import Outgoing, Reply, ReplyParts, SentPiece, Turn
from lab_kit.models.synthesizer import VOICE_RATE_HZ
from lab_kit.voice.echo import EchoGate
from lab_kit.voice.heard import heard_words
from lab_kit.voice.history import History
from lab_kit.voice.playback import Playback
from lab_kit.voice.turns import Act, Drop, Interrupt, Read, Release, Think, Turns

KEPT_REPLIES = 8
"""Whose sound is kept, should a client say late how much of it was heard."""
WORDS_S = 5.0
"""For the times of an answer's words; where they do not come, they are reckoned by length."""


class TalkSession(Protocol):
    """A conversation in somebody's words."""

    @property
    def settings(self) -> TalkSettings:
        """How it is held now."""
        ...

    @property
    def turn(self) -> str | None:
        """By what name history has the turn that ended with what was told last."""
        ...

    def render_reply(self, event: ReplyEvent) -> Sequence[Any]:
        """The messages that tell of an answer."""
        ...


@dataclass(slots=True)
class TalkParts:
    """What conversations of a server are held with."""

    replies: ReplyParts
    metrics: Metrics
    language: Language


class Agent:
    """Answers on one stream.

    Args:
        engine: for the times of words in what was said.
        admit: lets another answer be made.
    """

    def __init__(
        self,
        parts: TalkParts,
        session: TalkSession,
        author: Author,
        engine: Engine,
        admit: Callable[[], Spoken],
    ) -> None:
        self._parts = parts
        self._session = session
        self._author = author
        self._engine = engine
        self._admit = admit
        self._turns = Turns()
        self._history = History()
        self._playback = Playback()
        self._gate = EchoGate(self._playback.loudest_db, self._is_playing)
        self._turn = Turn(0.0, 0, 0)
        self._replies: dict[int, Reply] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._next_read: list[Said] | None = None
        self._outgoing: deque[Outgoing] = deque()
        self._has_news = asyncio.Event()

    async def begin(self) -> None:
        """Get ready: the models are loaded, and have read what every answer follows.

        Raises:
            LabError: they cannot.
        """
        await self._author.begin(self._history.said(self._session.settings.instructions))
        await self._parts.replies.voice.load()

    # -- what is heard -------------------------------------------------------------------------

    def gate(self, sound: FloatArray) -> FloatArray:
        """What is heard of the caller's sound, (samples,) float32 at 16 kHz that came now."""
        return self._gate.push(sound, time.monotonic())

    def hear(self, event: Event) -> None:
        """Something was heard, and the client was told."""
        settings = self._session.settings
        self._turns.answers, self._turns.yields = settings.answers, settings.yields
        before = self._history.said(settings.instructions)
        acts: list[Act] = []
        match event:
            case SpeechStarted():
                acts = self._turns.spoke()
            case Interim():
                acts = self._interim(event)
            case Final():
                acts = self._final(event)
        self._act(acts, before, settings)

    def _interim(self, event: Interim) -> list[Act]:
        if event.at_pause:
            self._note(event, event.timing.received_ns)
            return self._turns.paused(event.text)
        return [*self._turns.resumed(), *self._turns.heard(event.text)]

    def _final(self, event: Final) -> list[Act]:
        is_over = event.endpoint or event.requested
        if is_over and self._session.turn is None:  # the client has thrown it away
            return self._turns.resumed()
        acts = self._turns.said(event.text, is_over=is_over)
        if any(isinstance(act, Think) for act in acts):
            self._note(event, event.timing.received_ns)
        if is_over and self._session.turn is not None:
            self._history.add(self._session.turn, Said(Role.USER, self._turns.last_turn))
        return acts

    def _note(self, event: Interim | Final, received_ns: int) -> None:
        self._turn = Turn(event.end_s, received_ns, time.perf_counter_ns())

    # -- what is asked for ---------------------------------------------------------------------

    def asked(self, request: TalkRequest) -> None:
        """The client wants something."""
        match request:
            case AddItem():
                self._history.add(request.name, request.said, request.after)
            case RemoveItem():
                self._history.remove(request.name)
            case CutItem():
                self._cut(request.name, request.until_s)
            case AskReply():
                self._answer_now(request)
            case CancelReply():
                self._act(self._turns.stopped(), [], self._session.settings, Outcome.CANCELLED)

    def _answer_now(self, request: AskReply) -> None:
        settings = self._session.settings
        instructions = request.instructions or settings.instructions
        for reply in self._replies.values():
            if reply.is_sent:
                self._turns.over(reply.number)
        try:
            acts = self._turns.asked()
        except AlreadyAnswering as refusal:
            self._tell(Outgoing(ReplyRefused(refusal)))
            return
        now_ns = time.perf_counter_ns()
        self._turn = Turn(0.0, now_ns, now_ns)
        before = self._history.said(instructions)
        self._act(acts, before, replace(settings, reply=request.options))

    # -- what is done --------------------------------------------------------------------------

    def _act(
        self,
        acts: Sequence[Act],
        before: Sequence[Said],
        settings: TalkSettings,
        outcome: Outcome = Outcome.INTERRUPTED,
    ) -> None:
        for act in acts:
            match act:
                case Read():
                    self._read([*before, Said(Role.USER, act.text)])
                case Think():
                    said = [] if act.text is None else [Said(Role.USER, act.text)]
                    self._think(act, [*before, *said], settings)
                case Release():
                    reply = self._replies[act.number]
                    self._history.add(reply_name(act.number), Said(Role.ASSISTANT, ""))
                    reply.release(act.dropped)
                case Drop():
                    self._parts.metrics.count_answer_ahead("dropped")
                    self._replies.pop(act.number).stop(Outcome.CANCELLED)
                case Interrupt():
                    self._interrupt(act.number, outcome)

    def _think(self, act: Think, said: list[Said], settings: TalkSettings) -> None:
        if act.is_ahead:
            self._parts.metrics.count_answer_ahead("begun")
        self._replies[act.number] = Reply(
            act.number,
            self._parts.replies,
            self._admit,
            self._author,
            said,
            settings,
            self._turn,
            self._playback,
            self._tell,
            self._over,
            is_ahead=act.is_ahead,
        )
        while len(self._replies) > KEPT_REPLIES:
            del self._replies[next(iter(self._replies))]

    def _interrupt(self, number: int, outcome: Outcome) -> None:
        now_s = time.monotonic()
        reply = self._replies[number]
        unsent = [one for one in self._outgoing if one.piece is not None]
        self._outgoing = deque(one for one in self._outgoing if one.piece is None)
        for one in unsent:
            if one.piece in reply.pieces:
                reply.pieces.remove(one.piece)
        heard_s = sum(
            min(max(0.0, now_s - piece.start_s), piece.duration_s) for piece in reply.pieces
        )
        self._playback.stop(now_s)
        self._gate.open()
        if not reply.is_sent:
            reply.stop(outcome)
        if reply.options.is_spoken:
            self._cut(reply_name(number), heard_s)

    def _over(self, reply: Reply) -> None:
        """An answer is sent; the turn is the caller's once it was heard."""
        left_s = self._playback.left_s(time.monotonic())
        asyncio.get_running_loop().call_later(left_s, self._turns.over, reply.number)
        if self._history.get(reply_name(reply.number)) is not None:
            # what will be read anew is read now, while nobody waits for it
            self._read([*self._history.said(self._instructions), Said(Role.USER, "")])

    @property
    def _instructions(self) -> str:
        return self._session.settings.instructions

    def _read(self, said: list[Said]) -> None:
        """Have the model read along; of several texts that wait, the newest."""
        self._next_read = said
        if self._reading is None or self._reading.done():
            self._reading = self._start(self._read_on())

    async def _read_on(self) -> None:
        while (said := self._next_read) is not None:
            self._next_read = None
            try:
                await self._author.read(said)
            except LabError:  # too much waits: an answer reads it itself
                return

    # -- what was heard of it ------------------------------------------------------------------

    def _cut(self, name: str, until_s: float) -> None:
        """History has what was heard of an answer: at once about, then by the words' times."""
        reply = next((r for r in self._replies.values() if reply_name(r.number) == name), None)
        if reply is None or self._history.get(name) is None:
            return
        whole, partly, left_s = [], None, until_s
        for piece in reply.pieces:
            if left_s >= piece.duration_s:
                whole.append(piece.text)
            elif left_s > 0:
                partly = (piece, left_s)
                break
            else:
                break
            left_s -= piece.duration_s
        reply.pieces = reply.pieces[: len(whole) + (partly is not None)]
        before = " ".join(whole)
        self._history.add(name, Said(Role.ASSISTANT, before))
        if partly is not None:
            piece, heard_s = partly
            words = piece.text.split()
            about = round(len(words) * heard_s / piece.duration_s)
            self._heard(name, before, " ".join(words[:about]))
            self._start(self._time_words(name, before, piece, heard_s))

    def _heard(self, name: str, before: str, words: str) -> None:
        text = " ".join(part for part in (before, words) if part)
        self._history.add(name, Said(Role.ASSISTANT, text))

    async def _time_words(self, name: str, before: str, piece: SentPiece, heard_s: float) -> None:
        sound = soxr.resample(piece.sound, VOICE_RATE_HZ, SAMPLE_RATE_HZ).astype("float32")
        request = DecodeRequest(sound, Priority.INTERIM, is_private=True, wants_words=True)
        try:
            ticket = self._engine.submit(request)
            async with asyncio.timeout(WORDS_S):
                hypothesis: Hypothesis = await asyncio.wrap_future(ticket.future)
        except (LabError, TimeoutError):  # the engine has no time: the reckoning stays
            return
        if self._history.get(name) is not None:
            self._heard(name, before, heard_words(piece.text, hypothesis.words, heard_s))

    # -- what the client is told ---------------------------------------------------------------

    async def run(self, send: Callable[[Any], Awaitable[None]]) -> None:
        """Tell the client what is to be told, in order; never ends by itself."""
        while True:
            while self._outgoing:
                await self._send(self._outgoing.popleft(), send)
            self._has_news.clear()
            await self._has_news.wait()

    async def _send(self, out: Outgoing, send: Callable[[Any], Awaitable[None]]) -> None:
        piece = out.piece
        if piece is not None:
            piece.start_s = self._playback.send(piece.sound, VOICE_RATE_HZ, time.monotonic())
        if isinstance(out.event, ReplyEnded):
            self._parts.metrics.count_answer(out.event.outcome)
        if isinstance(out.event, ReplyCalled):
            call = out.event.call
            self._history.add(call_name(call.id), Said(Role.ASSISTANT, "", call))
        for message in self._session.render_reply(out.event):
            await send(message)
        if piece is not None and (reply := self._replies.get(getattr(out.event, "reply", 0))):
            self._say(reply)

    def _say(self, reply: Reply) -> None:
        """History has what was sent, unless it was cut since."""
        name = reply_name(reply.number)
        if self._history.get(name) is not None and not reply.is_stopped:
            self._history.add(name, Said(Role.ASSISTANT, reply.text))

    def _tell(self, out: Outgoing) -> None:
        self._outgoing.append(out)
        self._has_news.set()

    def _is_playing(self, at_s: float) -> bool:
        return self._playback.left_s(at_s) > 0

    def _start(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """The stream has ended: make nothing any more."""
        replies = list(self._replies.values())
        for reply in replies:
            reply.stop(Outcome.CANCELLED)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            *(reply.wait() for reply in replies), *self._tasks, return_exceptions=True
        )
        self._author.close()
