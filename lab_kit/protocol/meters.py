"""What is metered, in no provider's words: events, meters that add them up, and what is asked.

Amounts are decimals: a float would not keep the sum of many.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown

MOST_DIGITS = 30
"""Of an amount before its point, and behind it: sums of all events there may be stay exact."""
_PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_-]{0,63}){1,8}")


class Aggregation(StrEnum):
    """What a meter makes of the values of its events."""

    SUM = "SUM"
    COUNT = "COUNT"
    UNIQUE_COUNT = "UNIQUE_COUNT"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    LATEST = "LATEST"


class WindowLength(StrEnum):
    """Of the time that one amount is for."""

    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class MeteredEvent:
    """One use of something.

    Attributes:
        source, id: what it is known by: two with the same are one.
        type: which meters it is for.
        subject: who used it; empty where only the data say so.
        time_us: when, since 1970.
        data: a JSON object, as text.
        arrived_us: when it came, since 1970.
    """

    source: str
    id: str
    type: str
    subject: str
    time_us: int
    data: str
    arrived_us: int


@dataclass(frozen=True, slots=True)
class Meter:
    """What adds events up.

    Attributes:
        slug: what callers name it by; of those of one provider that are active, each has another.
        value: the path of the value in an event's data; None where events are counted.
        groups: names, each with the path of a value by which amounts can be parted.
        about: what else its provider's words say of it, as JSON values.
    """

    id: str
    slug: str
    aggregation: Aggregation
    event_type: str
    value: str | None
    created_us: int
    updated_us: int
    groups: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    is_active: bool = True


SUBJECT = "subject"
"""The name of the group that every event has."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a meter.

    Attributes:
        from_us, until_us: the time of events, the second not included; None for any.
        window: how long the time of one amount is; None for one over all of it.
        zone: the time zone in which days and months begin.
        group_by: names of groups that have amounts of their own.
        filters: values that are let through, by group.
    """

    from_us: int | None = None
    until_us: int | None = None
    window: WindowLength | None = None
    zone: str = "UTC"
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount: of a window, and of the values of its groups; None for one that is not there."""

    value: Decimal
    from_us: int
    until_us: int
    groups: Mapping[str, str | None]


class NoAmount(ValueError):
    """An event has no value that its meter can use; the text says why."""


def check_path(name: str, path: object) -> str:
    """A path into the data of events.

    Raises:
        InvalidParameter: it is none, or one that is not read here.
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise InvalidParameter(
            f"{name} {shown(path)}",
            "a JSONPath of names alone, at most eight, such as $.audio.seconds",
            "put the value into a member of the data",
            details={"parameter": name},
        )
    return path


def read_data(data: str) -> Any:
    """An event's data, its numbers exact."""
    return json.loads(data, parse_float=Decimal)


def found_at(data: Any, path: str) -> Any:
    """The value at a path; None where there is none."""
    for name in path.split(".")[1:]:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def text_at(data: Any, path: str) -> str | None:
    """The value at a path as a text; None where there is none, or it holds others."""
    value = found_at(data, path)
    if value is None or isinstance(value, dict | list):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def amount_of(meter: Meter, data: Any) -> Decimal:
    """What an event adds to a meter of numbers.

    Raises:
        NoAmount: it has no number there.
    """
    assert meter.value is not None
    return number_of(found_at(data, meter.value), meter.value)


def number_of(value: object, where: str) -> Decimal:
    """A number, or a text of one.

    Raises:
        NoAmount: it is neither, or has more digits than are kept.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise NoAmount(f"no number at {where}: {shown(value)}")
    if isinstance(value, str) and len(value) > 2 * MOST_DIGITS + 8:
        raise NoAmount(f"no number at {where}: {shown(value)}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise NoAmount(f"no number at {where}: {shown(value)}") from None
    _, _, exponent = number.as_tuple()
    if not number.is_finite() or not isinstance(exponent, int):
        raise NoAmount(f"no number at {where}: {shown(str(value))}")
    if number.adjusted() >= MOST_DIGITS or exponent < -MOST_DIGITS:
        raise NoAmount(f"a number at {where} of more than {MOST_DIGITS} digits beside its point")
    return number
