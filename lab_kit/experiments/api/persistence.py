"""What clients do about refusals: try again whatever they are told, or listen."""

from dataclasses import dataclass, field
from typing import Protocol

from lab_kit.client import Retries
from lab_kit.core.errors import LabError

STUBBORN_ATTEMPTS = 8
"""Of one request, for clients that do not listen; many libraries have fewer, and some no end."""


class Persistence(Protocol):
    """What one caller does about refusals."""

    def again_s(self, attempt: int, error: LabError) -> float | None:
        """How long it waits after an attempt, the first being 1; None for giving up."""
        ...

    def succeeded(self) -> None:
        """A request was answered."""
        ...


@dataclass(slots=True)
class Stubborn:
    """Tries again after the same time, whatever it was told."""

    delay_s: float
    attempts: int = STUBBORN_ATTEMPTS

    def again_s(self, attempt: int, error: LabError) -> float | None:
        """The delay, while there are attempts left."""
        return self.delay_s if error.retryable and attempt < self.attempts else None

    def succeeded(self) -> None:
        """It does not matter."""


@dataclass(slots=True)
class Polite:
    """Waits what it was told and some more by chance, within a budget."""

    retries: Retries = field(default_factory=Retries)

    def again_s(self, attempt: int, error: LabError) -> float | None:
        """As `Retries` has it."""
        wait_s = self.retries.wait_s(attempt, error)
        return wait_s if wait_s is not None and self.retries.budget.take() else None

    def succeeded(self) -> None:
        """The budget is refilled a little."""
        self.retries.budget.succeeded()
