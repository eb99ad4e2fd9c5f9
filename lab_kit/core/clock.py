"""How time crosses processes, and how it is written for people.

Within a process time is ``time.perf_counter_ns``: it never jumps, and means something only there.
Pure code takes it as a number; the shells around it read it. What crosses processes is compared
through ``ClockOffset``, which is an estimate and carries its own error.
"""

import calendar
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def wall_clock_iso() -> str:
    """Now, in UTC, as ISO 8601; for people and records, never for measuring."""
    # by itself gmtime reads a clock that may be some milliseconds behind
    return time.strftime(_ISO, time.gmtime(time.time()))


def since_1970_ms() -> int:
    """Now, for names that sort by age; never for measuring."""
    return time.time_ns() // 1_000_000


def wall_clock_of(ms_since_1970: int) -> str:
    """That moment in UTC, to the millisecond [Source: RFC 3339]."""
    seconds, rest_ms = divmod(ms_since_1970, 1_000)
    return f"{time.strftime(_ISO.removesuffix('Z'), time.gmtime(seconds))}.{rest_ms:03d}Z"


def since_1970_us() -> int:
    """Now, for what is billed by the time of its use; never for measuring."""
    return time.time_ns() // 1_000


def rfc3339(us_since_1970: int) -> str:
    """That moment in UTC, to the microsecond."""
    moment = _EPOCH + timedelta(microseconds=us_since_1970)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_rfc3339(written: str) -> int:
    """Microseconds since 1970.

    Raises:
        ValueError: it is no moment with an offset from UTC.
    """
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError(f"{written!r} does not say its offset from UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def seconds_of(wall_clock: str) -> int:
    """The Unix time that `wall_clock_iso` has written down.

    Raises:
        ValueError: it is not of that form.
    """
    return calendar.timegm(time.strptime(wall_clock, _ISO))


def month_begins_us(year: int, month: int) -> int:
    """The first moment of a month in UTC, in microseconds since 1970.

    Raises:
        ValueError: there is no such month.
    """
    return (datetime(year, month, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far another process's monotonic clock is from ours.

    Attributes:
        offset_ns: add to a remote reading to get ours.
        error_ns: largest error the estimate can have, half the round trip that gave it.
    """

    offset_ns: int
    error_ns: int

    def to_local(self, remote_ns: int) -> int:
        """A remote reading on our clock."""
        return remote_ns + self.offset_ns


@dataclass(frozen=True, slots=True)
class ClockProbe:
    """One exchange: sent and answered on our clock, received and answered on theirs."""

    sent_ns: int
    remote_received_ns: int
    remote_sent_ns: int
    received_ns: int

    def offset(self) -> ClockOffset:
        """The estimate this probe gives.

        Source: the on-wire protocol of RFC 5905 section 8, with the error bound that the path
        delay, however it splits into out and back, allows.
        """
        out_ns = self.remote_received_ns - self.sent_ns
        back_ns = self.received_ns - self.remote_sent_ns
        return ClockOffset(offset_ns=(back_ns - out_ns) // 2, error_ns=(out_ns + back_ns) // 2)


def best_offset(probes: list[ClockProbe]) -> ClockOffset:
    """The estimate of the fastest exchange, which has the smallest error."""
    return min((probe.offset() for probe in probes), key=lambda offset: offset.error_ns)
