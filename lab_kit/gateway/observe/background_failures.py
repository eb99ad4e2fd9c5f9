"""What failed where nobody waits for it: on a task or a thread of the server's own.

Each such failure is a count in the metrics, an entry in ``/readyz`` and a line in the log. The line
is written the 1st, 2nd, 4th, 8th, ... time, so that what fails all the time does not fill the log.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

LOOP = "event loop"
"""What a failure is called that a library's own task or callback ended with."""
_LIBRARIES = ("aiortc", "aioice", "libav", "grpc", "asyncio", "uvicorn")
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
        if _is_power_of_two(times):
            _log.error(
                "background task %s failed for the %d. time: %s: %s",
                task,
                times,
                type(error).__name__,
                error,
            )

    def note_of_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Account for what nobody awaits, in place of the loop's own page in the log."""
        self.note(LOOP, context.get("exception") or RuntimeError(context["message"]))


class FewFromLibraries(logging.Filter):
    """Lets what a library says through the 1st, 2nd, 4th, 8th, ... time, and as one line.

    A client can have a library complain of each of its packets, some with a traceback. For a log
    handler.
    """

    def __init__(self) -> None:
        super().__init__()
        self._times: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; of several lines, the first and the last."""
        if record.name.partition(".")[0] not in _LIBRARIES:
            return True
        # the place in the code, which no client can choose, as it could choose texts
        place = (record.pathname, str(record.lineno))
        self._times[place] += 1
        record.exc_info = None
        lines = record.getMessage().strip().splitlines() or [""]
        if len(lines) > 1:
            record.msg, record.args = "%s ... %s", (lines[0], lines[-1])
        return _is_power_of_two(self._times[place])


def _is_power_of_two(times: int) -> bool:
    return times & (times - 1) == 0
