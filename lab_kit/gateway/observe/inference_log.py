"""What was sent to callers, one line for each: a count of sound beside the one that is billed.

It is made by code of its own, from other words of the pipeline: a final once it was sent, and the
end. Whoever doubts a bill compares the two. A line says how far a stream has got, by names and
times, and never a word that was spoken. A line that cannot be written is a failure of the
background, and holds up nobody; nor is there one beyond `MOST_BYTES`.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from lab_kit.core.errors import StateUnusable
from lab_kit.gateway.observe.work import Delivery, Ended, Reached, Work, WorkKind

MOST_BYTES = 2**30
"""Of the file, some five million lines."""
_TASK = "inference log"


class InferenceLog:
    """Appends to one file; a `Listener`.

    Args:
        file: made if it is not there; one process writes it.
        on_failure: told that a line could not be written.

    Raises:
        StateUnusable: the file cannot be written.
    """

    def __init__(
        self,
        file: Path,
        on_failure: Callable[[str, OSError], None],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._on_failure = on_failure
        self._most_bytes = most_bytes
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(file, flags, 0o600)
            self._end_bytes = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise StateUnusable(
                f"{file} ({error})", "a file that can be written", "name another"
            ) from error

    def opened(self, work: Work) -> None:
        """See `Listener`; nothing was sent yet."""

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`; that is what is billed by, and is not listened to."""

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """See `Listener`: of a recording, results are sent together, at its end."""
        if work.kind is WorkKind.STREAM and delivery.is_final:
            self._write(work, delivery.until_s)

    def ended(self, work: Work, ended: Ended) -> None:
        """See `Listener`."""
        self._write(work, ended.reached.told_s)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _write(self, work: Work, until_s: float) -> None:
        line = json.dumps(
            {
                "time": datetime.now(UTC).isoformat(timespec="microseconds"),
                "stream": str(work.identity.stream),
                "tenant": str(work.tenant),
                "until_us": round(until_s * 1_000_000),
            }
        )
        try:
            self._append(f"{line}\n".encode())
        except OSError as error:
            self._on_failure(_TASK, error)

    def _append(self, data: bytes) -> None:
        if self._end_bytes + len(data) > self._most_bytes:
            raise OSError(f"the log has {self._end_bytes} bytes, and may have {self._most_bytes}")
        if os.write(self._descriptor, data) != len(data):
            os.ftruncate(self._descriptor, self._end_bytes)
            raise OSError("the disk has no room for a whole line")
        self._end_bytes += len(data)
