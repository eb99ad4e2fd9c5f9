"""Persons found by a model, off the event loop: one thread for all streams and recordings.

More threads find no more a second. Each stream and each recording asks one question at a time, so
that none waits behind more than one of another's. Whoever gets no answer tells no text.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lab_kit.core.errors import InferenceTimeout, SystemOverloaded

Spans = list[tuple[int, int]]
"""Characters of a text, the end not included."""
MOST_WAITING = 512
"""Questions: at 3 ms a sentence, and 6 with what was said before it, some that come too late, but
one of each of 256 streams in time."""
BUSY = 16
"""Questions that wait while interims had better be left out: a tenth of a second's."""
ANSWER_S = 2.0
"""Some hundred times what an answer takes: after that something is wrong, or too much is asked."""


class NamedPersons:
    """Asks what tells persons in a text.

    Args:
        name: of the model, with its version.
        find: where in a text persons are named; called on one thread.
    """

    def __init__(self, name: str, find: Callable[[str], Spans]) -> None:
        self.name = name
        self._find = find
        self._waiting: set[Future[Spans]] = set()
        self._thread = ThreadPoolExecutor(1, "persons")

    @property
    def is_busy(self) -> bool:
        """Whether so much waits that an interim would only hold up finals."""
        return len(self._waiting) >= BUSY

    async def of(self, text: str) -> Spans:
        """Where in the text persons are named.

        Raises:
            SystemOverloaded: too many questions wait.
            InferenceTimeout: there is no answer within `ANSWER_S`.
            Exception: whatever the model raises.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise SystemOverloaded(
                f"{len(self._waiting)} texts wait to be looked through",
                f"at most {MOST_WAITING}",
                "send less at a time",
            )
        asked = self._thread.submit(self._find, text)
        self._waiting.add(asked)
        asked.add_done_callback(self._waiting.discard)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.wrap_future(asked)
        except TimeoutError as error:
            raise InferenceTimeout(
                f"persons in {len(text):,} characters, not found in {ANSWER_S:.0f} s",
                "an answer",
                "send less at a time",
            ) from error

    def stop(self) -> None:
        """Answer nobody any more; returns when what is under way is done.

        A thread that computes while the process ends takes it down.
        """
        self._thread.shutdown(wait=True, cancel_futures=True)
