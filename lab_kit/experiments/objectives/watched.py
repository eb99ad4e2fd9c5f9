"""What somebody knows who watched a budget burn: the plan, each moment, each caller's turns."""

from dataclasses import dataclass

from lab_kit.experiments.load.live_load import LiveLoad
from lab_kit.experiments.objectives.readings import Reading
from lab_kit.slo.burn import BurnAlert, Count, Severity
from lab_kit.slo.objective import Objective

COMPRESSION = 120.0
"""An hour in half a minute."""
LIMIT_S = 0.8
"""Of the objective: an edge of the server's histogram, and what turns are held to here."""
READ_S = 0.5
BLIP, SLOW, FAR = "blip", "slow server", "slow network"


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens one after the other, in seconds of the run.

    Attributes:
        callers: who speak at a time, each with one utterance after the other.
        calm_s: nothing happens, before and after each thing that does.
        blip_s: the server is slow for a moment.
        slow_s: it is slow, and somebody mends it then.
        far_s: callers behind a slow network take the others' place.
    """

    callers: int = 10
    calm_s: float = 25.0
    blip_s: float = 0.8
    slow_s: float = 12.0
    far_s: float = 12.0
    compression: float = COMPRESSION

    @property
    def blip(self) -> "Incident":
        """When it is slow for a moment."""
        return Incident(BLIP, self.calm_s, self.calm_s + self.blip_s)

    @property
    def slow(self) -> "Incident":
        """When it is slow."""
        from_s = self.blip.until_s + self.calm_s
        return Incident(SLOW, from_s, from_s + self.slow_s)

    @property
    def near_s(self) -> float:
        """How long callers without a network in between speak."""
        return self.slow.until_s + self.calm_s

    @property
    def seconds(self) -> float:
        """About all of it: who is far away begins when the others have ended, or soon after."""
        return self.near_s + self.far_s


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happens."""

    name: str
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What was known at a moment of the run.

    Attributes:
        burn: rates by their window's name; a window in which nothing happened has none.
        spent: the share of the month's budget that is gone.
        alerts: those that fire, by our arithmetic.
        told_by_prometheus: whom Prometheus tells; None where there is none.
    """

    at_s: float
    count: Count
    burn: dict[str, float]
    spent: float
    alerts: tuple[BurnAlert, ...]
    told_by_prometheus: frozenset[Severity] | None

    @property
    def told(self) -> frozenset[Severity]:
        """Whom these alerts tell."""
        return frozenset(one.severity for one in self.alerts)


@dataclass(frozen=True, slots=True)
class TurnSeen:
    """An utterance at its caller.

    Attributes:
        at_s: when its sound ended, in seconds of the run.
        final_delay_s: infinite if no final came.
        caller: which of them, by a number.
    """

    at_s: float
    final_delay_s: float
    caller: int

    @property
    def is_good(self) -> bool:
        """Whether its final came within the objective's limit."""
        return self.final_delay_s <= LIMIT_S


@dataclass(frozen=True)
class Watched:
    """The whole run.

    Attributes:
        incidents: what happened, from when to when.
        readings: what a dashboard asks for, at each moment.
    """

    plan: Plan
    incidents: tuple[Incident, ...]
    objective: Objective
    moments: tuple[Moment, ...]
    turns: tuple[TurnSeen, ...]
    loads: tuple[LiveLoad, ...]
    readings: tuple[Reading, ...]

    @property
    def by_prometheus(self) -> bool:
        """Whether a real Prometheus watched, too."""
        return self.moments[-1].told_by_prometheus is not None

    def told_s(self, severity: Severity, *, by_prometheus: bool = False) -> float | None:
        """When somebody was told first, in seconds of the run."""
        for one in self.moments:
            told = one.told_by_prometheus or frozenset() if by_prometheus else one.told
            if severity in told:
                return one.at_s
        return None

    def incident(self, name: str) -> Incident:
        """The one of that name."""
        return next(one for one in self.incidents if one.name == name)

    def first(self, severity: Severity) -> BurnAlert | None:
        """The alert by which somebody was told first."""
        alerts = (alert for moment in self.moments for alert in moment.alerts)
        return next((one for one in alerts if one.severity is severity), None)

    def turns_in(self, incident: Incident) -> list[TurnSeen]:
        """Utterances that ended while it went on."""
        return [one for one in self.turns if incident.from_s <= one.at_s < incident.until_s]

    def counted_in(self, incident: Incident) -> tuple[float, float]:
        """Bad and all events that the server counted meanwhile, and until two readings later."""
        inside = [
            one.count
            for one in self.moments
            if incident.from_s <= one.at_s <= incident.until_s + 2 * READ_S
        ]
        if len(inside) < 2:
            return 0.0, 0.0
        first, last = inside[0], inside[-1]
        total = last.total - first.total
        return total - (last.good - first.good), total
