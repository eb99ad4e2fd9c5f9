"""One live stream on any wire in any dialect.

Three tasks a stream: one reads the client, one writes to it, and the pipeline between them hears
from the engine. Whichever ends first decides how the stream ends; the others are then released.
What is the same for all wires is here, once: order, silence, draining, clients that do not read.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import (
    INTERNAL_FAILURE,
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    SlowConsumer,
    StreamIdle,
)
from lab_kit.core.events import Event, Final, StreamEnded
from lab_kit.core.replies import TalkRequest
from lab_kit.gateway.door.compute import AHEAD_S
from lab_kit.gateway.door.place import Place
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.observe.work import Ended, Outcome, Reached
from lab_kit.protocol.live import Ask, Audio, Change, Control, Dialect, Ending, Input, Reply
from lab_kit.stream.pipeline import StreamPipeline

GONE = 1006
"""How a stream is counted whose client vanished: WebSocket's number for it, on every wire."""
FREE_MESSAGES = 2_000
MESSAGES_PER_S = 200
"""Of sound, or of time in which none was there to be read: chunks of 5 ms, where the shortest Opus
packets in use have 10 or 20. The time that the server takes for them allows for no more."""
COUNTED_EVERY_S = 15.0
"""Sound of which nothing was told: it is counted as used nevertheless."""
_OUR_FAULT = 500
"""From this HTTP status on, an error is the server's."""
_BLAMED_ON_A_MESSAGE = (InvalidAudioFormat, InvalidMessage, InvalidParameter, PayloadTooLarge)


class ClientGone(Exception):
    """The client vanished; there is nobody to tell."""


class ServerWire(Protocol):
    """The server's end of one connection; it moves messages and knows no provider."""

    async def open(self) -> None:
        """Accept the connection."""
        ...

    async def receive(self) -> Any:
        """The next message.

        Raises:
            ClientGone: none will come.
        """
        ...

    async def send(self, message: Any) -> None:
        """Hand a message over; waits while the client does not take what was sent before.

        Raises:
            ClientGone: nobody will take it.
        """
        ...

    async def close(self, ending: Ending) -> None:
        """End the connection."""
        ...


class Answering(Protocol):
    """Whoever answers on a stream what is heard on it."""

    async def begin(self) -> None:
        """Get ready, before the client is greeted.

        Raises:
            LabError: it cannot.
        """
        ...

    def gate(self, sound: FloatArray) -> FloatArray:
        """What is heard of (samples,) float32 at 16 kHz that came now."""
        ...

    def hear(self, event: Event) -> None:
        """Something was heard, and the client was told."""
        ...

    def asked(self, request: TalkRequest) -> None:
        """The client wants something of it."""
        ...

    async def run(self, send: Callable[[Any], Awaitable[None]]) -> None:
        """Send what is answered; never ends by itself."""
        ...


