"""Who may spend how much compute: reserved before, settled by what the device took."""

import threading
from collections.abc import Callable

import pytest

from lab_kit.access.api_keys import Environment, KeyRecord, Scope
from lab_kit.access.budget import Allowance
from lab_kit.core.errors import PayloadTooLarge, QuotaExceeded
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.compute import Compute, Spending
from lab_kit.gateway.observe.work import WorkKind

ACME = TenantId("acme")
SECOND_NS = 1_000_000_000


class Clock:
    now_s = 1_000.0


def begun(
    allowance: Allowance | None, key: KeyRecord | None = None, clock: type[Clock] = Clock
) -> tuple[Compute, Callable[..., Spending]]:
    compute = Compute(lambda _: allowance, lambda *_: None, lambda: clock.now_s)

    def begin(kind: WorkKind = WorkKind.RECORDING, *, is_patient: bool = False) -> Spending:
        return compute.begin(ACME, key, kind, is_patient=is_patient)

    return compute, begin


def left_s(compute: Compute) -> float:
    budget = compute.tenant(ACME).budget
    assert budget is not None
    return budget.left_s(compute.now_s())


def test_an_estimate_is_held_and_the_measured_takes_its_place() -> None:
    compute, begin = begun(Allowance(60.0, 60.0))
    one = begin()
    one.hold(100.0)
    assert left_s(compute) == pytest.approx(55.0), "a twentieth of a second for each"
    one.add(2 * SECOND_NS)
    one.end()
    assert left_s(compute) == pytest.approx(58.0)
    assert compute.tenant(ACME).spent_s == pytest.approx(2.0)


def test_what_is_computed_after_the_end_is_still_its_callers() -> None:
    compute, begin = begun(Allowance(60.0, 60.0))
    one = begin()
    one.hold(1.0)
    one.end()
    late = threading.Thread(target=one.add, args=(3 * SECOND_NS,))
    late.start()
    late.join()
    assert left_s(compute) == pytest.approx(57.0)


def test_a_refusal_names_the_limit_and_when_it_will_be_over() -> None:
    compute, begin = begun(Allowance(60.0, 5.0))
    begin().hold(80.0)
    with pytest.raises(QuotaExceeded) as refused:
        begin().hold(60.0)
    assert refused.value.details == {"limit": "compute_seconds", "of": "tenant acme"}
    assert refused.value.retry_after_s == pytest.approx(2.0)
    assert compute.tenant(ACME).refused == 1
    with pytest.raises(PayloadTooLarge, match="may spend at once"):
        begin().hold(101.0)


def test_a_key_has_to_fit_as_well_as_its_tenant() -> None:
    key = KeyRecord("sk_live_x", ACME, Environment.LIVE, Scope(), b"", "", 0, 0)
    narrow = KeyRecord(
        "sk_live_y", ACME, Environment.LIVE, Scope(), b"", "", 0, 0, compute=Allowance(60.0, 1.0)
    )
    compute, _ = begun(Allowance(60.0, 5.0))
    compute.begin(ACME, key, WorkKind.RECORDING).hold(40.0)
    with pytest.raises(PayloadTooLarge, match="key sk_live_y"):
        compute.begin(ACME, narrow, WorkKind.RECORDING).hold(40.0)
    assert left_s(compute) == pytest.approx(3.0), "and holds nothing of its tenant's then"
    compute.begin(ACME, narrow, WorkKind.RECORDING).hold(20.0)
    with pytest.raises(QuotaExceeded, match="key sk_live_y"):
        compute.begin(ACME, narrow, WorkKind.RECORDING).hold(20.0)
    compute.begin(ACME, key, WorkKind.RECORDING).hold(40.0)


def test_who_waits_for_its_turn_may_be_longer_than_a_burst() -> None:
    compute, begin = begun(Allowance(60.0, 5.0))
    long = begin(is_patient=True)
    long.hold(14_400.0)
    assert left_s(compute) == pytest.approx(0.0)
    long.add(30 * SECOND_NS)
    long.end()
    assert left_s(compute) == pytest.approx(-25.0), "and is earned afterwards"
    with pytest.raises(QuotaExceeded):
        begin(is_patient=True).hold(1.0)


def test_without_a_limit_everything_is_counted_and_nothing_refused() -> None:
    compute, begin = begun(None)
    one = begin()
    one.hold(1e9)
    one.add(SECOND_NS)
    one.end()
    assert (compute.tenant(ACME).budget, compute.tenant(ACME).spent_s) == (None, 1.0)


def test_later_estimates_follow_what_work_has_cost() -> None:
    compute, begin = begun(None)
    for _ in range(50):
        one = begin()
        one.hold(60.0)
        one.add(60 * SECOND_NS)
        one.settle(60.0)
        one.end()
    own, other = compute.tenant(ACME).estimates, compute.tenant(TenantId("rival")).estimates
    assert own[WorkKind.RECORDING].cost_s(1.0) == pytest.approx(1.0, rel=0.1)
    assert own[WorkKind.STREAM].cost_s(1.0) == pytest.approx(0.2), "another kind"
    assert other[WorkKind.RECORDING].cost_s(1.0) == pytest.approx(0.05), "another tenant's"


def test_a_limit_that_comes_while_work_goes_on_counts_from_then_on() -> None:
    allowed: list[Allowance | None] = [None]
    compute = Compute(lambda _: allowed[0], lambda *_: None, lambda: Clock.now_s)
    one = compute.begin(ACME, None, WorkKind.STREAM)
    one.hold(2.0)
    allowed[0] = Allowance(60.0, 5.0)
    compute.tenant(ACME)
    one.add(4 * SECOND_NS)
    one.settle(1.0)
    assert left_s(compute) == pytest.approx(1.0)


def test_tenants_without_a_limit_are_forgotten_when_too_many_are_known() -> None:
    compute, _ = begun(None)
    for number in range(10_050):
        compute.tenant(TenantId(f"sandbox-{number}"))
    assert len(compute.seen) == 10_000
    assert TenantId("sandbox-10049") in compute.seen
