"""Metered events, each once; and meters whose sums are exact, in the windows of a time zone."""

import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from lab_kit.core.clock import read_rfc3339, rfc3339, since_1970_us
from lab_kit.core.errors import (
    InvalidParameter,
    MeterExists,
    MeterNotFound,
    QuotaExceeded,
    UnderLegalHold,
)
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door import tenants
from lab_kit.gateway.meters import meter_table, metered
from lab_kit.gateway.meters.metered import Metered
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.state.database import Database
from lab_kit.protocol.meters import (
    Aggregation,
    Amount,
    Meter,
    MeteredEvent,
    NoAmount,
    Question,
    WindowLength,
    check_path,
    number_of,
)
from lab_kit.protocol.tenants import TenantSettings

ACME, OTHER, PROVIDER = TenantId("acme"), TenantId("other"), "somebody"
NOW_US = since_1970_us()
BEGIN_US = read_rfc3339("2026-03-28T22:30:00Z")
"""Half an hour before midnight in Zurich, the night before its clocks go forward."""
HOUR_US = 3_600_000_000

HOURS = [("28", "22"), *(("29", f"{hour:02}") for hour in range(24))]
"""In UTC, of what comes every hour from then on, but for the first of a day."""


def event(name: str, data: str, time_us: int = BEGIN_US, source: str = "here") -> MeteredEvent:
    return MeteredEvent(source, name, "heard", "ann", time_us, data, NOW_US)


def meter(aggregation: Aggregation = Aggregation.SUM, slug: str = "sound") -> Meter:
    groups = {"model": "$.model"}
    return Meter(f"id-of-{slug}", slug, aggregation, "heard", "$.sound.s", NOW_US, NOW_US, groups)


@pytest.fixture
def kept(tmp_path: Path, database_url: str | None) -> Metered:
    return Metered(Database(lambda: tmp_path, FORMS, url=database_url))


async def add(kept: Metered, *events: MeteredEvent, tenant: TenantId = ACME) -> list[bool]:
    return await kept.add(tenant, PROVIDER, events, lambda _, new: new)


async def amounts(kept: Metered, of: Meter, question: Question | None = None) -> list[Amount]:
    return await kept.measure(ACME, PROVIDER, of, question or Question())


async def test_an_event_counts_once_whatever_comes_with_its_name_again(kept: Metered) -> None:
    first = event("1", '{"sound": {"s": 0.1}}')
    again = event("1", '{"sound": {"s": 5}}')
    elsewhere = event("1", '{"sound": {"s": "0.2"}}', source="there")
    assert await add(kept, first, again) == [True, False]
    assert await add(kept, again, elsewhere) == [False, True]
    assert await add(kept, first, tenant=OTHER) == [True]
    (amount,) = await amounts(kept, meter())
    assert amount.value == Decimal("0.3")


async def test_sums_are_exact_over_pages(kept: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metered, "PAGE_EVENTS", 7)
    drawn = random.Random(1)
    values = [f"{drawn.randrange(10**9)}.{drawn.randrange(10**6):06}" for _ in range(40)]
    values += ["1e29", "1e-30", "-0.000001"]
    await add(kept, *(event(str(n), f'{{"sound": {{"s": {v}}}}}') for n, v in enumerate(values)))
    (amount,) = await amounts(kept, meter())
    assert Fraction(amount.value) == sum(map(Fraction, values))


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [
        (Aggregation.SUM, "12"),
        (Aggregation.COUNT, "5"),
        (Aggregation.UNIQUE_COUNT, "4"),
        (Aggregation.AVG, "4"),
        (Aggregation.MIN, "1"),
        (Aggregation.MAX, "7"),
        (Aggregation.LATEST, "4"),
    ],
)
async def test_each_aggregation(kept: Metered, aggregation: Aggregation, value: str) -> None:
    """The last event comes first; one has a text, another nothing."""
    found = ("4", "7", "1", '"all"', "null")
    times = (9, 1, 2, 3, 4)
    await add(
        kept,
        *(
            event(str(n), f'{{"sound": {{"s": {one}}}}}', BEGIN_US + time)
            for n, (one, time) in enumerate(zip(found, times, strict=True))
        ),
    )
    (amount,) = await amounts(kept, meter(aggregation))
    assert amount.value == Decimal(value)


