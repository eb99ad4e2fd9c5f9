"""What is asked of the ledger's tables, inside a transaction that is open."""

from dataclasses import dataclass

from lab_kit.database.rows import Rows
from lab_kit.metering.event import FIELDS, Quantities, UsageEvent, event_of
from lab_kit.metering.period import Period
from lab_kit.metering.rating import RequestUsage

_AMOUNTS = ", ".join(f"SUM({name})" for name in FIELDS[14:20])
_BEFORE = ", ".join(
    f"SUM(CASE WHEN time_us < :from_us THEN {name} ELSE 0 END)" for name in FIELDS[14:20]
)
_OF_REQUESTS = (
    "SELECT stream, MIN(time_us), kind, model, MAX(channels), MAX(features),"
    f" {_AMOUNTS}, {_BEFORE} FROM usage_events"
    " WHERE tenant = :tenant AND time_us < :until_us AND number <= :last_number"
    " GROUP BY stream, kind, model HAVING MAX(time_us) >= :from_us ORDER BY stream, kind, model"
)
LAST = 2**62
"""A number that no event has: all that are there."""
_OF_STREAM = (
    "WITH RECURSIVE sources (source) AS (SELECT MIN(source) FROM usage_events UNION ALL"
    " SELECT (SELECT MIN(source) FROM usage_events WHERE source > sources.source) FROM sources"
    " WHERE sources.source IS NOT NULL)"
    f" SELECT {', '.join(f'usage_events.{name}' for name in FIELDS)} FROM sources"
    " JOIN usage_events ON usage_events.source = sources.source"
    " WHERE id >= :first AND id < :behind ORDER BY time_us, id"
)
"""``;`` is what follows ``:``."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A period that was closed.

    Attributes:
        last_number: of the events that were there then.
    """

    period: Period
    last_number: int
    closed_us: int


def requests_of(rows: Rows, tenant: str, period: Period, last_number: int) -> list[RequestUsage]:
    """What each request of a tenant used in a period, and what it had used before, by name."""
    asked = {
        "tenant": tenant,
        "from_us": period.from_us,
        "until_us": period.until_us,
        "last_number": last_number,
    }
    return [_usage(period, *row) for row in rows.execute(_OF_REQUESTS, asked).fetchall()]


def events_of(rows: Rows, stream: str) -> list[UsageEvent]:
    """All events of one request, in the order of their times.

    Their ids begin with its name, so that the index which keeps each event once finds them, too:
    another one would cost each event that is added.
    """
    found = rows.execute(_OF_STREAM, {"first": f"{stream}:", "behind": f"{stream};"})
    return [event_of(row) for row in found.fetchall()]


def sound_events_of(rows: Rows, period: Period) -> list[UsageEvent]:
    """All events of a period that bill sound, in the order of their times."""
    found = rows.execute(
        f"SELECT {', '.join(FIELDS)} FROM usage_events"
        " WHERE billed_us > 0 AND time_us >= ? AND time_us < ? ORDER BY time_us, source, id",
        (period.from_us, period.until_us),
    )
    return [event_of(row) for row in found.fetchall()]


def last_number_of(rows: Rows) -> int:
    """Of all events."""
    (last,) = rows.execute("SELECT COALESCE(MAX(number), 0) FROM usage_events").fetchone()
    return int(last)


def closings_of(rows: Rows) -> list[Closing]:
    """All periods that were closed, the first first."""
    found = rows.execute(
        "SELECT from_us, until_us, last_number, closed_us FROM closings ORDER BY from_us"
    ).fetchall()
    return [Closing(Period(*times), last, closed) for *times, last, closed in map(tuple, found)]


def _usage(
    period: Period,
    stream: str,
    first_us: int,
    kind: str,
    model: str,
    channels: int,
    features: str,
    *amounts: int,
) -> RequestUsage:
    whole = Quantities(*map(int, amounts[:6]))
    named = tuple(features.split())
    if first_us >= period.from_us:
        return RequestUsage(stream, first_us, kind, model, whole, channels, named)
    before = Quantities(*map(int, amounts[6:]))
    return RequestUsage(stream, first_us, kind, model, whole - before, channels, named, before)
