"""Coordinated omission: requests timed from when each was sent, and from when it was due.

The caller waits for an answer before it asks again, so while the server stands still it asks
nothing: the requests that should have been made then are missing from what it times. From a plan of
intended times they are known.

Source: G. Tene, "How NOT to Measure Latency", 2015; wrk2.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab_kit.datasets import Clip
from lab_kit.experiments.objectives.server import Server
from lab_kit.experiments.objectives.slowing import slowed
from lab_kit.measure.percentiles import percentile


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, in seconds of the run."""

    due_s: float
    sent_s: float
    answered_s: float

    @property
    def from_send_s(self) -> float:
        """What the caller times who waits."""
        return self.answered_s - self.sent_s

    @property
    def from_due_s(self) -> float:
        """What somebody waited who came when it was due."""
        return self.answered_s - self.due_s


@dataclass(frozen=True)
class Omission:
    """The series."""

    asked: tuple[Asked, ...]
    stall_s: float

    def said_s(self, share: float) -> float:
        """A percentile, timed from the send."""
        return percentile([one.from_send_s for one in self.asked], share)

    def was_s(self, share: float) -> float:
        """The same, from when each was due."""
        return percentile([one.from_due_s for one in self.asked], share)


async def omission(
    server: Server, clip: Clip, requests: int = 50, every_s: float = 0.2, stall_s: float = 2.0
) -> Omission:
    """Ask ``requests`` times, each when the one before is answered; once the server stands still.

    Args:
        stall_s: that one request waits for company, in the middle.

    Raises:
        LabError: the server cannot be reached, or is not its operator's.
    """
    middle = requests // 2
    await server.transcribe(clip)  # connections and caches are warm
    began_s = time.perf_counter()
    asked: list[Asked] = []
    for number in range(requests):
        due_s = number * every_s
        await asyncio.sleep(max(0.0, began_s + due_s - time.perf_counter()))
        sent_s = time.perf_counter() - began_s
        if number == middle:
            async with slowed(server, stall_s):
                await server.transcribe(clip)
        else:
            await server.transcribe(clip)
        asked.append(Asked(due_s, sent_s, time.perf_counter() - began_s))
    return Omission(tuple(asked), stall_s)


def omitted(asked: Sequence[Asked]) -> int:
    """Requests that left after the next was due: the moments that who waits leaves out."""
    return sum(one.sent_s > following.due_s for one, following in pairwise(asked))
