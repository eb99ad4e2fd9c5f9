"""Others who call while a live run goes on: a plan that is carried out beside it."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from lab_kit.bench import Bench
from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Clip
from lab_kit.experiments.load import CallPlan, call_all
from lab_kit.show.load.progress import LoadProgress


@dataclass(frozen=True, slots=True)
class Others:
    """What a crowd has seen so far.

    Attributes:
        streams, most_streams: of theirs, open now and at one moment at most.
        final_delays_s: of their turns that are over, infinite where no final came.
        refused: calls that the server did not let in.
    """

    streams: int
    most_streams: int
    final_delays_s: list[float]
    refused: int


class Crowd:
    """Callers who begin when a run does, and stop when it is over.

    Args:
        plan: when they call.
        clips: what they say.

    Raises:
        InvalidParameter: no clips.
    """

    def __init__(self, plan: CallPlan, clips: Sequence[Clip]) -> None:
        if not clips:
            raise InvalidParameter(
                "a crowd without clips", "something to say", "pass clips=, such as datasets.clips()"
            )
        self._plan, self._clips = plan, clips
        self._seen = LoadProgress()

    @property
    def others(self) -> Others:
        """What they see; of the last run once it is over."""
        seen = self._seen.now()
        counts = [0, *(count for _, count in seen.streams)]
        delays_s = [point.delay_s for point in seen.turns]
        return Others(counts[-1], max(counts), delays_s, seen.refused)

    @contextmanager
    def calling(self, bench: Bench) -> Iterator[None]:
        """Have them call while the block runs, on a thread and an event loop of their own.

        Raises:
            ConnectionFailed: the server is not there at all; at the block's end.
        """
        self._seen = LoadProgress()
        is_over = Event()
        with ThreadPoolExecutor(1, "lab-crowd") as thread:
            calling = thread.submit(asyncio.run, self._call(bench, is_over))
            try:
                yield
            finally:
                is_over.set()
        calling.result()

    async def _call(self, bench: Bench, is_over: Event) -> None:
        over = asyncio.create_task(asyncio.to_thread(is_over.wait))
        calling = asyncio.create_task(call_all(bench, self._plan, self._clips, watcher=self._seen))
        await asyncio.wait({calling, over}, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            calling.cancel()
            await asyncio.wait({calling})
        if not calling.cancelled():
            calling.result()
