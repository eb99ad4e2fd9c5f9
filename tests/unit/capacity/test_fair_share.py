"""Places, shared by callers once half of them are taken."""

from dataclasses import dataclass
from typing import cast

import pytest

from lab_kit.capacity.open_streams import OpenStream, fair_share


@dataclass
class Taken:
    caller: str


def taken(**callers: int) -> list[OpenStream]:
    places = [Taken(name) for name, number in callers.items() for _ in range(number)]
    return [cast("OpenStream", place) for place in places]


@pytest.mark.parametrize(
    ("open_now", "caller", "share"),
    [
        (taken(a=49), "a", None),
        (taken(a=50), "a", 100),
        (taken(a=90), "b", 50),
        (taken(a=90, b=1), "a", 50),
        (taken(a=40, b=40), "c", 33),
        (taken(), "a", None),
    ],
)
def test_from_half_on_each_has_as_much_as_any_other(
    open_now: list[OpenStream], caller: str, share: int | None
) -> None:
    assert fair_share(100, open_now, caller) == share


def test_nobody_is_left_without_a_place_by_rounding() -> None:
    assert fair_share(2, taken(a=1, b=1, c=1), "d") == 1
