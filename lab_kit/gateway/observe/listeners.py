"""All who are told what becomes of admitted work: metrics, later bills and audit.

The pipeline knows none of them. A listener that fails is noted like any other failure, and the call
goes on.
"""

from collections.abc import Callable

from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.observe.work import Delivery, Ended, Listener, Reached, Work


class Listeners:
    """All who listen, in the order in which they were added."""

    def __init__(self, failures: Failures, *listeners: Listener) -> None:
        self._failures = failures
        self._listeners = list(listeners)

    def add(self, listener: Listener) -> None:
        """Tell this one too from now on."""
        self._listeners.append(listener)

    def opened(self, work: Work) -> None:
        """See `Listener`."""
        self._tell(lambda listener: listener.opened(work))

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`."""
        self._tell(lambda listener: listener.telling(work, reached))

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """See `Listener`."""
        self._tell(lambda listener: listener.delivered(work, delivery))

    def ended(self, work: Work, ended: Ended) -> None:
        """See `Listener`."""
        self._tell(lambda listener: listener.ended(work, ended))

    def _tell(self, what: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            try:
                what(listener)
            except Exception as error:
                self._failures.tell(type(listener).__name__, error)
