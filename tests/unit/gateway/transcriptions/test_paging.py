"""Lists: what a filter means, what order, and that pages make a whole."""

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId
from lab_kit.gateway.transcriptions.paging import LARGEST_SIZE, USUAL_SIZE, Query

ANN = TenantId("ann")


@pytest.mark.parametrize(
    ("filter_", "condition"),
    [
        ("", ""),
        ("state = RUNNING", "state = ?"),
        ("state != FAILED", "state != ?"),
        ("done = true", "state IN (?, ?, ?)"),
        ("done != true", "state NOT IN (?, ?, ?)"),
        ("done = false", "state NOT IN (?, ?, ?)"),
        ('create_time >= "2026-01-31T12:00:00Z"', "created_ms >= ?"),
        ("create_time<2026-01-31T12:00:00+01:00 AND done=true", "created_ms < ? AND state IN"),
    ],
)
def test_a_filter_becomes_a_condition(filter_: str, condition: str) -> None:
    sql, parameters = Query.parse(0, "", filter_, "").sql(ANN)
    assert condition in sql
    assert sql.count("?") == len(parameters)


@pytest.mark.parametrize(
    "filter_",
    [
        "x",
        "state",
        "state = running",
        "state > RUNNING",
        "done = yes",
        "done < true",
        "create_time > yesterday",
        'create_time > "2026-01-31T12:00:00"',
        "state = RUNNING OR done = true",
        "state = RUNNING AND",
        "tenant = ann",
        "state = 'RUNNING'; DROP TABLE operations",
        "done = true AND " * 100 + "done = true",
    ],
)
def test_a_filter_that_means_nothing_is_refused(filter_: str) -> None:
    with pytest.raises(InvalidParameter, match="filter="):
        Query.parse(0, "", filter_, "")


def test_sizes_are_what_they_should_be() -> None:
    assert Query.parse(0, "", "", "").size == USUAL_SIZE
    assert Query.parse(7, "", "", "").size == 7
    assert Query.parse(10**9, "", "", "").size == LARGEST_SIZE
    with pytest.raises(InvalidParameter, match="page_size=-1"):
        Query.parse(-1, "", "", "")


@pytest.mark.parametrize("order", ["update_time", "create_time down", "create_time, state"])
def test_an_order_that_is_not_offered_is_refused(order: str) -> None:
    with pytest.raises(InvalidParameter, match="order_by="):
        Query.parse(0, "", "", order)


@pytest.mark.parametrize("token", ["x", "MDFh", "====", "é"])
def test_a_token_of_no_page_is_refused(token: str) -> None:
    with pytest.raises(InvalidParameter, match="page_token="):
        Query.parse(0, token, "", "")
