"""Does operations, while nobody waits for them: few at a time, callers in turn, as batch work.

What is done is kept segment by segment, so that a server that ends in the middle, however it ends,
goes on behind the last one when it is back. While live streams need everything there is, operations
stand still.
"""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterator,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from io import BufferedReader
from typing import TypeVar
from uuid import UUID

from lab_kit.audio.files import RawPcm, open_recording
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import (
    INTERNAL_FAILURE,
    ConnectionFailed,
    InterruptedTooOften,
    InvalidAudioFormat,
    InvalidParameter,
    LabError,
    ModelNotLoaded,
    OperationCancelled,
    QuotaExceeded,
    SystemOverloaded,
)
from lab_kit.core.events import Final
from lab_kit.core.ids import StreamId, TenantId
from lab_kit.core.personal_data import REDACT
from lab_kit.core.units import samples
from lab_kit.database.rows import Rows
from lab_kit.database.sealing import SealedFile
from lab_kit.gateway.door.door import Door, Leased
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.door.recognition import Recognition
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.observe.usage.usage import Usage
from lab_kit.gateway.observe.work import Reached
from lab_kit.gateway.outbound.guarded import Outbound
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.state.subjects import SUBJECT
from lab_kit.gateway.transcriptions.kept_uploads import KeptUploads, not_found
from lab_kit.gateway.transcriptions.operation import Foreign, Operation, Order
from lab_kit.gateway.transcriptions.operations import Operations
from lab_kit.gateway.transcriptions.redacted_audio import RedactedAudio
from lab_kit.gateway.transcriptions.spool import Spool
from lab_kit.protocol.error_body import ErrorBody, ErrorEnvelope
from lab_kit.protocol.recordings import Segment
from lab_kit.stream.recording import PAUSE_S
from lab_kit.stream.sink.redaction import BEFORE_CHARS

AT_ONCE = 2
"""One for a caller with hours of sound, one for everybody else."""
LOOK_S = 1.0
"""How often it looks for what there is to do, where nobody tells it."""
ROOM_S = 0.5
"""How often it looks whether live streams leave room again."""
EXPIRY_S = 5.0
FETCH_S = 900.0
"""For a recording at an address: four hours of FLAC at 5 Mbit/s."""
PINNED_S = 60.0
"""For a version that an operation names and that is not ready: a server that was just started loads
what has a label within it. What nobody loads must not keep one of the two places for ever."""
MOST_REMEMBERED = 1_000
"""Callers of whom it is known when they were served last."""
MOST_REHEARD_S = 120.0
"""What redaction remembers is some 20 s of speech, and pauses."""
MOST_ATTEMPTS = 5
"""Times that a server may end at the same place of a recording, before the recording is blamed."""
_T = TypeVar("_T")


