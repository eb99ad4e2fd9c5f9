"""Trying again: only what it can help, never too soon, and never without a budget."""

from collections.abc import Awaitable, Callable

import pytest

from lab_kit.client import Retries, RetryBudget
from lab_kit.core.errors import ConnectionFailed, InvalidParameter, LabError, SystemOverloaded


def overloaded(retry_after_s: float | None = 0.0) -> SystemOverloaded:
    return SystemOverloaded("full", "room", "come back", retry_after_s)


def failing(times: int, error: LabError) -> tuple[list[int], Callable[[], Awaitable[str]]]:
    """A request that fails so often, and what counts how often it was sent."""
    sent: list[int] = []

    async def request() -> str:
        sent.append(1)
        if len(sent) <= times:
            raise error
        return "answer"

    return sent, request


@pytest.mark.parametrize("error", [overloaded(), ConnectionFailed("a", "b", "c")])
async def test_what_may_pass_is_tried_again(error: LabError) -> None:
    sent, request = failing(2, error)
    assert await Retries(first_s=0.0).run(request) == "answer"
    assert len(sent) == 3


async def test_what_is_the_callers_own_fault_is_not() -> None:
    sent, request = failing(1, InvalidParameter("a", "b", "c"))
    with pytest.raises(InvalidParameter):
        await Retries(first_s=0.0).run(request)
    assert len(sent) == 1


async def test_attempts_come_to_an_end() -> None:
    sent, request = failing(100, overloaded())
    with pytest.raises(SystemOverloaded):
        await Retries(attempts=3, first_s=0.0).run(request)
    assert len(sent) == 3


async def test_a_server_that_wants_to_be_left_alone_for_long_is() -> None:
    sent, request = failing(1, overloaded(60.0))
    with pytest.raises(SystemOverloaded):
        await Retries(longest_s=30.0).run(request)
    assert len(sent) == 1


async def test_when_everything_fails_little_is_sent_again() -> None:
    retries, sent_in_all = Retries(first_s=0.0, budget=RetryBudget(most=10.0)), 0
    for _ in range(1_000):
        sent, request = failing(100, overloaded())
        with pytest.raises(SystemOverloaded):
            await retries.run(request)
        sent_in_all += len(sent)
    assert sent_in_all == 1_010


async def test_success_refills_the_budget() -> None:
    budget = RetryBudget(most=2.0, refill=0.5)
    retries = Retries(first_s=0.0, budget=budget)
    for _ in range(2):
        await retries.run(failing(1, overloaded())[1])
    assert budget.left == 1.0
    for _ in range(10):
        await retries.run(failing(0, overloaded())[1])
    assert budget.left == 2.0


def test_waits_grow_are_bounded_and_differ() -> None:
    retries = Retries(attempts=20, first_s=1.0, longest_s=8.0)
    for attempt, longest_s in ((1, 1.0), (2, 2.0), (4, 8.0), (12, 8.0)):
        waits_s = [retries.wait_s(attempt, overloaded()) or 0.0 for _ in range(200)]
        assert 0.5 * longest_s < max(waits_s) <= longest_s
        assert min(waits_s) < 0.5 * longest_s


def test_nobody_comes_back_sooner_than_asked() -> None:
    waits_s = [Retries().wait_s(1, overloaded(3.0)) or 0.0 for _ in range(200)]
    assert min(waits_s) >= 3.0
    assert max(waits_s) <= 3.25
