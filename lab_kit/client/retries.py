"""When a request is sent again: where that can help, not sooner than asked, and not too often.

A client that tries again multiplies the load on a server that has too much of it. So each waits
longer than the time before, by chance, so that those who failed together do not come back together;
and all requests of a client share a budget that only success refills.

Sources: Brooker, 2015, "Exponential Backoff And Jitter", AWS Architecture Blog; gRPC, 2017,
proposal A6 "Client Retries", for the budget.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lab_kit.core.errors import LabError

_T = TypeVar("_T")


@dataclass(slots=True)
class RetryBudget:
    """What all requests of a client may try again together.

    Attributes:
        most: tries that it can hold; full at first.
        refill: what each success adds, so that of many requests a tenth may be tried twice.
        left: now.
    """

    most: float = 10.0
    refill: float = 0.1
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.most

    def take(self) -> bool:
        """Use up one try, if there is one."""
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def succeeded(self) -> None:
        """A request was answered."""
        self.left = min(self.most, self.left + self.refill)


@dataclass(frozen=True, slots=True)
class Retries:
    """How requests are tried again.

    Attributes:
        attempts: of one request, the first included.
        first_s: the longest wait before the second; each next one is twice as long,
        longest_s: up to this. A server that asks for a longer one is not asked again.
        budget: shared by whoever is given it.
    """

    attempts: int = 4
    first_s: float = 0.25
    longest_s: float = 30.0
    budget: RetryBudget = field(default_factory=RetryBudget)

    async def run(self, request: Callable[[], Awaitable[_T]]) -> _T:
        """Send a request that may be sent again, until it is answered.

        Raises:
            LabError: the last refusal: of a kind that trying again cannot help, or when there are
                no attempts, or no budget, left.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                answer = await request()
            except LabError as error:
                wait_s = self.wait_s(attempt, error)
                if wait_s is None or not self.budget.take():
                    raise
                await asyncio.sleep(wait_s)
            else:
                self.budget.succeeded()
                return answer
        raise AssertionError("the last attempt raises or returns")

    def wait_s(self, attempt: int, error: LabError) -> float | None:
        """How long to wait after an attempt that failed; None for not trying again."""
        asked_s = error.retry_after_s or 0.0
        if not error.retryable or attempt >= self.attempts or asked_s > self.longest_s:
            return None
        longest_s = min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))
        return asked_s + random.uniform(0.0, longest_s)