class Transcriber:
    """The operations at work.

    Args:
        longest_s: of a recording.
        usage: what a bill is made of; None where none is.
    """

    def __init__(
        self,
        state: StateFolder,
        operations: Operations,
        uploads: KeptUploads,
        spool: Spool,
        redacted: RedactedAudio,
        door: Door,
        recognition: Recognition,
        preparation: Preparation,
        failures: Failures,
        outbound: Outbound,
        longest_s: float,
        usage: Usage | None = None,
    ) -> None:
        self.operations = operations
        self._uploads = uploads
        self.spool = spool
        self.redacted = redacted
        self._state = state
        self._door = door
        self._recognition = recognition
        self._preparation = preparation
        self._failures = failures
        self._outbound = outbound
        self._longest_s = longest_s
        self._usage = usage
        self._working: dict[UUID, tuple[str, asyncio.Task[None]]] = {}
        self._served: dict[str, float] = {}
        self._recovering, self._has_recovered = asyncio.Lock(), False
        self._expired_s = 0.0
        self._news, self._ended = asyncio.Event(), asyncio.Event()

    # -- from the routes -----------------------------------------------------------------------

    async def take(
        self,
        order: Order,
        ttl_s: float,
        declared_bytes: int,
        chunks: AsyncIterator[bytes],
        told: Callable[[Rows, Operation], _T],
    ) -> _T:
        """Receive a recording, and queue it; returns what is ``told`` of it, see `Operations`.

        Raises:
            InvalidAudioFormat, UnsupportedSampleRate, PayloadTooLarge: it cannot be transcribed.
            QuotaExceeded, SystemOverloaded, StateUnusable: there is no room for it.
            ClientDisconnect: it did not come whole.
        """
        async with self._begun(order, ttl_s) as number:
            key = await self.operations.key(number)
            await self.spool.receive(number, order.caller, declared_bytes, chunks, key)
            audio_s = await self._length_s(number, order, key)
            return await self.operations.queue(number, audio_s, told)

    async def take_address(
        self, order: Order, ttl_s: float, told: Callable[[Rows, Operation], _T]
    ) -> _T:
        """Queue a recording that is fetched when its turn comes; see `take`.

        Raises:
            QuotaExceeded, SystemOverloaded, StateUnusable: there is no room for it.
        """
        async with self._begun(order, ttl_s) as number:
            return await self.operations.queue(number, 0.0, told)

    async def take_upload(
        self,
        order: Order,
        ttl_s: float,
        upload: UUID,
        told: Callable[[Rows, Operation], _T],
    ) -> _T:
        """Queue a recording that was sent ahead; see `take`.

        Raises:
            UploadNotFound: the caller has sent none of that name.
            InvalidParameter: it is about somebody else.
            QuotaExceeded, SystemOverloaded, StateUnusable: there is no room for it.
        """
        async with self._begun(order, ttl_s) as number:
            about = await self._uploads.use(order.tenant, upload)
            if about != (order.subject or str(order.tenant)):
                raise InvalidParameter(
                    f"{SUBJECT} of somebody else than the upload is about",
                    "the same with both",
                    f"send {SUBJECT} with the upload, and again with this",
                )
            try:
                self.spool.link(number, upload)
            except FileNotFoundError as error:  # deleted at this very moment
                raise not_found(upload) from error
            return await self.operations.queue(number, 0.0, told)

    async def keep_upload(
        self,
        tenant: TenantId,
        caller: str,
        declared_bytes: int,
        chunks: AsyncIterator[bytes],
        subject: str | None = None,
    ) -> UUID:
        """Receive a recording that will be asked for later; returns its name.

        Args:
            subject: whom it is about; None for the tenant itself.

        Raises:
            PayloadTooLarge: it is larger than any that is transcribed.
            QuotaExceeded, SystemOverloaded, StateUnusable: there is no room for it.
            ClientDisconnect: it did not come whole.
        """
        await self._recover()
        number = StreamId.new().value
        try:
            key, gone = await self._uploads.receive(number, tenant, caller, subject)
            self.spool.remove(gone)
            await self.spool.receive(number, caller, declared_bytes, chunks, key)
            await self._uploads.received(number)
        except BaseException:
            await self._uploads.withdraw(number)
            self.spool.remove([number])
            raise
        return number

    async def delete_upload(self, tenant: TenantId, number: UUID) -> None:
        """Remove a recording that was sent ahead; what is being transcribed of it goes on."""
        if await self._uploads.delete(tenant, number):
            self.spool.remove([number])

    @asynccontextmanager
    async def _begun(self, order: Order, ttl_s: float) -> AsyncIterator[UUID]:
        """An operation that is queued inside; where that fails, or the caller goes away, nothing of
        it is left."""
        await self._recover()
        number = order.identity.stream.value
        try:
            await self.operations.receive(order, ttl_s)
            yield number
        except BaseException:
            # it may have been queued at this very moment: the table knows
            if await self.operations.withdraw(number):
                self.spool.remove([number])
            raise
        self._news.set()

    async def delete_transcription(self, tenant: TenantId, number: UUID) -> None:
        """Remove one, and its sound; see `Operations.delete_transcription`."""
        await self.operations.delete_transcription(tenant, number)
        self.redacted.spool.remove([number])

    async def delete_words(self, tenant: TenantId, number: UUID, foreign: Foreign) -> Operation:
        """Remove what came of one, and its sound; see `Operations.delete_words`."""
        operation = await self.operations.delete_words(tenant, number, foreign)
        self.redacted.spool.remove([number])
        return operation

    async def cancel(self, tenant: TenantId, number: UUID) -> Operation:
        """End an operation without a result; see `Operations.cancel`."""
        error = OperationCancelled("a cancelled operation", "one that goes on", "ask for it again")
        before = await self.operations.get(tenant, number)
        body = ErrorEnvelope.of(error, before.order.identity.request).error
        operation = await self.operations.cancel(tenant, number, body)
        self._give_up(number)
        return operation

    async def wait(self, tenant: TenantId, number: UUID, timeout_s: float) -> Operation:
        """The operation once it has ended, or after ``timeout_s`` as it is then."""
        until_s = time.perf_counter() + timeout_s
        while True:
            ended = self._ended
            operation = await self.operations.get(tenant, number)
            left_s = until_s - time.perf_counter()
            if operation.state.is_done or left_s <= 0:
                return operation
            try:
                async with asyncio.timeout(left_s):
                    await ended.wait()
            except TimeoutError:
                continue

    def give_up(self, numbers: Collection[UUID]) -> None:
        """End work on these, whose rows are gone, and remove their sound."""
        for number in numbers:
            self._give_up(number)

    # -- in the background ---------------------------------------------------------------------

    async def turn(self) -> None:
        """Begin what there is room for, and remove what has been kept long enough."""
        if self._state.is_used:
            await self._recover()
            await self._begin()
            await self._expire()
        try:
            async with asyncio.timeout(LOOK_S):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    def stop(self) -> None:
        """Leave everything as it is, for the next server."""
        for _, task in self._working.values():
            task.cancel()

    async def _recover(self) -> None:
        async with self._recovering:
            if not self._has_recovered:
                needed = await self.operations.recover() | await self._uploads.recover()
                await asyncio.to_thread(self.spool.keep, needed)
                await self.redacted.recover()
                self._has_recovered = True

    async def _begin(self) -> None:
        if self._door.is_draining:
            return
        callers = {caller for caller, _ in self._working.values()}
        first: dict[str, UUID] = {}
        for number, caller in (await self.operations.pending()).items():
            if caller not in callers:
                first.setdefault(caller, number)
        # whoever was served longest ago; who never was comes first, in the order of asking
        for caller in list(self._served)[:-MOST_REMEMBERED]:
            del self._served[caller]
        waiting = sorted(first, key=lambda caller: self._served.get(caller, 0.0))
        for caller in waiting[: AT_ONCE - len(self._working)]:
            self._served.pop(caller, None)
            self._served[caller] = time.perf_counter()
            self._start(first[caller], caller)

    def _start(self, number: UUID, caller: str) -> None:
        task = asyncio.create_task(self._do(number), name=f"operation {number}")
        self._working[number] = caller, task
        task.add_done_callback(lambda done: self._over(number, done))

    async def _expire(self) -> None:
        now_s = time.perf_counter()
        if now_s - self._expired_s >= EXPIRY_S:
            self._expired_s = now_s
            for number in await self.operations.expire():
                self._give_up(number)
            self.spool.remove(await self._uploads.expire())

    def _give_up(self, number: UUID) -> None:
        if number in self._working:
            self._working[number][1].cancel()
        self.spool.remove([number])
        self.redacted.spool.remove([number])
        self._tell_ended()

    def _over(self, number: UUID, done: "asyncio.Task[None]") -> None:
        del self._working[number]
        if not done.cancelled() and isinstance(error := done.exception(), Exception):
            self._failures.tell("operations", error)  # it is begun again, but not for ever
        self._news.set()
        self._tell_ended()

    def _tell_ended(self) -> None:
        ended, self._ended = self._ended, asyncio.Event()
        ended.set()

    # -- one of them ---------------------------------------------------------------------------

    async def _do(self, number: UUID) -> None:
        """All of one, whatever comes of it."""
        try:
            operation = await self.operations.begin(number)
            failure = await self._failure_of(operation)
            if failure is not None:
                await self.operations.fail(number, failure)
                self.redacted.spool.remove([number])
        except OperationCancelled:
            return  # somebody ended it, and has removed what was there
        self.spool.remove([number])

    async def _failure_of(self, operation: Operation) -> ErrorBody | None:
        """Transcribe; what it failed of, None where it succeeded."""
        request = operation.order.identity.request
        try:
            if operation.attempts > MOST_ATTEMPTS:
                raise InterruptedTooOften(
                    f"a server that ended {MOST_ATTEMPTS} times at {operation.processed_s:.1f} s",
                    "one that gets further",
                    "see the server's log, and send the rest without that place",
                )
            await self._transcribe(operation)
        except OperationCancelled:
            raise
        except LabError as error:
            return ErrorEnvelope.of(error, request).error
        except Exception as error:
            self._failures.tell("operations", error)
            unforeseen = LabError(INTERNAL_FAILURE, "a transcription", "see the server's log")
            return ErrorEnvelope.of(unforeseen, request).error
        return None

    async def _transcribe(self, operation: Operation) -> None:
        """From where it is to its end, however often the room for it is taken meanwhile."""
        order, number = operation.order, operation.number
        key = await self.operations.key(number)
        if not operation.audio_s:  # or an earlier server has looked
            if order.url is not None:
                await self._fetch(number, order.caller, order.url, key)
            length_s = await self._length_s(number, order, key)
            operation = await self.operations.measured(number, length_s)
        if order.from_s and order.from_s >= operation.audio_s:
            raise InvalidParameter(
                f"a beginning at {order.from_s:g} s, in a recording of {operation.audio_s:g} s",
                "one before the recording ends",
                "ask again with an earlier one",
            )
        done_s, place = max(operation.processed_s, order.from_s), operation.segments
        missing_s = 0.0
        while True:
            await self._room()
            try:
                with self._door.operation(
                    order.tenant, order.caller, order.identity, order.model
                ) as leased:
                    leased.spending.hold(operation.audio_s - done_s)
                    async with aclosing(self._segments(leased, operation, done_s, key)) as segments:
                        async for segment, done_s in segments:
                            await self.operations.add(number, place, segment, done_s)
                            place += 1
                            await self._room()
                    model = leased.lease.engine.model
                break
            except ModelNotLoaded:
                if order.model and missing_s >= PINNED_S:
                    raise
                missing_s += ROOM_S
                await asyncio.sleep(ROOM_S)
            except (SystemOverloaded, QuotaExceeded):
                await asyncio.sleep(ROOM_S)  # then it goes on behind the last segment
        await self.redacted.make(operation, key, lambda: self._sound(operation, key, 0.0))
        await self._count(operation, leased)
        await self.operations.succeed(number, model)

    async def _count(self, operation: Operation, leased: Leased) -> None:
        """Have a bill count it before anybody is told that it is done, once the disk takes that."""
        while self._usage is not None:
            order = operation.order
            to_s = operation.audio_s if order.to_s is None else min(order.to_s, operation.audio_s)
            used_s = max(0.0, to_s - order.from_s)
            spent_ns = leased.spending.spent_ns
            reached = Reached(
                used_s, used_s, used_s, compute_ns=spent_ns, features=tuple(order.steps)
            )
            try:
                self._usage.operation_done(leased.work, reached)
                return
            except SystemOverloaded:
                await asyncio.sleep(ROOM_S)

    async def _fetch(self, number: UUID, caller: str, url: str, key: bytes) -> None:
        """Fetch an operation's sound from where its caller said."""
        self.spool.remove([number])  # what an earlier server may have of it
        try:
            async with asyncio.timeout(FETCH_S), self._outbound.get(url) as answer:
                if answer.status_code != 200:
                    raise InvalidAudioFormat(
                        f"{answer.status_code} from the recording's address",
                        "200 with the recording",
                        "ask again with an address that answers so",
                    )
                declared = answer.headers.get("content-length", "0")
                declared_bytes = int(declared) if declared.isdigit() else 0
                chunks = answer.aiter_raw()
                await self.spool.receive(number, caller, declared_bytes, chunks, key)
        except TimeoutError as error:
            raise ConnectionFailed(
                f"a recording that did not come whole within {FETCH_S:.0f} s",
                "one that does",
                "upload it, or ask again with an address that answers sooner",
            ) from error

    async def _length_s(self, number: UUID, order: Order, key: bytes) -> float:
        def length_s() -> float:
            return _length_s(lambda: self.spool.open(number, key), order.raw, self._longest_s)

        return await self._preparation.run(order.caller, length_s)

    async def _segments(
        self, leased: Leased, operation: Operation, from_s: float, key: bytes
    ) -> AsyncGenerator[tuple[Segment, float], None]:
        """Each segment, and where whoever goes on after it has to begin."""
        order = operation.order
        to_s = operation.audio_s if order.to_s is None else min(order.to_s, operation.audio_s)
        left_s = max(0.0, to_s - from_s)
        sound = self._sound(operation, key, from_s)
        if order.to_s is not None:
            sound = _first(sound, samples(left_s))
        earlier = None
        if REDACT in (*order.steps, *leased.steps) and from_s > order.from_s:
            earlier = await self._earlier(operation, from_s, key)
        said = self._recognition.finals_of(leased, sound, left_s, order.steps, earlier)
        async with aclosing(said) as finals:
            async for final in finals:
                segment = Segment.of(_later(final, from_s))
                # the voice may still fade where a segment ends, and would be heard as another one
                yield segment, segment.end_s + (PAUSE_S / 2 if final.endpoint else 0.0)

    async def _earlier(self, operation: Operation, to_s: float, key: bytes) -> Iterator[FloatArray]:
        """The sound of what was said before ``to_s``, as far as redaction remembers it.

        A number or a name may have begun there; what was heard of it was kept nowhere.
        """
        segments = await self.operations.segments(operation.number)
        from_s = max(operation.order.from_s, _remembered_from_s(segments, to_s))
        return _first(self._sound(operation, key, from_s), samples(to_s - from_s))

    def _sound(self, operation: Operation, key: bytes, from_s: float) -> Iterator[FloatArray]:
        """The recording's blocks from there on."""
        number, raw = operation.number, operation.order.raw
        return _blocks(lambda: self.spool.open(number, key), raw, self._longest_s, from_s)

    async def _room(self) -> None:
        """Wait until live streams leave some."""
        while not self._door.has_room_for_batch:
            await asyncio.sleep(ROOM_S)