@pytest.mark.parametrize(
    ("length", "begins"),
    [
        (WindowLength.MINUTE, [f"2026-03-{d}T{h}:30" for d, h in HOURS]),
        (WindowLength.HOUR, [f"2026-03-{d}T{h}:00" for d, h in HOURS]),
        (WindowLength.DAY, ["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00"]),
        (WindowLength.MONTH, ["2026-02-28T23:00"]),
    ],
)
async def test_windows_begin_where_their_time_zone_says(
    kept: Metered, length: WindowLength, begins: list[str]
) -> None:
    """An event an hour, over a day that has 23 of them."""
    times = [BEGIN_US, *(BEGIN_US + (2 + n) * HOUR_US for n in range(24))]
    await add(kept, *(event(str(t), '{"sound": {"s": 1}}', t) for t in times))
    found = await amounts(kept, meter(), Question(window=length, zone="Europe/Zurich"))
    assert [rfc3339(one.from_us)[:16] for one in found] == begins
    assert sum(one.value for one in found) == len(times)
    assert all(a.until_us <= b.from_us for a, b in pairwise(found))


async def test_amounts_are_parted_and_filtered_by_groups(kept: Metered) -> None:
    await add(
        kept,
        event("1", '{"sound": {"s": 1}, "model": "tiny"}'),
        event("2", '{"sound": {"s": 2}, "model": "base"}'),
        event("3", '{"sound": {"s": 4}}'),
        event("4", '{"sound": {"s": 8}, "model": "tiny"}', BEGIN_US + 1),
    )
    found = await amounts(kept, meter(), Question(group_by=("model", "subject")))
    assert [dict(one.groups) for one in found] == [
        {"model": None, "subject": "ann"},
        {"model": "base", "subject": "ann"},
        {"model": "tiny", "subject": "ann"},
    ]
    assert [int(one.value) for one in found] == [4, 2, 9]
    filtered = Question(BEGIN_US, BEGIN_US + 1, filters={"model": ("tiny",)})
    (amount,) = await amounts(kept, meter(), filtered)
    assert (int(amount.value), amount.from_us, amount.until_us) == (1, BEGIN_US, BEGIN_US + 1)
    assert await amounts(kept, meter(), Question(filters={"subject": ("bob",)})) == []
    for wrong in (Question(group_by=("key",)), Question(zone="Mars/Base")):
        with pytest.raises(InvalidParameter):
            await amounts(kept, meter(), wrong)


async def test_what_is_cancelled_does_not_count_and_stays_known(kept: Metered) -> None:
    await add(kept, event("1", '{"sound": {"s": 1}}'), event("2", '{"sound": {"s": 2}}'))
    assert not await kept.cancel(ACME, PROVIDER, "heard", "1", NOW_US + 1)  # too old by then
    assert not await kept.cancel(ACME, PROVIDER, "said", "1", NOW_US)
    assert await kept.cancel(ACME, PROVIDER, "heard", "1", NOW_US)
    assert not await kept.cancel(ACME, PROVIDER, "heard", "1", NOW_US)
    assert await add(kept, event("1", '{"sound": {"s": 1}}')) == [False]
    (amount,) = await amounts(kept, meter())
    assert amount.value == 2


async def test_a_meter_is_found_by_its_id_and_by_its_slug_while_it_is_active(
    kept: Metered,
) -> None:
    made = await kept.make(ACME, PROVIDER, meter(), lambda _, one: one)
    assert await kept.meters(ACME, PROVIDER) == [made]
    assert await kept.meter(ACME, PROVIDER, "sound") == made
    with pytest.raises(MeterExists):
        await kept.make(ACME, PROVIDER, meter(), lambda _, one: one)
    for tenant, provider in ((OTHER, PROVIDER), (ACME, "another")):
        with pytest.raises(MeterNotFound):
            await kept.meter(tenant, provider, "sound")
    off = await kept.set_active(ACME, PROVIDER, "sound", False, NOW_US + 1)
    assert (off.is_active, off.updated_us) == (False, NOW_US + 1)
    second = Meter("m2", "sound", Aggregation.COUNT, "heard", None, NOW_US, NOW_US)
    await kept.make(ACME, PROVIDER, second, lambda _, one: one)
    with pytest.raises(MeterExists):
        await kept.set_active(ACME, PROVIDER, made.id, True, NOW_US)
    await kept.remove(ACME, PROVIDER, "m2")
    assert await kept.meters(ACME, PROVIDER) == [off]


