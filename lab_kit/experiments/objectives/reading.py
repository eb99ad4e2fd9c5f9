"""What it costs a server to be watched: its metrics, read again and again."""

import time
from statistics import median

import httpx

from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.table import Table
from lab_kit.core.units import ms, percent
from lab_kit.experiments.objectives.server import Server

_ANSWER_S = 5.0
_EACH_S = (15.0, 0.5)
"""How often many a Prometheus reads, and how often this lab's does."""


async def what_reading_costs(server: Server, reads: int = 20) -> Table:
    """Read everything ``reads`` times in OpenMetrics' format, exemplars included.

    Raises:
        ConnectionFailed: the server does not answer.
    """
    asked = {"accept": "application/openmetrics-text; version=1.0.0"}
    took_s, size_bytes = [], 0
    try:
        async with httpx.AsyncClient(
            base_url=server.url, timeout=_ANSWER_S, trust_env=False
        ) as asking:
            for _ in range(reads):
                began_s = time.perf_counter()
                answer = (await asking.get("/metrics", headers=asked)).raise_for_status()
                took_s.append(time.perf_counter() - began_s)
                size_bytes = len(answer.content)
    except httpx.HTTPError as error:
        raise ConnectionFailed(
            f"no metrics from {server.url} ({error!r})", "a running server", "start it again"
        ) from error
    each_s = median(took_s)
    rows = [("a read, ms", f"{ms(each_s):.1f}"), ("its bytes", f"{size_bytes:,}")]
    rows += [
        (f"of the time, if read each {every_s:g} s", percent(each_s / every_s, 2))
        for every_s in _EACH_S
    ]
    note = "While it is read the server does nothing else: a final may come so much later."
    return Table("figure", ("", "median"), rows, (note,))