def _length_s(opened: Callable[[], SealedFile], raw: RawPcm | None, longest_s: float) -> float:
    sealed = opened()
    with BufferedReader(sealed) as file:
        if raw is not None:
            raw.check_whole(sealed.size_bytes)
        with open_recording(file, longest_s, raw) as recording:
            return recording.length_s


def _blocks(
    opened: Callable[[], SealedFile], raw: RawPcm | None, longest_s: float, from_s: float
) -> Iterator[FloatArray]:
    with BufferedReader(opened()) as file, open_recording(file, longest_s, raw) as recording:
        yield from recording.blocks(from_s)


def _remembered_from_s(segments: Sequence[Segment], to_s: float) -> float:
    """Where those begin that redaction remembers at ``to_s``; what it took out counts for less than
    was said, so that it is rather too many."""
    chars, from_s = 0, to_s
    for segment in reversed(segments):
        if chars >= BEFORE_CHARS:
            break
        chars += len(segment.text) + 1
        from_s = segment.start_s
    return max(0.0, from_s - PAUSE_S / 2, to_s - MOST_REHEARD_S)


def _first(sound: Iterator[FloatArray], count_samples: int) -> Iterator[FloatArray]:
    """Of the sound, so many samples."""
    for block in sound:
        yield block[:count_samples]
        count_samples -= len(block)
        if count_samples <= 0:
            return


def _later(final: Final, by_s: float) -> Final:
    """The final, its times counted from the recording's beginning, to the microsecond."""

    def later_s(at_s: float) -> float:
        return round(at_s + by_s, 6)

    words = tuple(
        replace(word, start_s=later_s(word.start_s), end_s=later_s(word.end_s))
        for word in final.words
    )
    redactions = tuple(
        replace(one, start_s=later_s(one.start_s), end_s=later_s(one.end_s))
        for one in final.redactions
    )
    return replace(
        final,
        start_s=later_s(final.start_s),
        end_s=later_s(final.end_s),
        words=words,
        redactions=redactions,
    )
