"""The month that is made up holds what readers are to find in it, and nothing else."""

import pytest

from lab_kit.experiments.metering.overcharged import right_invoices, wrong_invoices
from lab_kit.experiments.metering.traffic import CALLERS, NOVEMBER, by_request, made_events
from lab_kit.metering.economics import ONE_GPU, by_length, by_tenant, compute_second
from lab_kit.metering.event import UsageEvent
from lab_kit.metering.reconciliation import from_events, reconcile
from lab_kit.metering.schemes import HOUSE, side_by_side


@pytest.fixture(scope="module")
def events() -> list[UsageEvent]:
    return list(made_events(20_000))


def test_the_same_seed_makes_the_same_month(events: list[UsageEvent]) -> None:
    assert list(made_events(500)) == events[:500]
    assert list(made_events(500, seed=2)) != events[:500]
    assert len({one.id for one in events}) == len(events)
    assert all(NOVEMBER.from_us <= one.time_us < NOVEMBER.until_us for one in events)


def test_all_tenants_call_in_their_own_way(events: list[UsageEvent]) -> None:
    usage = by_request(events)
    assert set(usage) == {caller.tenant for caller in CALLERS}
    assert sum(map(len, usage.values())) == len({one.used.stream for one in events})


def test_an_event_that_comes_twice_is_used_once(events: list[UsageEvent]) -> None:
    assert by_request([*events, *events[:99]]) == by_request(events)


def test_the_events_of_a_stream_are_whole(events: list[UsageEvent]) -> None:
    heard = from_events(events)
    assert reconcile(heard, heard, heard).is_zero


def test_one_tenant_loses_money_and_its_requests_are_the_short_ones(
    events: list[UsageEvent],
) -> None:
    usage = by_request(events)
    cost = compute_second(ONE_GPU, 0.3)
    losing = [one.name for one in by_tenant(usage, HOUSE.books, cost) if one.margin < 0]
    assert losing == ["kiosk"]
    by = {one.name: one.margin for one in by_length(usage, HOUSE.books, cost)}
    assert by.pop("0 to 2 s") < 0
    assert min(by.values()) > 0


def test_one_invoice_is_36_percent_too_high_and_the_others_are_right(
    events: list[UsageEvent],
) -> None:
    right, wrong = (make(events, HOUSE.books) for make in (right_invoices, wrong_invoices))
    changed = [tenant for tenant in right if wrong[tenant].total != right[tenant].total]
    assert changed == ["dictation"]
    (line,), (due,) = wrong["dictation"].lines, right["dictation"].lines
    assert round(line.units / due.units - 1, 2) == 0.36
    assert line.quantity == due.quantity
    assert line.requests > due.requests


def test_short_requests_are_dearest_where_there_is_a_minimum(events: list[UsageEvent]) -> None:
    kiosk = by_request(events)["kiosk"]
    dearest = max(side_by_side(kiosk), key=lambda one: one.total)
    assert dearest.scheme.name == "amazon"
