"""The table of meters, in a transaction that is open; and what is said of too many of anything."""

import json

from lab_kit.core.errors import LabError, MeterExists, MeterNotFound, QuotaExceeded
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Row, Rows
from lab_kit.protocol.meters import Aggregation, Meter

TABLE = """
    CREATE TABLE meters (
        tenant TEXT NOT NULL,
        provider TEXT NOT NULL,
        id TEXT NOT NULL,
        slug TEXT NOT NULL,
        is_active INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        definition TEXT NOT NULL,
        PRIMARY KEY (tenant, provider, id)
    ) STRICT, WITHOUT ROWID
    """
MOST_METERS = 100
"""Of one tenant."""


def make_meter(rows: Rows, tenant: TenantId, provider: str, meter: Meter) -> None:
    """Keep a new one; see `Metered.make`."""
    (count,) = rows.execute(
        "SELECT COUNT(*) FROM meters WHERE tenant = ?", (str(tenant),)
    ).fetchone()
    if count >= MOST_METERS:
        raise too_many("meters", MOST_METERS)
    check_slug(rows, tenant, provider, meter.slug)
    definition = {
        "aggregation": meter.aggregation,
        "event_type": meter.event_type,
        "value": meter.value,
        "groups": dict(meter.groups),
        "about": dict(meter.about),
    }
    rows.execute(
        "INSERT INTO meters VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(str(tenant), provider, meter.id, meter.slug, meter.is_active),
            *(meter.created_us, meter.updated_us, json.dumps(definition)),
        ),
    )


def check_slug(rows: Rows, tenant: TenantId, provider: str, slug: str) -> None:
    """Make sure that no active meter has a slug.

    Raises:
        MeterExists: one has.
    """
    if any(one.slug == slug and one.is_active for one in meters_of(rows, tenant, provider)):
        raise MeterExists(
            f"another meter {slug!r}", "one that there is not", "ask for the one that there is"
        )


def meters_of(rows: Rows, tenant: TenantId, provider: str) -> list[Meter]:
    """All of them, the oldest first."""
    found = rows.execute(
        "SELECT * FROM meters WHERE tenant = ? AND provider = ? ORDER BY created_us, id",
        (str(tenant), provider),
    )
    return [_read(row) for row in found.fetchall()]


def meter_named(rows: Rows, tenant: TenantId, provider: str, name: str) -> Meter:
    """The one of an id, or the active one of a slug.

    Raises:
        MeterNotFound: there is none.
    """
    for meter in meters_of(rows, tenant, provider):
        if meter.id == name or (meter.slug == name and meter.is_active):
            return meter
    raise MeterNotFound(
        f"the meter {name[:80]!r}", "the id or the slug of one", "list those that there are"
    )


def _read(row: Row) -> Meter:
    told = json.loads(row["definition"])
    return Meter(
        id=row["id"],
        slug=row["slug"],
        aggregation=Aggregation(told["aggregation"]),
        event_type=told["event_type"],
        value=told["value"],
        created_us=row["created_us"],
        updated_us=row["updated_us"],
        groups=told["groups"],
        about=told["about"],
        is_active=bool(row["is_active"]),
    )


def too_many(what: str, most: int) -> LabError:
    """What is refused beyond a limit."""
    return QuotaExceeded(
        f"more than {most:,} {what} of one tenant",
        f"at most {most:,}",
        "use another tenant, or a server of its own",
        details={"limit": what.replace(" ", "_")},
    )
