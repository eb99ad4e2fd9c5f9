"""What is kept for the billing providers' APIs: metered events, each once, and meters.

Both are one tenant's and one provider's. Events stay as they came; amounts are added up when they
are asked for. How much one tenant may keep is bounded, and what is beyond is refused by name.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.meters.measuring import Measurement
from lab_kit.gateway.meters.meter_table import (
    TABLE,
    check_slug,
    make_meter,
    meter_named,
    meters_of,
    too_many,
)
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import check_not_held, over
from lab_kit.protocol.meters import Amount, Meter, MeteredEvent, Question

TABLES = (
    """
    CREATE TABLE metered_events (
        number INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        provider TEXT NOT NULL,
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        time_us INTEGER NOT NULL,
        data TEXT NOT NULL,
        arrived_us INTEGER NOT NULL,
        is_cancelled INTEGER NOT NULL DEFAULT 0,
        UNIQUE (tenant, provider, source, id)
    ) STRICT
    """,
    "CREATE INDEX metered_events_by_type ON metered_events (tenant, provider, type, number)",
    "CREATE INDEX metered_events_by_time ON metered_events (tenant, provider, time_us)",
    """
    CREATE TABLE metered_tenants (
        tenant TEXT NOT NULL PRIMARY KEY,
        events INTEGER NOT NULL
    ) STRICT
    """,
    TABLE,
)
MOST_EVENTS = 100_000
"""Of one tenant: its events are gone through in one or two seconds."""
KEPT_S = 92 * 86_400.0
"""Longer than any provider looks for repetitions, and than a month is billed."""
PAGE_EVENTS = 5_000
"""Read at a time: others' transactions go between."""
_COLUMNS = "source, id, type, subject, time_us, data, arrived_us"
_T = TypeVar("_T")