async def test_a_tenant_has_so_many_events_and_meters(
    kept: Metered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metered, "MOST_EVENTS", 2)
    monkeypatch.setattr(meter_table, "MOST_METERS", 1)
    await add(kept, event("1", "{}"), event("2", "{}"))
    with pytest.raises(QuotaExceeded, match="more than 2 metered events"):
        await add(kept, event("2", "{}"), event("3", "{}"))
    assert await add(kept, event("2", "{}")) == [False]  # it is there
    assert await add(kept, event("3", "{}"), tenant=OTHER) == [True]
    assert len(await kept.list_events(ACME, PROVIDER, 10)) == 2
    await kept.make(ACME, PROVIDER, meter(), lambda _, one: one)
    with pytest.raises(QuotaExceeded, match="more than 1 meters"):
        await kept.make(ACME, PROVIDER, meter(slug="other"), lambda _, one: one)


async def test_old_events_go_and_make_room_but_for_a_hold(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metered, "MOST_EVENTS", 1)
    database = Database(lambda: tmp_path, FORMS, url=database_url)
    kept = Metered(database)
    old_us = NOW_US - round(metered.KEPT_S * 1e6) - 1_000_000
    old = MeteredEvent("here", "old", "heard", "ann", old_us, "{}", old_us)
    for tenant in (ACME, OTHER):
        await add(kept, old, tenant=tenant)
        await kept.make(tenant, PROVIDER, meter(), lambda _, one: one)
    held = TenantSettings(legal_hold=True)
    await database.run(lambda rows: tenants.put(rows, "other", held))
    await kept.expire()
    assert await add(kept, event("new", "{}")) == [True]
    assert [one.id for one in await kept.list_events(ACME, PROVIDER, 10)] == ["new"]
    assert [one.id for one in await kept.list_events(OTHER, PROVIDER, 10)] == ["old"]
    with pytest.raises(UnderLegalHold):
        await kept.remove(OTHER, PROVIDER, "sound")


async def test_events_are_listed_the_newest_first_as_asked(kept: Metered) -> None:
    await add(kept, *(event(str(n), "{}", BEGIN_US + n) for n in range(5)))

    async def listed(most: int = 10, **asked: object) -> str:
        found = await kept.list_events(ACME, PROVIDER, most, **asked)  # type: ignore[arg-type]
        return "".join(one.id for one in found)

    assert await listed() == "43210"
    assert await listed(2) == "43"
    assert await listed(time_us=(BEGIN_US + 1, BEGIN_US + 3)) == "21"
    assert await listed(arrived_us=(NOW_US + 1, None)) == ""
    assert await listed(subject="ann", id="3") == "3"
    assert await listed(subject="bob") == ""


@pytest.mark.parametrize("path", ["sound", "$", "$.a[0]", "$..a", "$.*", "$.a.b.c.d.e.f.g.h.i", 3])
def test_a_path_that_is_not_read_is_refused_by_name(path: object) -> None:
    with pytest.raises(InvalidParameter, match="valueProperty"):
        check_path("valueProperty", path)
    assert check_path("valueProperty", "$.a.b-c") == "$.a.b-c"


@pytest.mark.parametrize(
    "value",
    [None, True, "", "NaN", "Infinity", [], {}, "1e30", "1e-31", "9" * 80, "1e999999999999"],
)
def test_what_is_no_number_says_why(value: object) -> None:
    with pytest.raises(NoAmount, match=r"\$\.s"):
        number_of(value, "$.s")
