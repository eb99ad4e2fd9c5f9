"""One live stream from bytes to events, its stages in order, all on this page.

    receive      the wire hands over bytes               feed
    decode       encoding, channels, rate                IncomingAudio
    segment      voice activity, endpointing, chunking   StreamSession
    turn         whether a pause ends what is said       PipelineServices.completeness
    batch        a place beside other streams            Engine: weighted, finals first
    infer        encoder and decoder, on other threads   Engine
    postprocess  optional steps, each failing alone      Leaving, Postprocess
    send         what waits for the client to read       Outbox

`stages.RULES` says what each waits in, what it may take and what happens when it cannot, and why
the first is not timed. Within a stream everything keeps its order: segments close in order, and a
final leaves only after those before it. Across streams nothing is ordered but by the engine's
scheduler.

Runs on the event loop; only inference happens elsewhere. Whatever ends the stream, everything it
held in the engine is given back.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from opentelemetry.trace import INVALID_SPAN, Span

from lab_kit.audio.detect.vad import SpeechScorer
from lab_kit.audio.pcm import FloatArray
from lab_kit.audio.sources.incoming import IncomingAudio
from lab_kit.core.errors import LabError, SystemOverloaded
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    PriorityClass,
    StreamEnded,
    StreamOptions,
)
from lab_kit.core.ids import StreamIdentity
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis, Ticket
from lab_kit.stream.actions import Action, Cancel, Emit, Judge, Refresh, Submit
from lab_kit.stream.failed_decode import FailedDecode
from lab_kit.stream.pace import Pace
from lab_kit.stream.session import StreamSession
from lab_kit.stream.sink.leaving import Leaving
from lab_kit.stream.sink.named import NamedPersons
from lab_kit.stream.sink.outbox import Outbox
from lab_kit.stream.sink.steps import STEPS, Postprocess, Skipped, Step
from lab_kit.stream.stages import Stage
from lab_kit.stream.tracing import StreamTrace, Tracing

_log = logging.getLogger(__name__)

MAX_OWED_FINALS = 8
"""Audio sent faster than it is recognized waits, in its message and in the socket, once more
finals than this wait; so does what asks for another. It also bounds what is still to be decoded
when a stream is closed."""
SLICE_SAMPLES = 8_192
"""Half a second is judged at a time, so that one large message does not hold up others."""
OWED_S = 8.0
"""A stream that waits for finals, at its end or because too many are owed, and gets no answer for
so long, is believed to get none: a caller would have hung up, and is better told."""
TRIES = 2
"""A final that fails is tried again once; what fails twice will fail again."""


def _full_quality() -> float:
    return 1.0


def _ignore(_: object) -> None:
    """Nobody wants to know."""


def _as_it_came(audio: FloatArray) -> FloatArray:
    return audio


def _no_time(_: FloatArray) -> None:
    """There is nobody to ask."""


@dataclass(frozen=True, slots=True)
class PipelineServices:
    """What a server gives each of its streams; by default nothing.

    Attributes:
        tracing: where spans and durations go.
        interim_stretch: by how much the interval between interims is stretched now.
        steps: what postprocessing there is.
        persons: what tells them by a model, for redaction.
        on_skipped: told of a step that was left out of a result.
        on_failed_decode: told of a decode that failed for good.
        completeness: the probability that sound, (samples,) at 16 kHz, ends where a speaker has
            finished; None where there is no time for it.
    """

    tracing: Tracing = field(default_factory=Tracing)
    interim_stretch: Callable[[], float] = _full_quality
    steps: dict[str, Step] = field(default_factory=lambda: dict(STEPS))
    persons: NamedPersons | None = None
    on_skipped: Callable[[Skipped], None] = _ignore
    on_failed_decode: Callable[[FailedDecode], None] = _ignore
    completeness: "Callable[[FloatArray], Future[float] | None]" = _no_time


@dataclass(slots=True)
class SubmittedDecode:
    """A decode in the engine, the chunk that caused it, and how often it was tried."""

    request: DecodeRequest
    chunk: Span
    ticket: Ticket
    tries: int = 1


class StreamPipeline:
    """One stream's stages and what is between them.

    Args:
        longest_s: audio the stream may hold in all.
        identity: its names; without them it is given new ones.
        gate: what is heard of (samples,) float32 at 16 kHz that came; it may keep sound back. None
            hears all of it.

    Attributes:
        last_audio_ns: when the stream last got sound; at first, when it was opened.

    Raises:
        InvalidParameter, UnsupportedSampleRate: the options cannot be met.
    """

    def __init__(
        self,
        engine: Engine,
        scorer: SpeechScorer,
        options: StreamOptions,
        longest_s: float,
        services: PipelineServices | None = None,
        identity: StreamIdentity | None = None,
        gate: Callable[[FloatArray], FloatArray] | None = None,
    ) -> None:
        self.options = options
        self._gate = gate or _as_it_came
        self._identity = identity or StreamIdentity.new()
        self._services = services or PipelineServices()
        self._engine = engine
        self._incoming = IncomingAudio(
            options.encoding, options.sample_rate_hz, options.channels, longest_s
        )
        self._session = StreamSession(options, scorer)
        self._postprocess = Postprocess(
            options.postprocess, self._services.steps, self._services.persons
        )
        self._leaving = Leaving(self._postprocess, self._leave, self._fail)
        self._submitted: dict[int, SubmittedDecode] = {}
        self._unsent: dict[int, tuple[Span, int]] = {}
        self._loop = asyncio.get_running_loop()
        self._is_judging = False
        self._answered = asyncio.Event()
        self._failure: Exception | None = None
        self.outbox = Outbox()
        self.last_audio_ns = time.perf_counter_ns()
        self._pace = Pace(self.last_audio_ns)
        self._ahead_until_s = 0.0
        self._trace = StreamTrace(
            self._services.tracing,
            {**self._identity.as_attributes(), "priority_class": options.priority_class.value},
        )

    @property
    def audio_s(self) -> float:
        """Audio received so far."""
        return self._incoming.audio_s

    @property
    def processed_s(self) -> float:
        """Audio gone through for speech so far."""
        return self._session.processed_s

    @property
    def is_between(self) -> bool:
        """Whether nobody speaks, and nothing that was said is owed."""
        return self._session.is_between and not self._leaving.count

    @property
    def is_ahead(self) -> bool:
        """Whether its sound comes faster than anybody speaks; what is computed for it is batch work
        then, and gives way to who does speak."""
        return self._pace.is_ahead(time.perf_counter_ns())

    def came_ahead(self, event: Event) -> bool:
        """Whether it was caused before the last sound that came faster than anybody speaks.

        Such finals wait for each other, and say nothing of how long those of live callers wait.
        """
        return isinstance(event, Final) and event.timing.trigger_audio_s <= self._ahead_until_s

    @property
    def trace_id(self) -> str:
        """The stream's trace; empty where it is not sampled."""
        return self._trace.trace_id

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest final that is owed was decided; None if none is."""
        return self._session.owed_since_ns

    @property
    def owed_finals(self) -> int:
        """Finals that are owed."""
        return self._session.owed_finals

    # -- receive, decode, segment --------------------------------------------------------------

    async def feed(self, data: bytes) -> None:
        """Take a chunk; waits while the engine is too far behind.

        Raises:
            InvalidAudioFormat, PayloadTooLarge: the chunk is refused whole.
            SystemOverloaded: the engine refused a final, or answers nothing for `OWED_S`.
            SlowConsumer: results were not read.
        """
        received_ns = time.perf_counter_ns()
        self.last_audio_ns = received_ns
        chunk = self._trace.chunk(received_ns, len(data))
        try:
            self._session.interim_stretch = self._services.interim_stretch()
            for number, piece in enumerate(self._incoming.pieces(data)):
                if number:
                    await asyncio.sleep(0)
                    await self._catch_up()
                decoding_ns = time.perf_counter_ns() if number else received_ns
                before_s = self.audio_s
                audio = self._gate(self._incoming.push(piece))
                self._keep_pace(self.audio_s - before_s)
                self._trace.stage(chunk, Stage.DECODE, decoding_ns, time.perf_counter_ns())
                await self._segment(audio, received_ns, chunk)
        finally:
            chunk.end()
        await self._catch_up()
        self._raise_failure()

    def _keep_pace(self, audio_s: float) -> None:
        now_ns = time.perf_counter_ns()
        self._pace.add(audio_s, now_ns)
        if self._pace.is_ahead(now_ns):
            self._ahead_until_s = self.audio_s

    async def _segment(self, audio: FloatArray, received_ns: int, chunk: Span) -> None:
        for start in range(0, len(audio), SLICE_SAMPLES):
            if start:
                await asyncio.sleep(0)
                await self._catch_up()
            began_ns = time.perf_counter_ns()
            piece = audio[start : start + SLICE_SAMPLES]
            actions = self._session.push(piece, received_ns, began_ns)
            self._trace.stage(chunk, Stage.SEGMENT, began_ns, time.perf_counter_ns())
            self._carry_out(actions, chunk)

    def change(self, options: StreamOptions) -> None:
        """Have utterances end otherwise from here on; see `StreamSession.change`."""
        self._session.change(options)

    async def finalize(self) -> None:
        """Turn what was heard so far into a final; the stream goes on.

        Raises:
            SystemOverloaded, SlowConsumer: as `feed`.
        """
        now_ns = time.perf_counter_ns()
        self._carry_out(self._session.finalize(now_ns, now_ns))
        await self._catch_up()

    async def finish(self) -> None:
        """No more audio: wait for every final, then end the stream's events.

        Raises:
            SystemOverloaded: as `feed`.
        """
        now_ns = time.perf_counter_ns()
        rest = self._incoming.flush()
        self._carry_out(self._session.push(rest, now_ns, now_ns))
        self._carry_out(self._session.flush(now_ns, now_ns))
        while self._session.owed_finals or self._leaving.count:
            await self._next_answer()
        self._raise_failure()
        ended = StreamEnded(self._incoming.audio_s, self._incoming.sha256, self.options.channels)
        self.outbox.put(ended)
        self.outbox.close()

    def abandon(self) -> None:
        """The client is gone: give back what the engine holds for this stream."""
        self._carry_out(self._session.abandon())
        for decode in self._submitted.values():
            self._engine.cancel(decode.ticket)
        self._submitted.clear()
        self._leaving.stop()
        self.outbox.close()
        self._trace.end()

    def _carry_out(self, actions: list[Action], chunk: Span = INVALID_SPAN) -> None:
        for action in actions:
            if isinstance(action, Emit):
                self._emit(action.event, chunk)
            elif isinstance(action, Submit):
                self._submit(action, chunk)
            elif isinstance(action, Refresh):
                self._refresh(action, chunk)
            elif isinstance(action, Judge):
                self._judge(action, chunk)
            else:
                self._cancel(action)

    # -- turn ----------------------------------------------------------------------------------

    def _judge(self, judge: Judge, chunk: Span) -> None:
        asked_ns = time.perf_counter_ns()
        # one at a time: who sends faster than speech would take all places
        answer = None if self._is_judging else self._services.completeness(judge.audio)
        if answer is None:
            self._session.unjudged(judge.number)
            return
        self._is_judging = True
        answer.add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(
                self._judged, judge.number, done, asked_ns, chunk
            )
        )

    def _judged(self, number: int, done: "Future[float]", asked_ns: int, chunk: Span) -> None:
        self._is_judging = False
        if done.cancelled():
            self._session.unjudged(number)
            return
        try:
            probability = done.result()
        except Exception as error:  # whatever the runtime raised; silence decides without it
            _log.error("a turn could not be judged: %s: %s", type(error).__name__, error)
            self._session.unjudged(number)
            return
        now_ns = time.perf_counter_ns()
        self._trace.stage(chunk, Stage.TURN, asked_ns, now_ns)
        try:
            self._carry_out(self._session.judged(number, probability, now_ns), chunk)
        except LabError as error:  # the outbox's; feed or finish raises it
            self._failure = error

    # -- batch, infer --------------------------------------------------------------------------

    def _submit(self, submit: Submit, chunk: Span) -> None:
        request = self._ours(submit.request)
        try:
            ticket = self._engine.submit(request)
        except SystemOverloaded as error:
            if not self._session.refused(submit.number):
                self._failure = error
            return
        self._await(submit.number, SubmittedDecode(request, chunk, ticket))

    def _await(self, number: int, decode: SubmittedDecode) -> None:
        self._submitted[number] = decode
        decode.ticket.future.add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._answer, number)
        )

    def _refresh(self, refresh: Refresh, chunk: Span) -> None:
        decode, request = self._submitted.get(refresh.pending.number), self._ours(refresh.request)
        if decode is not None and self._engine.refresh(decode.ticket, request):
            decode.request, decode.chunk = request, chunk
            self._session.refreshed(refresh.pending)

    def _ours(self, request: DecodeRequest) -> DecodeRequest:
        """The request with our name and class on it, so that streams can take turns."""
        return replace(
            request,
            stream=self._identity.stream,
            priority_class=PriorityClass.BATCH if self.is_ahead else self.options.priority_class,
            is_private=self._postprocess.keeps_in,
        )

    def _cancel(self, cancel: Cancel) -> None:
        decode = self._submitted.pop(cancel.number, None)
        if decode is not None:
            self._engine.cancel(decode.ticket)

    def _answer(self, number: int) -> None:
        decode = self._submitted.pop(number, None)
        if decode is None or decode.ticket.future.cancelled():
            return
        try:
            hypothesis = decode.ticket.future.result()
            self._trace_decode(decode, hypothesis)
            self._carry_out(self._session.answer(number, hypothesis), decode.chunk)
        except LabError as error:  # the outbox's, or one the engine names; feed or finish raises it
            self._failure = error
        except Exception as error:  # whatever the runtime raised
            self._decode_failed(number, decode, error)
        finally:
            self._answered.set()

    def _trace_decode(self, decode: SubmittedDecode, hypothesis: Hypothesis) -> None:
        kind = decode.request.priority.name.lower()
        submitted_ns, started_ns = hypothesis.submitted_ns, hypothesis.started_ns
        self._trace.stage(decode.chunk, Stage.BATCH, submitted_ns, started_ns, kind=kind)
        self._trace.stage(
            decode.chunk,
            Stage.INFER,
            started_ns,
            hypothesis.finished_ns,
            kind=kind,
            steps=hypothesis.steps,
        )

    def _decode_failed(self, number: int, decode: SubmittedDecode, error: Exception) -> None:
        """What is not owed is left out; a final is tried again, and kept if that fails too."""
        _log.error("a decode failed: %s: %s", type(error).__name__, error)
        self._trace.note("decode failed", error=str(error), tries=decode.tries)
        if self._session.refused(number):
            return
        if decode.tries < TRIES:
            try:
                ticket = self._engine.submit(decode.request)
            except LabError as refusal:  # it is full, or broken
                self._failure = refusal
                return
            self._await(
                number, SubmittedDecode(decode.request, decode.chunk, ticket, decode.tries + 1)
            )
            return
        self._failure = LabError(
            f"a decode failed ({error})", "an answer from the engine", "see the server's log"
        )
        self._failure.__cause__ = error
        self._services.on_failed_decode(
            FailedDecode(
                identity=self._identity,
                trace_id=self.trace_id,
                audio_s=len(decode.request.audio) / SAMPLE_RATE_HZ,
                tries=decode.tries,
                error=f"{type(error).__name__}: {error}",
            )
        )

    async def _catch_up(self) -> None:
        while self._session.owed_finals + self._leaving.count > MAX_OWED_FINALS:
            await self._next_answer()

    async def _next_answer(self) -> None:
        self._raise_failure()
        self._answered.clear()
        try:
            async with asyncio.timeout(OWED_S):
                await self._answered.wait()
        except TimeoutError as error:
            raise SystemOverloaded(
                f"a final is owed, and no answer came for {OWED_S:.0f} s",
                "an engine that keeps up",
                "send what has no final yet again, after the stated delay",
            ) from error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # -- postprocess, send ---------------------------------------------------------------------

    def _emit(self, event: Event, chunk: Span) -> None:
        self._leaving.put(event, (chunk, time.perf_counter_ns()))

    def _leave(self, event: Event, cause: tuple[Span, int], skipped: list[Skipped]) -> None:
        if isinstance(event, Interim | Final):
            chunk, began_ns = cause
            ended_ns = time.perf_counter_ns()
            self._trace.stage(chunk, Stage.POSTPROCESS, began_ns, ended_ns)
            for one in skipped:
                self._services.on_skipped(one)
                self._trace.note("step skipped", step=one.step, reason=one.reason)
            self._unsent[event.sequence] = chunk, ended_ns
        self.outbox.put(event)
        self._answered.set()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._answered.set()

    def sent(self, event: Event, sent_ns: int) -> None:
        """An event taken from the outbox was handed to the socket."""
        if not isinstance(event, Interim | Final):
            return
        chunk, since_ns = self._unsent[event.sequence]
        self._trace.stage(chunk, Stage.SEND, since_ns, sent_ns, sequence=event.sequence)
        # interims that a newer one replaced were never sent
        self._unsent = {n: kept for n, kept in self._unsent.items() if n > event.sequence}
