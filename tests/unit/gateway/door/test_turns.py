"""Callers take turns, one job each at a time, however many jobs one of them has."""

import pytest

from lab_kit.core.errors import SystemOverloaded
from lab_kit.gateway.door.turns import Turns

WORKERS = 2


def turns(most_waiting: int = 8, **jobs: int) -> Turns[str]:
    """Callers with so many jobs each, a0, a1, ... b0, b1, ..., in this order."""
    made: Turns[str] = Turns(WORKERS, most_waiting)
    for caller, count in jobs.items():
        for n in range(count):
            made.add(caller, f"{caller}{n}")
    return made


def begun(waiting: Turns[str]) -> list[str]:
    """What begins now."""
    jobs = []
    while (called := waiting.next()) is not None:
        jobs.append(called[1])
    return jobs


def test_each_caller_has_one_worker_at_most_even_if_the_others_are_free() -> None:
    waiting = turns(a=3)
    assert begun(waiting) == ["a0"]
    waiting.add("b", "b0")
    assert begun(waiting) == ["b0"]


def test_callers_alternate_and_each_keeps_its_order() -> None:
    waiting = turns(most_waiting=10, a=4, b=2, c=2)
    order = begun(waiting)
    assert order == ["a0", "b0"]
    for caller in ("a", "b", "c", "a", "b", "c"):
        waiting.ended(caller)
        order += begun(waiting)
    assert order == ["a0", "b0", "c0", "a1", "b1", "c1", "a2"]
    waiting.ended("a")
    assert begun(waiting) == ["a3"]
    assert waiting.waiting == 0


def test_one_caller_may_have_half_of_the_places_and_all_callers_all_of_them() -> None:
    waiting = turns(a=4)
    with pytest.raises(SystemOverloaded, match=r"4 uploads of this caller .* fewer than 4") as full:
        waiting.add("a", "a4")
    assert full.value.retry_after_s > 0
    for caller in ("b", "c", "d", "e"):
        waiting.add(caller, caller)
    with pytest.raises(SystemOverloaded, match="8 in all"):
        waiting.add("f", "f")
    begun(waiting)
    waiting.add("f", "f")


def test_what_is_withdrawn_never_begins_and_frees_its_place() -> None:
    waiting = turns(a=2, b=1)
    waiting.withdraw("a", "a0")
    waiting.withdraw("a", "a0")
    waiting.withdraw("b", "b0")
    waiting.withdraw("nobody", "x")
    assert waiting.waiting == 1
    assert begun(waiting) == ["a1"]
    waiting.withdraw("a", "a1")  # at work already
    waiting.ended("a")
    assert begun(waiting) == []
