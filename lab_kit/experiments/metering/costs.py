"""What it takes of a stream's path to write one event down."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.clock import since_1970_us
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S
from lab_kit.measure.percentiles import percentile
from lab_kit.metering.event import Used, cloud_event
from lab_kit.metering.meter import Meter, Reached

_SOUND_US = 1_600_000


@dataclass(frozen=True, slots=True)
class EventCost:
    """What events took.

    Attributes:
        each_s: in the order in which they were written.
        line_bytes: of one.
    """

    each_s: tuple[float, ...]
    line_bytes: int

    @property
    def table(self) -> Table:
        """Each figure."""
        median_s, high_s = (percentile(list(self.each_s), share) for share in (0.5, 0.99))
        rows = [
            ("one event, median", f"{median_s * 1e6:,.0f} µs"),
            ("one event, p99", f"{high_s * 1e6:,.0f} µs"),
            ("of 300 ms, the median", f"{100 * median_s / BUDGET_S:.3f} %"),
            ("a line", f"{self.line_bytes} bytes"),
        ]
        note = f"{len(self.each_s):,} events: metered, made into JSON, and handed to the system."
        return Table("figure", ("", ""), rows, [note])


def what_an_event_costs(events: int = 5_000) -> EventCost:
    """Meter, encode and write so many events, one after the other, as a server does for a result.

    Its own lookup of the stream's meter and its counters are not in it.
    """
    used = Used("request", "stream", "stream", "acme", "", "moonshine-tiny-en", 1, "eu-west")
    meter = Meter("lab_kit/costs", used)
    each_s, line = [], b""
    with tempfile.TemporaryDirectory(prefix="lab-cost-") as folder:
        path = Path(folder) / "events.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for number in range(1, events + 1):
                told_us = number * _SOUND_US
                began_ns = time.perf_counter_ns()
                meter.reach(Reached(told_us, told_us, told_us, tokens=number))
                line = cloud_event(meter.event(since_1970_us())) + b"\n"
                os.write(descriptor, line)
                meter.wrote()
                each_s.append((time.perf_counter_ns() - began_ns) / 1e9)
        finally:
            os.close(descriptor)
    return EventCost(tuple(each_s), len(line))
