"""What a version can be and become on a server, and which new stream the canary gets.

Values only: no thread, no lock and no weights are touched here.
"""

from dataclasses import dataclass
from fractions import Fraction

from lab_kit.core.errors import VersionConflict
from lab_kit.models.store.version import Labels, Settings
from lab_kit.protocol.versions import VersionState, VersionStatus

_MOVES = {
    VersionState.UNLOADED: {VersionState.LOADING},
    VersionState.LOADING: {VersionState.READY, VersionState.FAILED},
    VersionState.READY: {VersionState.DRAINING, VersionState.FAILED},
    VersionState.DRAINING: {VersionState.UNLOADED},
    VersionState.FAILED: {VersionState.LOADING, VersionState.UNLOADED},
}


@dataclass(slots=True)
class VersionProgress:
    """How far one version has come.

    Attributes:
        reason: why it failed; empty otherwise.
        in_flight: streams and requests that it serves.
    """

    number: int
    state: VersionState = VersionState.UNLOADED
    reason: str = ""
    in_flight: int = 0

    @property
    def is_drained(self) -> bool:
        """Whether it waits for nobody any more and can be freed."""
        return self.state is VersionState.DRAINING and not self.in_flight

    def move(self, to: VersionState, reason: str = "") -> None:
        """Become ``to``.

        Raises:
            VersionConflict: that does not follow on the present state.
        """
        if to not in _MOVES[self.state]:
            raise VersionConflict(
                f"version {self.number} is {self.state} and cannot become {to}",
                f"one of {', '.join(sorted(_MOVES[self.state]))}",
                "look at GET /operator/versions and ask again once it is ready or unloaded",
            )
        self.state, self.reason = to, reason

    def status(self, labels: Labels, settings: Settings, published: str) -> VersionStatus:
        """As an operator sees it, with what the repository says of it."""
        return VersionStatus(
            number=self.number,
            state=self.state,
            labels=labels.of(self.number),
            share=labels.share if labels.canary == self.number else None,
            reason=self.reason,
            settings=settings.chosen(),
            published=published,
            in_flight=self.in_flight,
        )


class CanaryTurns:
    """Gives every so many their turn: of each N in a row, N x ``share`` to within one.

    Dice would give a canary of 10 % none of 20 streams once in eight times.
    """

    def __init__(self, share: float) -> None:
        # the fraction that was meant: three times 0.1 is more than 0.3 in binary
        self._share = Fraction(share).limit_denominator(1_000_000)
        self._asked = 0

    def next(self) -> bool:
        """Whether this one is the canary's."""
        before = int(self._asked * self._share)
        self._asked += 1
        return int(self._asked * self._share) > before
