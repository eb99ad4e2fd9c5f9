"""Stretches of time that are billed: months, days, hours, all of them in UTC."""

import re
from dataclasses import dataclass
from typing import Self

from lab_kit.core.clock import month_begins_us, rfc3339
from lab_kit.core.errors import InvalidParameter

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A period that is billed.

    Attributes:
        from_us, until_us: what was used from then until then, since 1970; the end belongs to the
            next one.
    """

    from_us: int
    until_us: int

    def __post_init__(self) -> None:
        if self.from_us >= self.until_us:
            raise InvalidParameter(f"{self}", "an end behind the beginning", "exchange the two")

    @classmethod
    def month(cls, written: str) -> Self:
        """A month as people write it.

        Raises:
            InvalidParameter: it is none.
        """
        found = _MONTH.fullmatch(written)
        try:
            if found is None:
                raise ValueError(written)
            year, month = map(int, found.groups())
            following = (year + month // 12, month % 12 + 1)
            return cls(month_begins_us(year, month), month_begins_us(*following))
        except ValueError as error:
            raise InvalidParameter(
                f"the month {written}", "a year and a month", "write it as in 2026-11"
            ) from error

    @property
    def days(self) -> range:
        """The moments at which its days begin; a day that is begun counts."""
        return range(self.from_us // DAY_US * DAY_US, self.until_us, DAY_US)

    @property
    def name(self) -> str:
        """As numbers of invoices have it; a period of whole days has no times in it."""
        return f"{_compact(self.from_us)}-{_compact(self.until_us)}"

    def __str__(self) -> str:
        return f"{rfc3339(self.from_us)} to {rfc3339(self.until_us)}"


def _compact(time_us: int) -> str:
    day, time = rfc3339(time_us).rstrip("Z").split("T")
    written = day.replace("-", "")
    return written if time_us % DAY_US == 0 else f"{written}T{time.replace(':', '')}"
