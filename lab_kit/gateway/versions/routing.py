"""Which version a new caller gets: by labels, the canary by turns; and what the shadow is asked.

A label decides about new streams and requests only.
"""

import logging
from collections.abc import Callable
from functools import partial

from lab_kit.core.errors import ModelNotLoaded, VersionNotFound
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Lease
from lab_kit.gateway.versions.observed_engine import Outcome
from lab_kit.gateway.versions.shadow import Shadow
from lab_kit.gateway.versions.state import CanaryTurns, VersionProgress
from lab_kit.gateway.versions.table import VersionTable
from lab_kit.models.store.version import Label, Labels
from lab_kit.protocol.versions import ShadowReport

_log = logging.getLogger(__name__)


class Routing:
    """The labels of one server.

    Args:
        lease: a version by its number, for one decode of the shadow.

    Attributes:
        labels: now.
        failure: why no version is production, once it is known that none is on its way.
    """

    def __init__(
        self, table: VersionTable, lease: Callable[[int], Lease], metrics: Metrics
    ) -> None:
        self.labels = Labels()
        self.failure: BaseException | None = None
        self._table = table
        self._lease = lease
        self._metrics = metrics
        self._turns = CanaryTurns(1.0)
        self._shadow: Shadow | None = None

    def chosen(self) -> VersionProgress:
        """The version of the next caller.

        Raises:
            ModelNotLoaded: no version is production.
        """
        canary = self.labels.canary
        if canary is not None and self._turns.next():
            return self._table.progress(canary)
        return self.answering()

    def answering(self) -> VersionProgress:
        """What callers are answered by, the canary's share aside.

        Raises:
            ModelNotLoaded: nothing, yet or ever.
        """
        production = self.labels.production
        if production is None:
            raise ModelNotLoaded(
                "the model is not loaded yet" if self.failure is None else str(self.failure),
                "a server whose /readyz answers 200",
                "wait, or read the server's log",
            )
        return self._table.progress(production)

    def set_label(self, label: Label, number: int, share: float | None = None) -> None:
        """Put a label on a version that is ready; new streams follow it from now on.

        Args:
            share: of new streams and requests, for the canary.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is not ready.
            InvalidParameter: the share is missing or out of place.
        """
        with self._table.lock:
            self._table.ready(number)
            self._keep(self.labels.put(label, number, share))

    def remove_label(self, label: Label) -> None:
        """Take a label off; without it nothing is canary, or shadow.

        Raises:
            VersionConflict: production can only be moved.
        """
        with self._table.lock:
            self._keep(self.labels.take_off(label))

    def restore(self, label: Label, number: int, share: float | None) -> None:
        """A version that was labelled when the server last ran is ready again."""
        with self._table.lock:
            self._follow(self.labels.put(label, number, share))

    def clear(self) -> None:
        """Follow no label any more; those kept on disk stay."""
        self._follow(Labels())

    def shadow_report(self) -> ShadowReport:
        """What the shadow's answers were like.

        Raises:
            VersionNotFound: no version is the shadow.
        """
        shadow = self._shadow
        if shadow is None:
            raise VersionNotFound(
                "no version carries the label shadow", "one", "put the label on a ready version"
            )
        return shadow.report()

    def decode_ended(self, number: int, request: DecodeRequest, outcome: Outcome) -> None:
        """A decode of version ``number`` has ended: count it, and have the shadow repeat it.

        Called on that version's engine's threads.
        """
        self._metrics.count_decode(number, request, outcome)
        shadow = self._shadow
        if shadow is None or shadow.version == number or self.labels.production != number:
            return
        if isinstance(outcome, Hypothesis) and request.priority is not Priority.INTERIM:
            try:
                shadow.ask(request, outcome.text)
            except Exception as error:  # production has answered, and nobody waits for the shadow
                self._metrics.background_failures.note("shadow", error)

    def _keep(self, labels: Labels) -> None:
        """Write first: labels that could not be kept are not followed either."""
        self._table.repository.keep_labels(self._table.model, labels)
        self._follow(labels)

    def _follow(self, labels: Labels) -> None:
        before, self.labels = self.labels, labels
        if labels.share is not None and labels.share != before.share:
            self._turns = CanaryTurns(labels.share)
        if labels.shadow != before.shadow:
            self._shadow = None
            if (number := labels.shadow) is not None:
                count = self._metrics.count_comparison
                self._shadow = Shadow(number, partial(self._lease, number), count)
        _log.info("labels: %s", labels)
