"""Months, their days and their names, in UTC."""

import pytest

from lab_kit.core.clock import read_rfc3339
from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.period import DAY_US, Period


@pytest.mark.parametrize(
    ("month", "until", "days"),
    [
        ("2026-11", "2026-12-01", 30),
        ("2026-12", "2027-01-01", 31),
        ("2028-02", "2028-03-01", 29),
        ("2027-02", "2027-03-01", 28),
    ],
)
def test_a_month_ends_where_the_next_begins(month: str, until: str, days: int) -> None:
    found = Period.month(month)
    assert found.from_us == read_rfc3339(f"{month}-01T00:00:00Z")
    assert found.until_us == read_rfc3339(f"{until}T00:00:00Z")
    assert (len(found.days), found.days[0]) == (days, found.from_us)


@pytest.mark.parametrize("written", ["2026-13", "2026-0", "11-2026", "2026-11-01", "", "0000-01"])
def test_what_is_no_month_is_refused(written: str) -> None:
    with pytest.raises(InvalidParameter, match="year and a month"):
        Period.month(written)


def test_a_period_is_named_by_its_days_or_by_its_moments() -> None:
    november = Period.month("2026-11")
    assert november.name == "20261101-20261201"
    assert Period(november.from_us, november.from_us + DAY_US + 1).name == (
        "20261101-20261102T000000.000001"
    )