class LiveStream:
    """One open stream, on one version from its first word to its last.

    Args:
        idle_s: silence on the wire after which it ends; None for the server's own limit.
        longest_s: audio that it may hold, where that is less than the server's limit.
        answering: who answers; None where nobody does.
    """

    def __init__(
        self,
        streams: StreamServices,
        place: Place,
        wire: ServerWire,
        dialect: Dialect,
        idle_s: float | None = None,
        longest_s: float | None = None,
        answering: Answering | None = None,
    ) -> None:
        self._streams = streams
        self._answering = answering
        self._idle_s = streams.limits.idle_s if idle_s is None else idle_s
        self._longest_s = longest_s
        self._place = place
        self._wire = wire
        self._dialect = dialect
        self._begun = asyncio.Event()
        self._is_drained = False
        self._messages = self._awaited_ns = self._tokens = 0
        self._counted_s = 0.0
        # runs out when the client is silent for too long, or at once when the stream has to end
        self._patience: asyncio.Timeout | None = None
        self._pipeline: StreamPipeline | None = None
        self._reason: LabError | None = None
        self._leaving: LabError | None = None
        self._loop = asyncio.get_running_loop()
        place.take(self)

    @property
    def last_audio_ns(self) -> int:
        """When sound last came; the opening, if none has."""
        opened_ns = self._place.opened_ns
        return opened_ns if self._pipeline is None else self._pipeline.last_audio_ns

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest final that it owes was decided; None if it owes none."""
        return None if self._pipeline is None else self._pipeline.owed_since_ns

    @property
    def audio_s(self) -> float:
        """Sound that came so far."""
        return 0.0 if self._pipeline is None else self._pipeline.audio_s

    @property
    def is_ahead(self) -> bool:
        """Whether its sound comes faster than anybody speaks."""
        return self._pipeline is not None and self._pipeline.is_ahead

    def begin(self) -> StreamPipeline:
        """The pipeline, with the options that are chosen by now; later calls give the same one.

        Raises:
            InvalidParameter, UnsupportedSampleRate: the options cannot be met.
        """
        if self._pipeline is None:
            options = self._dialect.options
            gate = None if self._answering is None else self._answering.gate
            self._pipeline = self._streams.pipeline(self._place, options, self._longest_s, gate)
            self._begun.set()
        return self._pipeline

    def close_early(self, reason: LabError) -> None:
        """Finish: send the finals that are owed, tell the client why, then close."""
        self._reason = reason
        self._is_drained = True
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(0.0)

    def leave(self, reason: LabError, patience_s: float) -> None:
        """Finish as `close_early`, but between two utterances, if that comes soon.

        Args:
            patience_s: finish in the midst of one after so long.
        """
        self._leaving = reason
        if self._pipeline is None or self._pipeline.is_between:
            self.close_early(reason)
        else:
            self._loop.call_later(patience_s, self._leave_now)

    def _leave_now(self) -> None:
        if self._leaving is not None and not self._is_drained:
            self.close_early(self._leaving)

    async def run(self) -> None:
        """Serve the stream until it ends, however it ends."""
        work, listeners = self._place.work, self._streams.listeners
        listeners.opened(work)
        code: int | str = GONE
        outcome = Outcome.LEFT
        try:
            await self._wire.open()
            why = await self._serve()
            code, outcome = await self._close(why), _outcome(why)
        except (ClientGone, OSError):
            code = GONE
        finally:
            owed = 0 if self._pipeline is None else self._pipeline.owed_finals
            ended = Ended(code, self._reached(), outcome, owed)
            if self._pipeline is not None:
                self._pipeline.abandon()
            self._place.settle()
            listeners.ended(work, ended)

    async def _serve(self) -> LabError | None:
        """Why the stream ends; None if the client said so."""
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        tasks = {reader, writer}
        if self._answering is not None:
            tasks.add(asyncio.create_task(self._answering.run(self._send)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks - {reader}:
                if task.done():  # only a failure ends it before the reader
                    task.result()
            why = reader.result()
            await writer
        except LabError as error:
            return error
        except (ClientGone, OSError):
            raise
        except Exception as error:  # a defect of ours; the client is told as of any other error
            self._streams.failures.tell("a live stream", error)
            return LabError(INTERNAL_FAILURE, "an answer", "connect again, or report it")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return why

    async def _read(self) -> LabError | None:
        """Take what the client sends until it closes the stream or the server drains."""
        if self._answering is not None:
            await self._answering.begin()
        await self._take([Reply(message) for message in self._dialect.greet()])
        # asked every time: a client that sends without a pause would never be found waiting
        while not self._is_drained:
            since_ns = time.perf_counter_ns()
            try:
                async with fair_timeout(self._idle_s) as self._patience:
                    message = await self._wire.receive()
            except TimeoutError:
                break
            finally:
                self._patience = None
            self._awaited_ns += time.perf_counter_ns() - since_ns
            try:
                self._count_message()
                closing = await self._take(self._dialect.parse(message))
            except _BLAMED_ON_A_MESSAGE as error:
                # what was said before the bad chunk is still owed
                await self.begin().finish()
                return error
            if closing:
                await self.begin().finish()
                return None
            await asyncio.sleep(0)  # others' turn, for the next message may be here already
        return await self._end_early()

    def _count_message(self) -> None:
        """However small they are, each takes its time on the loop that serves everybody.

        Raises:
            PayloadTooLarge: there are far more than sound or time would explain.
        """
        self._messages += 1
        audio_s = 0.0 if self._pipeline is None else self._pipeline.audio_s
        if self._messages > FREE_MESSAGES + MESSAGES_PER_S * max(self._awaited_ns / 1e9, audio_s):
            raise PayloadTooLarge(
                f"{self._messages:,} messages with {audio_s:.1f} s of sound",
                f"at most {MESSAGES_PER_S} for each second of sound",
                "send chunks of 20 ms or longer",
            )

    async def _end_early(self) -> LabError:
        """The client is silent or the server stops: deliver what is owed, then say which."""
        await self.begin().finish()
        if self._reason is not None:
            return self._reason
        idle_s = self._idle_s
        return StreamIdle(
            f"no audio and no KeepAlive for {idle_s:.0f} s",
            f"one of them at least every {idle_s:.0f} s",
            "send KeepAlive while there is no audio",
        )

    async def _take(self, inputs: Sequence[Input]) -> bool:
        """Act on one message; True once the client has said that it is done."""
        for number, one in enumerate(inputs):
            if number:
                await asyncio.sleep(0)  # others' turn, for one message may hold many packets
            match one:
                case Audio():
                    await self.begin().feed(one.data)
                    self._check_reserved()
                    if self.audio_s - self._counted_s >= COUNTED_EVERY_S:
                        self._telling(self.audio_s)
                case Reply():
                    if one.told_s:
                        self._telling(one.told_s)
                    await self._send(one.message)
                case Change():
                    self.begin().change(one.options)
                case Ask() if self._answering is not None:
                    self._answering.asked(one.request)
                case Control.FINALIZE:
                    await self.begin().finalize()
                case Control.CLOSE:
                    return True
        return False

    async def _write(self) -> None:
        """Send events until the pipeline has ended."""
        await self._begun.wait()
        pipeline = self.begin()
        while (event := await pipeline.outbox.take()) is not None:
            match event:
                case Final():
                    self._tokens += event.tokens
                    self._telling(event.end_s)
                case StreamEnded():
                    self._telling(event.audio_s)
            for message in self._dialect.render(event, time.perf_counter_ns()):
                await self._send(message)
            self._streams.sent(event, pipeline, self._place)
            if isinstance(event, Final) and pipeline.is_between:
                self._leave_now()
            if self._answering is not None:
                self._answering.hear(event)

    def _check_reserved(self) -> None:
        """Who sends faster than speech needs more than is reserved before that is renewed."""
        if self._place.unsettled_s >= AHEAD_S / 2:
            try:
                self._place.renew_compute()
            except (QuotaExceeded, PayloadTooLarge) as spent:
                self.close_early(spent)

    def _telling(self, told_s: float) -> None:
        """Before the client is told of its sound until then: have it counted."""
        self._counted_s = max(self._counted_s, told_s)
        self._streams.listeners.telling(self._place.work, self._reached())

    def _reached(self) -> Reached:
        """How far the stream has got."""
        if (pipeline := self._pipeline) is None:  # it ended before its first sound
            return Reached()
        options = pipeline.options
        interims = ("interim_results",) if options.interim_results else ()
        return Reached(
            self._counted_s,
            pipeline.audio_s,
            pipeline.processed_s,
            tokens=self._tokens,
            compute_ns=self._place.spent_ns,
            channels=options.channels,
            features=(*options.postprocess, *interims),
        )

    async def _send(self, message: Any) -> None:
        unsent_s = self._streams.limits.unsent_s
        try:
            # not wait_for: until Python 3.12 it can swallow a cancellation
            async with fair_timeout(unsent_s):
                await self._wire.send(message)
        except TimeoutError as error:
            raise SlowConsumer(
                f"the client took no result for {unsent_s:.0f} s",
                "a client that reads while it sends",
                "read results as they come",
            ) from error

    async def _close(self, why: LabError | None) -> int | str:
        """Say last words and close, but do not wait for ever for a client that does not read."""
        unsent_s = self._streams.limits.unsent_s
        last_words, ending = self._dialect.end(why)
        async with fair_timeout(unsent_s):
            for message in () if isinstance(why, SlowConsumer) else last_words:
                await self._wire.send(message)
            await self._wire.close(ending)
        return ending.code


def _outcome(why: LabError | None) -> Outcome:
    if why is None:
        return Outcome.SERVED
    return Outcome.FAILED if why.http_status >= _OUR_FAULT else Outcome.LEFT
