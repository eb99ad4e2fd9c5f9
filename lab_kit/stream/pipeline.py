"""One live stream from bytes to events, its stages in order.

    receive  -> the caller hands over bytes
    decode   -> IncomingAudio: encoding, channels, rate
    segment  -> StreamSession: voice activity, endpointing, what to decode
    infer    -> Engine, on its own threads
    send     -> Outbox, which the caller empties

Runs on the event loop; only inference happens elsewhere. Whatever ends the stream, everything it
held in the engine is given back.
"""

import asyncio
import logging
import time
from dataclasses import replace

from lab_kit.audio.incoming import IncomingAudio
from lab_kit.audio.vad import SpeechScorer
from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis, Ticket
from lab_kit.errors import LabError, SystemOverloaded
from lab_kit.events import StreamEnded, StreamOptions
from lab_kit.stream.actions import Action, Ask, Drop, Emit, Renew
from lab_kit.stream.outbox import Outbox
from lab_kit.stream.session import StreamSession

_log = logging.getLogger(__name__)

MAX_OWED_FINALS = 8
"""Audio sent faster than it is recognized waits in the socket once this many segments wait."""
SLICE_SAMPLES = 8_192
"""Half a second is judged at a time, so that one large message does not hold up others."""


class StreamPipeline:
    """One stream's stages and what is between them.

    Args:
        longest_s: audio the stream may hold in all.

    Raises:
        InvalidParameter, UnsupportedSampleRate: the options cannot be met.
    """

    def __init__(
        self, engine: Engine, scorer: SpeechScorer, options: StreamOptions, longest_s: float
    ) -> None:
        self._engine = engine
        self._options = options
        self._incoming = IncomingAudio(
            options.encoding, options.sample_rate_hz, options.channels, longest_s
        )
        self._session = StreamSession(options, scorer)
        self._tickets: dict[int, Ticket] = {}
        self._loop = asyncio.get_running_loop()
        self._answered = asyncio.Event()
        self._failure: Exception | None = None
        self.outbox = Outbox()

    @property
    def audio_s(self) -> float:
        """Audio received so far."""
        return self._incoming.audio_s

    async def feed(self, data: bytes) -> None:
        """Take a chunk; waits while the engine is too far behind.

        Raises:
            InvalidAudioFormat, PayloadTooLarge: the chunk is refused whole.
            SystemOverloaded: the engine refused a final.
            SlowConsumer: results were not read.
        """
        received_ns = time.perf_counter_ns()
        audio = self._incoming.push(data)
        for start in range(0, len(audio), SLICE_SAMPLES):
            self._carry_out(
                self._session.push(
                    audio[start : start + SLICE_SAMPLES], received_ns, time.perf_counter_ns()
                )
            )
            await asyncio.sleep(0)
        while self._session.owed_finals > MAX_OWED_FINALS:
            await self._next_answer()
        self._raise_failure()

    def finalize(self) -> None:
        """Turn what was heard so far into a final; the stream goes on."""
        now_ns = time.perf_counter_ns()
        self._carry_out(self._session.finalize(now_ns, now_ns))

    async def finish(self) -> None:
        """No more audio: wait for every final, then end the stream's events."""
        now_ns = time.perf_counter_ns()
        rest = self._incoming.flush()
        self._carry_out(self._session.push(rest, now_ns, now_ns))
        self._carry_out(self._session.flush(now_ns, now_ns))
        while self._session.owed_finals:
            await self._next_answer()
        self._raise_failure()
        ended = StreamEnded(self._incoming.audio_s, self._incoming.sha256, self._options.channels)
        self.outbox.put(ended)
        self.outbox.close()

    def abandon(self) -> None:
        """The client is gone: give back what the engine holds for this stream."""
        self._carry_out(self._session.abandon())
        for ticket in self._tickets.values():
            self._engine.cancel(ticket)
        self._tickets.clear()
        self.outbox.close()

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Emit):
                self.outbox.put(action.event)
            elif isinstance(action, Ask):
                self._ask(action)
            elif isinstance(action, Renew):
                self._renew(action)
            else:
                self._drop(action)

    def _ask(self, ask: Ask) -> None:
        try:
            ticket = self._engine.submit(self._ours(ask.request))
        except SystemOverloaded as error:
            if not self._session.refused(ask.number):
                self._failure = error
            return
        self._tickets[ask.number] = ticket
        ticket.future.add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._answer, ask.number)
        )

    def _renew(self, renew: Renew) -> None:
        ticket = self._tickets.get(renew.asked.number)
        if ticket is not None and self._engine.refresh(ticket, self._ours(renew.request)):
            self._session.renewed(renew.asked)

    def _ours(self, request: DecodeRequest) -> DecodeRequest:
        """The request with our name and class on it, so that streams can take turns."""
        return replace(request, stream=id(self), priority_class=self._options.priority_class)

    def _drop(self, drop: Drop) -> None:
        ticket = self._tickets.pop(drop.number, None)
        if ticket is not None:
            self._engine.cancel(ticket)

    def _answer(self, number: int) -> None:
        ticket = self._tickets.pop(number, None)
        if ticket is None or ticket.future.cancelled():
            return
        try:
            hypothesis: Hypothesis = ticket.future.result()
            self._carry_out(self._session.answer(number, hypothesis))
        except LabError as error:  # the outbox's, or one the engine names; feed or finish raises it
            self._failure = error
        except Exception as error:  # whatever the runtime raised
            self._failure = LabError(
                f"a decode failed ({error})", "an answer from the engine", "see the server's log"
            )
            self._failure.__cause__ = error
            _log.error("a decode failed", exc_info=error)
        self._answered.set()

    async def _next_answer(self) -> None:
        self._raise_failure()
        self._answered.clear()
        await self._answered.wait()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
