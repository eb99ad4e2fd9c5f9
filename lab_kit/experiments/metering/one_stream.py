"""One stream, and what was written down of it before its caller was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab_kit.client import ServerAddress
from lab_kit.core.errors import ServerFailed
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.metering.counting import Told, call
from lab_kit.metering.event import UsageEvent, read_event
from lab_kit.metering.reconciliation import Mark

USAGE = "usage"
"""A server's journal in the folder of its state."""


class Server(Protocol):
    """A server that keeps what it is asked to keep in a folder, such as a bench."""

    address: ServerAddress

    @property
    def state_folder(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class OneStream:
    """A stream that is over.

    Attributes:
        events: that the server wrote of it.
        marks: what its caller was told, each with the time at which it came.
    """

    clip: Clip
    events: tuple[UsageEvent, ...]
    marks: tuple[Mark, ...]

    @property
    def told_us(self) -> int:
        """The sound that its caller was told about."""
        return max((mark.until_us for mark in self.marks), default=0)

    @property
    def submitted_us(self) -> int:
        """The sound that came, as its events have it."""
        return sum(event.amount.submitted_us for event in self.events)

    @property
    def processed_us(self) -> int:
        """Of it, what was gone through for speech or given to the model."""
        return sum(event.amount.processed_us for event in self.events)

    @property
    def billed_us(self) -> int:
        """Of it, what the caller was told about, as its events have it."""
        return sum(event.amount.billed_us for event in self.events)

    def written_before_us(self) -> list[int]:
        """For each message that told of more sound: how long before it was read its event was
        made."""
        made: dict[int, int] = {}
        for event in self.events:
            made.setdefault(event.until_us, event.time_us)
        told: dict[int, int] = {}
        for mark in self.marks:
            told.setdefault(mark.until_us, mark.time_us)
        return [told[until] - made[until] for until in sorted(told) if until in made]

    @property
    def table(self) -> Table:
        """A row for each event."""
        rows = [
            (
                event.id.rpartition(":")[2],
                f"{event.amount.submitted_us:,}",
                f"{event.amount.processed_us:,}",
                f"{event.amount.billed_us:,}",
                f"{event.until_us:,}",
                str(event.amount.tokens),
                event.code or "-",
            )
            for event in self.events
        ]
        head = ("", "submitted µs", "processed µs", "billed µs", "told until µs", "tokens", "ended")
        return Table("event", head, rows)


async def one_stream(server: Server, clip: Clip) -> OneStream:
    """Stream a clip at the pace of speech, and read what the server wrote down of it.

    Raises:
        OSError, InvalidHandshake: the server cannot be reached.
        ServerFailed: it wrote nothing of it.
    """
    told = Told()
    await call(server.address, clip.pcm16, told)
    (stream,) = told.until_us
    events = [one for one in written(server.state_folder / USAGE) if one.used.stream == stream]
    if not events:
        raise ServerFailed("no event of the stream", "one at least", "start it with state=True")
    return OneStream(clip, tuple(events), tuple(told.marks))


def written(folder: Path) -> Sequence[UsageEvent]:
    """All events that wait in a server's journal, in the order in which they were written."""
    return [
        read_event(line)
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_bytes().splitlines()
    ]