class Metered:
    """What one server keeps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        tenant: TenantId,
        provider: str,
        events: Sequence[MeteredEvent],
        answered: Callable[[Rows, list[bool]], _T],
    ) -> _T:
        """Keep what is new of some events, all or nothing.

        Args:
            answered: makes the answer, in the same transaction, of which events were new.

        Raises:
            QuotaExceeded: the tenant would have too many.
        """
        return await self._database.run(
            lambda rows: answered(rows, _add(rows, tenant, provider, events))
        )

    async def list_events(
        self,
        tenant: TenantId,
        provider: str,
        most: int,
        *,
        time_us: tuple[int | None, int | None] = (None, None),
        arrived_us: tuple[int | None, int | None] = (None, None),
        subject: str | None = None,
        id: str | None = None,
    ) -> list[MeteredEvent]:
        """Events, the newest first.

        Args:
            time_us, arrived_us: from when on, and until when, the second not included.
        """
        conditions, values = ["tenant = ?", "provider = ?"], [str(tenant), provider]
        asked: tuple[tuple[str, str | int | None], ...] = (
            ("time_us >= ?", time_us[0]),
            ("time_us < ?", time_us[1]),
            ("arrived_us >= ?", arrived_us[0]),
            ("arrived_us < ?", arrived_us[1]),
            ("subject = ?", subject),
            ("id = ?", id),
        )
        given = [(condition, value) for condition, value in asked if value is not None]
        where = " AND ".join(conditions + [condition for condition, _ in given])
        sql = (
            f"SELECT {_COLUMNS} FROM metered_events WHERE {where}"
            " ORDER BY time_us DESC, number DESC LIMIT ?"
        )
        all_values = (*values, *(value for _, value in given), most)
        found = await self._database.run(lambda rows: rows.execute(sql, all_values).fetchall())
        return [MeteredEvent(*row) for row in found]

    async def cancel(
        self, tenant: TenantId, provider: str, type_: str, id: str, not_before_us: int
    ) -> bool:
        """Have an event count no more.

        Returns:
            Whether there was one that had arrived by then, and was not cancelled.
        """
        sql = (
            "UPDATE metered_events SET is_cancelled = 1 WHERE tenant = ? AND provider = ?"
            " AND type = ? AND id = ? AND arrived_us >= ? AND is_cancelled = 0"
        )
        values = (str(tenant), provider, type_, id, not_before_us)
        return await self._database.run(lambda rows: rows.execute(sql, values).rowcount) > 0

    async def measure(
        self, tenant: TenantId, provider: str, meter: Meter, question: Question
    ) -> list[Amount]:
        """The amounts of a meter.

        Raises:
            InvalidParameter: it has no such groups, there is no such zone, or it is too much.
        """
        measurement, after = Measurement(meter, question), 0
        last = await self._database.run(last_number)
        while True:
            read = partial(
                _page,
                tenant=tenant,
                provider=provider,
                meter=meter,
                question=question,
                bounds=(after, last),
            )
            page = await self._database.run(read)
            if page:
                after = page[-1][0]
                # on a thread: the numbers of thousands of events take a while to read
                await asyncio.to_thread(measurement.take, [event for _, event in page])
            if len(page) < PAGE_EVENTS:
                return measurement.amounts()

    async def expire(self) -> None:
        """Remove what has been kept long enough."""
        old = over(
            f"arrived_us / 1000 + {round(KEPT_S * 1_000)}",
            "arrived_us / 1000",
            "metered_events.tenant",
        )

        def work(rows: Rows) -> None:
            now = {"now_ms": since_1970_ms()}
            if rows.execute(f"DELETE FROM metered_events WHERE {old}", now).rowcount:
                rows.execute(
                    "UPDATE metered_tenants SET events = (SELECT COUNT(*) FROM metered_events"
                    " WHERE metered_events.tenant = metered_tenants.tenant)"
                )

        await self._database.run(work)

    # -- meters ----------------------------------------------------------------------------------

    async def make(
        self,
        tenant: TenantId,
        provider: str,
        meter: Meter,
        answered: Callable[[Rows, Meter], _T],
    ) -> _T:
        """Keep a new meter.

        Raises:
            MeterExists: an active one has its slug.
            QuotaExceeded: the tenant has too many.
        """

        def work(rows: Rows) -> _T:
            make_meter(rows, tenant, provider, meter)
            return answered(rows, meter)

        return await self._database.run(work)

    async def meters(self, tenant: TenantId, provider: str) -> list[Meter]:
        """All of them, the oldest first."""
        return await self._database.run(lambda rows: meters_of(rows, tenant, provider))

    async def meter(self, tenant: TenantId, provider: str, name: str) -> Meter:
        """The one of an id, or the active one of a slug.

        Raises:
            MeterNotFound: there is none.
        """
        return await self._database.run(lambda rows: meter_named(rows, tenant, provider, name))

    async def set_active(
        self, tenant: TenantId, provider: str, name: str, is_active: bool, now_us: int
    ) -> Meter:
        """Have a meter take events, or take no more.

        Raises:
            MeterNotFound: there is none.
            MeterExists: another active one has its slug.
        """

        def work(rows: Rows) -> Meter:
            meter = meter_named(rows, tenant, provider, name)
            if is_active and not meter.is_active:
                check_slug(rows, tenant, provider, meter.slug)
            rows.execute(
                "UPDATE meters SET is_active = ?, updated_us = ?"
                " WHERE tenant = ? AND provider = ? AND id = ?",
                (is_active, now_us, str(tenant), provider, meter.id),
            )
            return replace(meter, is_active=is_active, updated_us=now_us)

        return await self._database.run(work)

    async def remove(self, tenant: TenantId, provider: str, name: str) -> None:
        """Remove a meter; its events stay.

        Raises:
            MeterNotFound: there is none.
            UnderLegalHold: nothing of the tenant may be removed.
        """

        def work(rows: Rows) -> None:
            meter = meter_named(rows, tenant, provider, name)
            check_not_held(rows, tenant)
            rows.execute(
                "DELETE FROM meters WHERE tenant = ? AND provider = ? AND id = ?",
                (str(tenant), provider, meter.id),
            )

        await self._database.run(work)


def last_number(rows: Rows) -> int:
    """Of all events."""
    (last,) = rows.execute("SELECT COALESCE(MAX(number), 0) FROM metered_events").fetchone()
    return int(last)


def _add(rows: Rows, tenant: TenantId, provider: str, events: Sequence[MeteredEvent]) -> list[bool]:
    number = last_number(rows) + 1
    sql = (
        f"INSERT INTO metered_events (number, tenant, provider, {_COLUMNS})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (tenant, provider, source, id) DO NOTHING"
    )
    new = []
    for place, event in enumerate(events):
        values = (
            *(event.source, event.id, event.type, event.subject),
            *(event.time_us, event.data, event.arrived_us),
        )
        added = rows.execute(sql, (number + place, str(tenant), provider, *values)).rowcount
        new.append(added == 1)
    (count,) = rows.execute(
        "INSERT INTO metered_tenants VALUES (?, ?) ON CONFLICT (tenant)"
        " DO UPDATE SET events = metered_tenants.events + excluded.events RETURNING events",
        (str(tenant), sum(new)),
    ).fetchone()
    if count > MOST_EVENTS and any(new):
        raise too_many("metered events", MOST_EVENTS)
    return new


def _page(
    rows: Rows,
    tenant: TenantId,
    provider: str,
    meter: Meter,
    question: Question,
    bounds: tuple[int, int],
) -> list[tuple[int, MeteredEvent]]:
    """The next events of a meter, each with its number."""
    from_us = -(2**62) if question.from_us is None else question.from_us
    until_us = 2**62 if question.until_us is None else question.until_us
    found = rows.execute(
        f"SELECT number, {_COLUMNS} FROM metered_events WHERE tenant = ? AND provider = ?"
        " AND type = ? AND number > ? AND number <= ? AND time_us >= ? AND time_us < ?"
        " AND is_cancelled = 0 ORDER BY number LIMIT ?",
        (str(tenant), provider, meter.event_type, *bounds, from_us, until_us, PAGE_EVENTS),
    )
    return [(number, MeteredEvent(*rest)) for number, *rest in map(tuple, found.fetchall())]
