"""Burn rates over made counts, and who is told."""

import pytest
from slo_histories import HISTORIES, LOW, UNSEEN, History

from lab_kit.slo.burn import (
    ALERTS,
    D30,
    H1,
    M5,
    Count,
    Severity,
    budget_spent,
    burn_rate,
    error_ratio,
    firing,
    grown,
)
from lab_kit.slo.objective import Objective

OBJECTIVE = Objective("final-delay", "speech", 0.99, "good", "total")


@pytest.mark.parametrize("history", HISTORIES, ids=[one.name for one in HISTORIES])
def test_who_is_told_after_each_history(history: History) -> None:
    counts = history.counts
    found = {one.severity.value for one in firing(OBJECTIVE, counts, counts[-1].at_s)}
    assert found == history.told - {UNSEEN, LOW}


@pytest.mark.parametrize("history", HISTORIES, ids=[one.name for one in HISTORIES])
def test_compressed_time_tells_the_same(history: History) -> None:
    counts = [Count(one.at_s / 120, one.good, one.total) for one in history.counts]
    found = {one.severity.value for one in firing(OBJECTIVE, counts, counts[-1].at_s, 120)}
    assert found == history.told - {UNSEEN, LOW}


def test_the_alerts_spend_what_the_workbook_says() -> None:
    assert [round(alert.spends, 3) for alert in ALERTS] == [0.02, 0.05, 0.1, 0.1]
    assert [one.severity for one in ALERTS] == [*[Severity.PAGE] * 2, *[Severity.TICKET] * 2]


def test_nothing_in_a_window_has_no_rate() -> None:
    counts = [Count(0.0, 5, 5), Count(10.0, 5, 5)]
    assert error_ratio(counts, 10.0, 60.0) is None
    assert burn_rate(OBJECTIVE, counts, 10.0, 60.0) is None
    assert burn_rate(OBJECTIVE, [], 10.0, 60.0) is None
    assert firing(OBJECTIVE, counts, 10.0) == ()


def test_a_restart_is_no_loss() -> None:
    counts = [Count(0.0, 90, 100), Count(1.0, 98, 110), Count(2.0, 4, 5)]
    assert grown(counts, 2.0, 10.0) == (12, 15)


def test_only_the_window_counts() -> None:
    counts = [Count(float(at), 9.0 * at, 10.0 * at) for at in range(10)]
    assert grown(counts, 9.0, 3.0) == (18, 20)
    assert burn_rate(OBJECTIVE, counts, 9.0, 3.0) == pytest.approx(10)


def test_the_budget_spent_is_of_the_whole_period() -> None:
    hour = [Count(60.0 * at, 100.0 * at * 0.856, 100.0 * at) for at in range(61)]
    assert budget_spent(OBJECTIVE, hour, H1.seconds) == pytest.approx(0.02)
    assert budget_spent(OBJECTIVE, hour, H1.seconds, 10) == pytest.approx(0.2)
    assert budget_spent(OBJECTIVE, hour[:1], H1.seconds) == 0
    assert budget_spent(OBJECTIVE, [Count(0, 0, 0), Count(9, 0, 0)], 9.0) == 0


def test_a_budget_is_written_as_it_is_meant() -> None:
    assert Objective("a", "b", 0.999, "", "").budget == 0.001
    assert (M5.seconds, D30.seconds) == (300, 30 * 86_400)
