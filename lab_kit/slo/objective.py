"""A service level objective: of all events of a kind, the share that has to be good.

An objective knows where its events are counted, as queries, and nothing of who counts them.
"""

from dataclasses import dataclass

PERIOD_DAYS = 30
"""What a budget is for. The burn rates that page are chosen for a month of this length."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective.

    Attributes:
        name: its own, such as ``final-delay``.
        service: whose.
        target: the share of events that is to be good, in (0, 1).
        good: query of good events per second; the window stands in it as ``{{.window}}``.
        total: likewise, of all that count.
        description: what it promises, in a sentence.
    """

    name: str
    service: str
    target: float
    good: str
    total: str
    description: str = ""

    @property
    def id(self) -> str:
        """Its name among those of all services."""
        return f"{self.service}-{self.name}"

    @property
    def budget(self) -> float:
        """The error budget: the share of events that may be bad."""
        # 1 - 0.999 is 0.0010000000000000009, and would be written into every rule
        return round(1 - self.target, 9)
