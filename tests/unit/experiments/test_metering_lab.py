"""What lab 13 computes without a server."""

from decimal import Decimal

import pytest

from lab_kit import datasets
from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments import metering
from lab_kit.experiments.metering.delivery import Journal, Rows, event, shipped
from lab_kit.metering.event import Quantities, UsageEvent, Used

EVENTS = (event("a", "1", 5), event("a", "2", 7))


def test_a_kill_takes_what_a_process_kept_and_nothing_else() -> None:
    kept, handed, flushed = metering.killed_writers(500)
    assert kept.lost > 0
    assert handed.lost == flushed.lost == 0
    assert "Lost something: kept in the process." in metering.killed_writers_table([kept]).text


def forget_first(journal: Journal, rows: Rows) -> None:
    for one in journal.waiting():
        journal.forget(1)
        rows.add((one["source"], one["id"]), one)


def test_whoever_ships_is_killed_before_or_after_a_call_takes_effect() -> None:
    whole = shipped(forget_first, EVENTS, None, is_after=False)
    assert (whole.billed_us, whole.left, whole.calls) == (12, 0, 7)
    assert shipped(forget_first, EVENTS, 1, is_after=False).billed_us == 12
    assert shipped(forget_first, EVENTS, 1, is_after=True).billed_us == 7


@pytest.mark.parametrize(("length_s", "more"), [(15.0, 0.0), (7.5, 1.0), (14.5, 0.5 / 14.5)])
def test_a_minimum_adds_what_a_request_lacks(length_s: float, more: float) -> None:
    assert metering.surcharge(length_s) == pytest.approx(more)


def test_the_length_for_a_surcharge_is_where_it_begins() -> None:
    length_s = metering.length_for(0.36)
    assert metering.surcharge(length_s) <= 0.37
    assert metering.surcharge(length_s - 0.02) > 0.36


def test_short_requests_pay_more_by_one_scheme_alone() -> None:
    month = metering.month(3_000)
    bids = {one.name: one for one in metering.bids(metering.live_requests(month, "kiosk"))}
    assert bids["Amazon"].more > 5
    assert max(one.more for name, one in bids.items() if name != "Amazon") < 1
    assert all(one.unpriced == 0 for one in bids.values())


def test_a_plan_names_faults_that_there_are() -> None:
    metering.Plan(faults=[(1.0, "server killed")])
    with pytest.raises(InvalidParameter, match="nobody ships"):
        metering.Plan(faults=[(1.0, "an earthquake")])


def test_an_event_has_a_cost() -> None:
    cost = metering.what_an_event_costs(200)
    assert len(cost.each_s) == 200
    assert cost.line_bytes > 300
    assert "200 events" in cost.table.text


def test_an_hour_of_sound_costs_what_its_compute_and_the_machine_say() -> None:
    clip = datasets.clip("two-cities-best")
    amounts = [Quantities(billed_us=2_000_000, compute_us=300_000), Quantities(compute_us=100_000)]
    used = Used("r", "s", "stream", "anybody", "", "moonshine-tiny-en", 1, "")
    events = tuple(
        UsageEvent("lab_kit/a", f"s:{at}", at, used, one) for at, one in enumerate(amounts)
    )
    here = metering.cost_here(metering.OneStream(clip, events, ()), "0.36", utilisation=0.5)
    assert here.compute_s == 0.2
    each = Decimal("0.36") / (3_600 * here.machine.workers) / Decimal("0.5")
    assert here.sound_hour == pytest.approx(each * 720)
    assert "It brings more than it costs" in here.table.text
    dear = metering.cost_here(here.used, "36", utilisation=0.5)
    assert "It brings less than it costs" in dear.table.text
    with pytest.raises(InvalidParameter, match="utilisation"):
        metering.cost_here(here.used, "0.36", utilisation=0.0)
    with pytest.raises(InvalidParameter, match="an hour"):
        metering.cost_here(here.used, "cheap")
