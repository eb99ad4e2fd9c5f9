"""A ledger has each event once, however it comes; and what was billed stays as it was."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from usage_made import HOUR_US, T0_US, made_usage

from lab_kit.core.errors import InvalidParameter, StateUnusable
from lab_kit.ledger.ledger import Batch, Ledger, Strange, open_ledger
from lab_kit.ledger.queries import LAST
from lab_kit.metering.event import Quantities, UsageEvent, values_of
from lab_kit.metering.period import Period

DAY = Period(T0_US, T0_US + 24 * HOUR_US)


@pytest.fixture
def where(tmp_path: Path, database_url: str | None) -> str:
    return database_url or str(tmp_path / "ledger.sqlite")


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    made = open_ledger(where)
    yield made
    made.close()


def batch(events: list[UsageEvent], until: int = 0, file: str = "a.jsonl") -> Batch:
    return Batch(file, until, [values_of(one) for one in events])


def billed_us(ledger: Ledger, tenant: str, period: Period = DAY, last: int = LAST) -> int:
    return sum(one.amount.billed_us for one in ledger.requests(tenant, period, last))


def test_an_event_that_comes_twice_counts_once(ledger: Ledger) -> None:
    events = made_usage(streams=20, each=5)
    assert ledger.take(batch(events)) == 100
    assert ledger.take(batch(events[10:60])) == 0
    assert ledger.take(batch([events[0], events[0]])) == 0
    whole = sum(one.amount.billed_us for one in events)
    assert sum(billed_us(ledger, tenant) for tenant in ledger.tenants()) == whole


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    events = made_usage(streams=30, each=5)
    seen = []
    for seed in range(3):
        ledger = open_ledger(str(tmp_path / str(seed)))
        again = [*events, *random.Random(seed).sample(events, 40)]
        random.Random(seed).shuffle(again)
        for start in range(0, len(again), 17):
            ledger.take(batch(again[start : start + 17]))
        seen.append({tenant: ledger.requests(tenant, DAY) for tenant in ledger.tenants()})
        ledger.close()
    assert seen[0] == seen[1] == seen[2]


def test_one_id_of_two_sources_is_two_events(ledger: Ledger) -> None:
    (event,) = made_usage(streams=1, each=1)
    other = UsageEvent("lab_kit/other", event.id, event.time_us, event.used, event.amount)
    assert ledger.take(batch([event, other])) == 2


def test_the_events_of_a_request_are_found_as_they_were(ledger: Ledger) -> None:
    events = made_usage(streams=3, each=4)
    ledger.take(batch(events))
    stream = events[0].used.stream
    assert ledger.events(stream) == [one for one in events if one.used.stream == stream]


def test_what_was_read_of_a_file_is_written_with_what_was_in_it(where: str, ledger: Ledger) -> None:
    events = made_usage(streams=2, each=2)
    ledger.take(batch(events, until=500))
    broken = Batch("a.jsonl", 900, [values_of(events[0])[:-1]])
    with pytest.raises(Exception, match=r"bindings|placeholders"):
        ledger.take(broken)
    assert ledger.shipped() == {"a.jsonl": 500}
    other = open_ledger(where)
    assert other.shipped() == {"a.jsonl": 500}
    other.close()


def test_strange_lines_are_kept_once(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.take(Batch("a.jsonl", 9, [], [Strange(0, b"{}", "KeyError: 'data'")]))
    assert ledger.strange_lines() == 1


def test_a_closed_period_keeps_what_it_was_billed_by(ledger: Ledger) -> None:
    events = made_usage(streams=10, each=10)
    early, late = events[::2], events[1::2]
    ledger.take(batch(early))
    closing = ledger.close_period(DAY)
    before = {tenant: ledger.requests(tenant, DAY) for tenant in ledger.tenants()}
    ledger.take(batch(late))
    assert ledger.close_period(DAY) == closing
    assert ledger.closings() == [closing]
    for tenant, requests in before.items():
        assert ledger.requests(tenant, DAY, closing.last_number) == requests
        late_us = sum(one.amount.billed_us for one in late if one.used.tenant == tenant)
        whole_us = billed_us(ledger, tenant)
        assert whole_us - billed_us(ledger, tenant, last=closing.last_number) == late_us


def test_a_period_ends_where_the_next_begins(ledger: Ledger) -> None:
    events = made_usage(streams=6, each=6)
    ledger.take(batch(events))
    middle_us = events[len(events) // 2].time_us
    parts = [Period(T0_US, middle_us), Period(middle_us, DAY.until_us)]
    for tenant in ledger.tenants():
        assert sum(billed_us(ledger, tenant, part) for part in parts) == billed_us(ledger, tenant)


def test_a_period_is_not_closed_while_something_of_it_may_still_come(ledger: Ledger) -> None:
    ledger.reach("lab_kit/a", DAY.until_us - 1)
    with pytest.raises(InvalidParameter, match="lab_kit/a was read until"):
        ledger.close_period(DAY)
    ledger.close_period(DAY, without=["lab_kit/a"])


def test_a_source_that_was_read_far_enough_lets_a_period_be_closed(ledger: Ledger) -> None:
    ledger.reach("lab_kit/a", DAY.until_us - 1)
    ledger.reach("lab_kit/a", DAY.until_us)
    assert ledger.close_period(DAY).period == DAY


@pytest.mark.parametrize("shift_us", [-HOUR_US, HOUR_US])
def test_periods_do_not_overlap(ledger: Ledger, shift_us: int) -> None:
    ledger.close_period(DAY)
    with pytest.raises(InvalidParameter, match="is closed"):
        ledger.close_period(Period(DAY.from_us + shift_us, DAY.until_us + shift_us))


def test_a_period_has_some_length() -> None:
    with pytest.raises(InvalidParameter):
        Period(5, 5)


def test_a_folder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable):
        open_ledger(str(tmp_path / "missing" / "file")).shipped()


def test_what_a_request_used_before_a_period_is_told_with_what_it_used_in_it(
    ledger: Ledger,
) -> None:
    events = made_usage(streams=1, each=6)
    ledger.take(batch(events))
    tenant, middle_us = events[0].used.tenant, events[4].time_us
    (first,) = ledger.requests(tenant, Period(T0_US, middle_us))
    (second,) = ledger.requests(tenant, Period(middle_us, DAY.until_us))
    assert first.before is None
    assert second.before == first.amount == sum((e.amount for e in events[:4]), Quantities())
    assert second.amount == sum((e.amount for e in events[4:]), Quantities())
    assert second.first_us == first.first_us == events[0].time_us
    assert ledger.requests(tenant, Period(DAY.until_us, DAY.until_us + 1)) == []
