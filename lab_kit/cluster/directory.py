"""Which replicas there are, and which one a new stream goes to; given the time, it never waits."""

from itertools import count

from lab_kit.core.errors import SystemOverloaded
from lab_kit.protocol.cluster import REPORT_S, Placed, ReplicaStatus, Report
from lab_kit.scale.placement import Placement

STALE_S = 6 * REPORT_S
"""A replica that has not reported for so long is taken to be gone."""
MOST_REPLICAS = 256
"""More than Ray is asked for by far; names that anybody reports are forgotten after `STALE_S`."""
RETRY_S = 0.5
"""When another place may be free; a replica's own start takes seconds."""


class Directory:
    """The replicas by name.

    Args:
        placement: chooses among those with a free place.
    """

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._reports: dict[str, tuple[Report, float]] = {}
        self._placed: dict[str, int] = {}
        self._callers = count()

    def report(self, name: str, report: Report, now_s: float) -> None:
        """What a replica says now; it has counted whoever was sent there before.

        Raises:
            SystemOverloaded: there are too many already.
        """
        if name not in self._reports and len(self.replicas(now_s)) >= MOST_REPLICAS:
            raise SystemOverloaded(
                f"{MOST_REPLICAS} replicas", "fewer than that", "report again later", STALE_S
            )
        self._reports[name] = report, now_s
        self._placed[name] = 0

    def remove(self, name: str) -> None:
        """That replica is gone; harmless if nobody knew it."""
        self._reports.pop(name, None)
        self._placed.pop(name, None)

    def replicas(self, now_s: float) -> tuple[ReplicaStatus, ...]:
        """Those that have reported lately, by name."""
        for name, (_, seen_s) in list(self._reports.items()):
            if now_s - seen_s > STALE_S:
                self.remove(name)
        return tuple(
            ReplicaStatus(name, report, now_s - seen_s)
            for name, (report, seen_s) in sorted(self._reports.items())
        )

    def place(self, now_s: float) -> Placed:
        """A replica for a new stream, which counts there until its next report.

        Raises:
            SystemOverloaded: none has a free place.
        """
        free = [
            one
            for one in self.replicas(now_s)
            if not one.report.is_leaving and self._streams(one) < one.report.places
        ]
        if not free:
            raise SystemOverloaded(
                "no replica has a free place",
                "one that has",
                "ask again after the stated delay",
                RETRY_S,
            )
        chosen = self._placement.choose(
            next(self._callers),
            [self._streams(one) for one in free],
            [one.report.places for one in free],
        )
        one = free[chosen]
        self._placed[one.name] += 1
        return Placed(one.report.url, one.report.grpc, one.name, one.report.node)

    def _streams(self, one: ReplicaStatus) -> int:
        return one.report.streams + self._placed[one.name]
