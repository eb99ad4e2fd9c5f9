"""An open connection as the judge holds it, and what writes both sides of it down."""

import time
from typing import Any, Literal, Protocol

from lab_kit.core.errors import ConnectionFailed, PayloadTooLarge
from lab_kit.protocol.judge.capture import MOST_HEARD_BYTES, MOST_LINES, Capture, Head, Line
from lab_kit.protocol.judge.seen import Closed


class Talk(Protocol):
    """An open connection, whatever it speaks."""

    async def say(self, pcm: bytes) -> None:
        """Send sound."""
        ...

    async def finish(self) -> None:
        """Say that no more will come."""
        ...

    async def hear(self) -> None:
        """Record what the server says, until the connection is over or has been heard out."""
        ...

    async def closed(self) -> Closed:
        """How the connection ended."""
        ...


class Recorder:
    """Writes a capture down as it happens.

    Attributes:
        capture: what was recorded so far.
    """

    def __init__(self, dialect: str, wire: str, bytes_per_s: float) -> None:
        self.capture = Capture(Head(dialect=dialect, wire=wire, bytes_per_s=bytes_per_s))
        self._began_ns = time.perf_counter_ns()
        self._heard_bytes = 0

    def heard(self, message: dict[str, Any], size_bytes: int) -> None:
        """Write a server's message down.

        Raises:
            PayloadTooLarge: that is more than one capture holds.
        """
        self._heard_bytes += size_bytes
        if self._heard_bytes > MOST_HEARD_BYTES or len(self.capture.lines) >= MOST_LINES:
            raise PayloadTooLarge(
                f"{self._heard_bytes:,} bytes in {len(self.capture.lines):,} lines",
                f"{MOST_HEARD_BYTES:,} bytes and {MOST_LINES:,} lines of one stream",
                "judge a shorter one",
            )
        self.note(by_client=False, message=message)

    def note(self, by_client: bool, **what: Any) -> None:
        """Write one line."""
        at_ms = round((time.perf_counter_ns() - self._began_ns) / 1e6, 3)
        side: Literal["client", "server"] = "client" if by_client else "server"
        self.capture.lines.append(Line(at_ms=at_ms, by=side, **what))


def told_code(closed: ConnectionFailed) -> str | None:
    """The close code, if the server said one."""
    return None if closed.close_code is None else str(closed.close_code)
