"""The meter of everything that a server does, a listener of all work.

An event is in the journal before its caller is told of what it counts, so that no bill misses what
somebody was given, however the server ends. Where the disk takes nothing, nobody who is served
waits and nothing is lost while the server lives: what was used stays in the meters, and is written
as soon as it can be; meanwhile nobody else may begin.
"""

from collections import deque
from pathlib import Path
from uuid import uuid4

from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import StateUnusable, SystemOverloaded
from lab_kit.core.ids import StreamId
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.usage.journal import Journal
from lab_kit.gateway.observe.work import OK, Delivery, Ended, Reached, Work, WorkKind
from lab_kit.metering.event import UsageEvent, Used, cloud_event
from lab_kit.metering.meter import Meter
from lab_kit.metering.meter import Reached as MeterReached
from lab_kit.models.synthesizer import VOICE

USAGE_FOLDER = "usage"
"""In a server's folder."""
SOURCE_FILE = "source"
_TASK = "usage"
_DONE = "done"
"""By what name an operation's only event is known."""
_RETRY_AFTER_S = 5.0


class Usage:
    """Writes the events of one server; a `Listener`.

    Args:
        folder: of the journal.
        model: whose versions do what is not speech.
        region: where the server is; empty where it does not know.

    Raises:
        StateUnusable: the folder cannot be written to.
    """

    def __init__(self, folder: Path, model: str, region: str, metrics: Metrics) -> None:
        failures = metrics.background_failures
        self._journal = Journal(folder, lambda error: failures.note(_TASK, error))
        self._source = source_of(folder)
        self._model, self._region = model, region
        self._events = metrics.usage_events
        self._meters: dict[StreamId, Meter] = {}
        self._unwritten: deque[tuple[Meter, str]] = deque()

    def check_room(self) -> None:
        """Make sure that what somebody uses who begins now can be written down.

        Raises:
            SystemOverloaded: it cannot.
        """
        if self._unwritten or self._journal.is_full:
            raise _no_room()

    def opened(self, work: Work) -> None:
        """See `Listener`."""
        if not work.is_operation:
            stream = work.identity.stream
            self._meters[stream] = Meter(self._source, self._used(work))

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`."""
        if (meter := self._meters.get(work.identity.stream)) is not None:
            meter.reach(_whole(reached))
            if meter.reached != meter.written:
                self._write_next(meter, "")

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """See `Listener`; what is told was counted before."""

    def ended(self, work: Work, ended: Ended) -> None:
        """See `Listener`."""
        if (meter := self._meters.pop(work.identity.stream, None)) is not None:
            meter.reach(_whole(ended.reached))
            if not self._write_next(meter, str(ended.code)):
                self._unwritten.append((meter, str(ended.code)))

    def operation_done(self, work: Work, reached: Reached) -> None:
        """An operation has its result, and is said to have it next.

        After a restart it may be done again: the same event says so, and counts once.

        Raises:
            SystemOverloaded: it cannot be written down; nobody may be told.
        """
        meter = Meter(self._source, self._used(work))
        meter.reach(_whole(reached))
        if not self._write(meter.event(since_1970_us(), OK, _DONE)):
            raise _no_room()

    def write_rest(self) -> None:
        """Try again to write what could not be written of what has ended."""
        while self._unwritten:
            meter, code = self._unwritten[0]
            if not self._write_next(meter, code):
                return
            self._unwritten.popleft()

    def close(self) -> None:
        """Write what is left, and let go of the journal."""
        self.write_rest()
        self._journal.close()

    def _write_next(self, meter: Meter, code: str) -> bool:
        if not self._write(meter.event(since_1970_us(), code)):
            return False
        meter.wrote()
        return True

    def _write(self, event: UsageEvent) -> bool:
        try:
            self._journal.append(cloud_event(event))
        except OSError:
            self._events.labels("put off").inc()
            return False
        self._events.labels("written").inc()
        return True

    def _used(self, work: Work) -> Used:
        named = work.identity
        model = VOICE if work.kind is WorkKind.SPEECH else self._model
        return Used(
            str(named.request),
            str(named.stream),
            work.kind,
            str(work.tenant),
            work.key_id,
            model,
            work.version,
            self._region,
        )


def source_of(folder: Path) -> str:
    """By what name the events of that folder are told apart from others'; the same after a restart.

    Raises:
        StateUnusable: it cannot be kept there.
    """
    file = folder / SOURCE_FILE
    try:
        if not file.exists():
            new = folder / f"{SOURCE_FILE}-{uuid4().hex}"
            new.write_text(f"lab_kit/{uuid4().hex}")
            try:
                file.hardlink_to(new)  # of servers that begin at once, one wins
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return file.read_text()
    except OSError as error:
        raise StateUnusable(
            f"{file} ({error})", "a file that can be written and read", "choose another folder"
        ) from error


def _no_room() -> SystemOverloaded:
    return SystemOverloaded(
        "usage that cannot be written down",
        "room on the disk, and somebody who ships what is there",
        "try again after the stated delay",
        retry_after_s=_RETRY_AFTER_S,
    )


def _whole(reached: Reached) -> MeterReached:
    return MeterReached(
        _us(reached.told_s),
        _us(reached.submitted_s),
        _us(reached.processed_s),
        reached.characters,
        reached.tokens,
        reached.compute_ns // 1_000,
        reached.channels,
        reached.features,
    )


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
