"""Queries read without Prometheus: what they add up, and what they are refused for."""

import pytest
from test_openslo import SHIPPED

from lab_kit.core.errors import InvalidParameter
from lab_kit.slo.openslo import read_openslo
from lab_kit.slo.terms import Sample, read_terms, value_of

SAMPLES = (
    Sample("done_total", {"outcome": "served"}, 5),
    Sample("done_total", {"outcome": "failed"}, 2),
    Sample("done_total", {"outcome": "served.late"}, 1),
    Sample("lost_total", {}, 4),
    Sample("took_bucket", {"le": "0.8", "version": "1"}, 3),
    Sample("took_bucket", {"le": "0.8", "version": "2"}, 6),
    Sample("took_bucket", {"le": "0x8", "version": "2"}, 100),
)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("sum(rate(done_total[{{.window}}]))", 8),
        ('sum(rate(done_total{outcome="served"}[{{.window}}]))', 5),
        ('sum(rate(done_total{outcome=~"served|failed"}[{{.window}}]))', 7),
        ('sum(rate(took_bucket{le="0.8"}[{{.window}}]))', 9),
        ('sum(rate(took_bucket{le="0.8", version="2"}[{{.window}}]))', 6),
        ("sum(rate(done_total[{{.window}}])) + sum(rate(lost_total[{{.window}}]))", 12),
        ("sum(rate(unknown_total[{{.window}}]))", 0),
        ('sum(rate(lost_total{outcome=""}[{{.window}}]))', 4),
    ],
)
def test_counters_are_added_up(query: str, value: float) -> None:
    assert value_of(read_terms(query), SAMPLES) == value


@pytest.mark.parametrize("objective", read_openslo(SHIPPED), ids=lambda one: one.name)
def test_ours_can_be_read_so(objective: object) -> None:
    assert read_terms(objective.good)  # type: ignore[attr-defined]
    assert read_terms(objective.total)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "rate(done_total[{{.window}}])",
        "sum(increase(done_total[{{.window}}]))",
        "sum(rate(done_total[5m]))",
        "2 * sum(rate(done_total[{{.window}}]))",
        'sum(rate(done_total{outcome!="served"}[{{.window}}]))',
        "sum(rate(done_total{outcome}[{{.window}}]))",
    ],
)
def test_what_is_more_than_that_is_refused(query: str) -> None:
    with pytest.raises(InvalidParameter):
        read_terms(query)
