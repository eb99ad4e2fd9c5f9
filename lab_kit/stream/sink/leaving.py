"""Results on their way out: those that wait for a model's word on persons, and all behind them.

Where nobody has to be asked, a result leaves at once, on the spot. Where somebody has, everything
behind it waits, so that a stream's order is kept; the newest interim replaces one that waits, and
where very many questions wait interims are left out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from lab_kit.core.events import Event, Final, Interim
from lab_kit.stream.sink.steps import Postprocess, Skipped

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result", bound=Interim | Final)
_Cause = TypeVar("_Cause")


async def told(postprocess: Postprocess, event: _Result) -> tuple[_Result, list[Skipped]]:
    """The event as `Postprocess` leaves it, once persons in it are known if they have to be.

    Nobody is asked about an empty text.
    """
    begun = postprocess.begin(event)
    if postprocess.persons is None or not begun.draft.text:
        return postprocess.end(begun, [])
    try:
        named = await postprocess.persons.of(begun.draft.looked_at)
    except Exception as error:  # whatever the model raises, or too much waits: nothing is told
        # without its words, which may be the text's
        _log.error("persons are not told: %s", type(error).__name__)
        return postprocess.end(begun, None)
    return postprocess.end(begun, named)


class Leaving(Generic[_Cause]):
    """The events of one live stream, handed on in order. All on the event loop.

    Args:
        hand_on: takes each as it is told, with its cause and the steps that were left out of it.
        failed: told of what ``hand_on`` raised where nobody else would hear of it.
    """

    def __init__(
        self,
        postprocess: Postprocess,
        hand_on: Callable[[Event, _Cause, list[Skipped]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._postprocess = postprocess
        self._hand_on = hand_on
        self._failed = failed
        self._waiting: deque[tuple[Event, _Cause]] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """Events that have not left yet."""
        return len(self._waiting) + (self._task is not None)

    def put(self, event: Event, cause: _Cause) -> None:
        """Let an event leave, once those before it have.

        Raises:
            Exception: what ``hand_on`` raises, where the event leaves at once.
        """
        asks = isinstance(event, Interim | Final) and self._postprocess.persons is not None
        if self._task is None and not asks:
            skipped: list[Skipped] = []
            if isinstance(event, Interim | Final):
                event, skipped = self._postprocess(event)
            self._hand_on(event, cause, skipped)
            return
        is_newer = isinstance(event, Interim) and bool(self._waiting)
        if is_newer and isinstance(self._waiting[-1][0], Interim):
            self._waiting.pop()
        self._waiting.append((event, cause))
        if self._task is None:
            self._task = asyncio.create_task(self._hand_on_all())

    def stop(self) -> None:
        """What has not left by now never does."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _gives_way(self) -> bool:
        """Whether an interim is left out now, so that finals need not wait for it."""
        persons = self._postprocess.persons
        return persons is not None and persons.is_busy

    async def _hand_on_all(self) -> None:
        try:
            while self._waiting:
                event, cause = self._waiting.popleft()
                if isinstance(event, Interim) and self._gives_way():
                    continue
                skipped: list[Skipped] = []
                if isinstance(event, Interim | Final):
                    event, skipped = await told(self._postprocess, event)
                self._hand_on(event, cause, skipped)
        except Exception as error:  # whatever it is, the stream's next turn raises it
            self._waiting.clear()
            self._failed(error)
        finally:
            self._task = None
