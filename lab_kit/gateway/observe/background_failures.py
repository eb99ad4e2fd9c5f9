"""What failed where nobody waits for it: on a task or a thread of the server's own.

Each such failure is a count in the metrics, an entry in ``/readyz`` and a line in the log. The line
is written the 1st, 2nd, 4th, 8th, ... time, so that what fails all the time does not fill the log.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable

_log = logging.getLogger(__name__)


class BackgroundFailures:
    """The failures of one server; noted from any thread.

    Args:
        count: told the name of each task that failed.

    Attributes:
        counts: how often each task has failed, by its name; those that never did are absent.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self.counts: Counter[str] = Counter()
        self._count = count
        self._lock = threading.Lock()

    def note(self, task: str, error: BaseException) -> None:
        """Account for a failure of ``task``."""
        with self._lock:
            self.counts[task] += 1
            times = self.counts[task]
        self._count(task)
        if times & (times - 1) == 0:
            _log.error(
                "background task %s failed for the %d. time: %s: %s",
                task,
                times,
                type(error).__name__,
                error,
            )
