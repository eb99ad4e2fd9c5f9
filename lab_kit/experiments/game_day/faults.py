"""What breaks on a game day, what somebody may do about it, and which of both go together.

Each fault has one action that contains it, so that callers stop losing, and mostly one that mends
it, so that it does not come back. The runbooks in ``docs/runbooks`` say the same in words.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What breaks."""

    BAD_VERSION = "bad version"
    CASCADE = "disconnection cascade"
    MEMORY = "memory exhaustion"
    STARTS = "cold-start storm"
    BILLING = "billing discrepancy"
    DRIFT = "slow drift"


class Action(StrEnum):
    """What somebody on call may do."""

    ROLL_BACK = "take the canary's label off"
    UNLOAD = "unload the version"
    SPREAD_RETURNS = "have callers return spread over time"
    GO_AROUND = "lead callers around the proxy"
    STOP_GROWER = "stop the process that grows"
    LIMIT_GROWER = "start it again with a limit"
    ALLOW_START = "give a start as long as it takes"
    STOP_EXPORTER = "stop the second exporter"
    CREDIT = "credit what was charged twice"
    SET_BACK = "set the batching back"
    STOP_TUNER = "stop what changes the batching"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One fault's page.

    Attributes:
        contain: after it callers lose nothing more.
        mend: after it the fault does not come back; None where containing it has done that.
    """

    fault: Fault
    contain: Action
    mend: Action | None

    @property
    def page(self) -> str:
        """Its file in ``docs/runbooks``."""
        return f"{self.fault.replace(' ', '-')}.md"


RUNBOOKS = {
    one.fault: one
    for one in (
        Runbook(Fault.BAD_VERSION, Action.ROLL_BACK, Action.UNLOAD),
        Runbook(Fault.CASCADE, Action.GO_AROUND, Action.SPREAD_RETURNS),
        Runbook(Fault.MEMORY, Action.STOP_GROWER, Action.LIMIT_GROWER),
        Runbook(Fault.STARTS, Action.ALLOW_START, None),
        Runbook(Fault.BILLING, Action.STOP_EXPORTER, Action.CREDIT),
        Runbook(Fault.DRIFT, Action.STOP_TUNER, Action.SET_BACK),
    )
}
