"""How many bytes of requests' bodies are held at once, in all and of each caller.

A body is held from its first byte until it is decoded. Beside it, each worker that decodes one may
hold it once more, unpacked from its form or its compression.
"""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Any, Self

from lab_kit.core.errors import SystemOverloaded

RETRY_AFTER_S = 2.0
"""Some uploads of the largest kind are decoded in that time."""


class BodyMemory:
    """The bytes that are held now.

    Args:
        most_bytes: in all; one caller may hold half of it, so that nobody takes everybody's.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held_bytes: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Held now, of all callers."""
        return self._held_bytes.total()

    def share(self, caller: str) -> "Share":
        """What one request will hold; nothing yet."""
        return Share(self, caller)

    def take(self, caller: str, count_bytes: int) -> None:
        """Hold so many bytes more.

        Raises:
            SystemOverloaded: that would be too many; none of them is held.
        """
        most_bytes = self._most_bytes
        own = self._held_bytes[caller] + count_bytes
        whole = self.held_bytes + count_bytes
        if own > most_bytes // 2 or whole > most_bytes:
            raise SystemOverloaded(
                f"{own:,} bytes of this caller's uploads at once, {whole:,} in all",
                f"at most {most_bytes // 2:,} of one caller, and {most_bytes:,} in all",
                "send it again after the stated delay, and fewer at once",
                RETRY_AFTER_S,
            )
        self._held_bytes[caller] = own

    def give_back(self, caller: str, count_bytes: int) -> None:
        """Hold so many bytes less."""
        self._held_bytes[caller] -= count_bytes
        if not self._held_bytes[caller]:
            del self._held_bytes[caller]


class Share:
    """What one request holds; a context manager that gives it back, however the block is left.

    Work on another thread cannot be interrupted. What it still reads when the block is left counts
    until it has ended.
    """

    def __init__(self, memory: BodyMemory, caller: str) -> None:
        self._memory = memory
        self._caller = caller
        self._taken_bytes = 0
        self._user: asyncio.Future[Any] | None = None

    def hold(self, whole_bytes: int) -> None:
        """Hold so many bytes in all; fewer than before gives none back yet.

        Raises:
            SystemOverloaded: see `BodyMemory.take`.
        """
        more_bytes = max(0, whole_bytes - self._taken_bytes)
        self._memory.take(self._caller, more_bytes)
        self._taken_bytes += more_bytes

    def used_by(self, work: "asyncio.Future[Any]") -> None:
        """The bytes are read by ``work``, until it is done."""
        self._user = work

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._user is None or self._user.done():
            self.give_back()
        else:
            self._user.add_done_callback(lambda _: self.give_back())

    def give_back(self) -> None:
        """Hold nothing any more."""
        taken_bytes, self._taken_bytes = self._taken_bytes, 0
        self._memory.give_back(self._caller, taken_bytes)
