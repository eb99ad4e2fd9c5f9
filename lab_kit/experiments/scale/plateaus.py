"""A number of streams held on the real server: what callers saw, what it cost, what was decoded.

Admission and the service level are out of the way meanwhile (`full_service_only`): what is measured
is what the machine does with so many streams, not what the server does about it. Processor time is
the operating system's account of the server's process; decodes are the server's own counter.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from lab_kit import client
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import StreamOptions
from lab_kit.datasets import Clip
from lab_kit.experiments.load import LiveLoad, Stairs, call_all

OPTIONS = StreamOptions(endpoint_silence_s=0.2)
THINK_S = 0.8
"""Mean pause above half a second: about a third of a call is silence, as in a monologue."""
WARM_UP_S = 4.0
NEVER = 1e6
"""A threshold that no load reaches."""
_ANSWER_S = 5.0


class Server(Protocol):
    """A server with an operator, such as a bench."""

    operator: client.Operator

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def device(self) -> str: ...
    @property
    def pid(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Plateau:
    """So many streams, and what they saw and cost.

    Attributes:
        audio_s: of sound that all of them sent.
        final_delays_s: of every turn after the warm-up; infinite where no final came.
        server_cpu_s: processor time of the server.
        device_s: time of its device that callers' work took.
        finals, interims: decodes that ended.
        others: share of the machine that was taken by neither server nor callers.
        generator_cores: cores that the callers took.
        generator_was_late: so that the delays may be theirs.
    """

    streams: int
    seconds: float
    audio_s: float
    final_delays_s: tuple[float, ...]
    server_cpu_s: float
    device_s: float
    finals: int
    interims: int
    others: float
    generator_cores: float
    generator_was_late: bool

    @property
    def cpu_s_per_audio_s(self) -> float:
        """What a second of sound costs the server."""
        return self.server_cpu_s / self.audio_s

    @property
    def decodes_per_audio_s(self) -> float:
        """How often a second of sound was decoded, finals and interims."""
        return (self.finals + self.interims) / self.audio_s


@asynccontextmanager
async def full_service_only(server: Server) -> AsyncIterator[None]:
    """While the block runs nobody is refused, and interims are as many as without load.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    before = (await server.operator.degradation()).thresholds
    await server.operator.set_degradation_thresholds(
        busy=NEVER, saturated=NEVER, final_wait_s=NEVER, queue_wait_s=NEVER, fill=NEVER
    )
    try:
        yield
    finally:
        await server.operator.set_degradation_thresholds(**before)


async def hold(
    server: Server, streams: int, seconds: float, speech: list[Clip], seed: int | None = None
) -> Plateau:
    """Hold so many streams for so long.

    Args:
        seed: of what callers say; their number where none is given.

    Raises:
        ConnectionFailed: the server is not there.
    """
    process = psutil.Process(server.pid)
    counted = await _counters(server.url)
    before = process.cpu_times()
    run = await call_all(
        server,
        Stairs((streams,), seconds),
        speech,
        options=OPTIONS,
        think_s=THINK_S,
        warm_up_s=min(WARM_UP_S, seconds / 3),
        seed=streams if seed is None else seed,
    )
    after = process.cpu_times()
    since = {name: now - counted[name] for name, now in (await _counters(server.url)).items()}
    return _plateau(run, streams, after.user + after.system - before.user - before.system, since)


def _plateau(run: LiveLoad, streams: int, cpu_s: float, counted: dict[str, float]) -> Plateau:
    audio_s = sum(call.call.audio_s for call in run.served)
    wall_s = (
        max(call.call.due_ns(call.call.audio_s) for call in run.calls) / 1e9 - run.began_ns / 1e9
    )
    others = run.machine_cores - run.generator_cores - cpu_s / wall_s
    return Plateau(
        streams=streams,
        seconds=run.plan.seconds,
        audio_s=audio_s,
        final_delays_s=tuple(run.final_delays_s),
        server_cpu_s=cpu_s,
        device_s=counted["device"],
        finals=round(counted["final"]),
        interims=round(counted["interim"]),
        others=max(0.0, others) / (psutil.cpu_count() or 1),
        generator_cores=run.generator_cores,
        generator_was_late=run.generator_was_bottleneck,
    )


async def _counters(url: str) -> dict[str, float]:
    """The server's own counts: device seconds, and decodes by kind."""
    try:
        async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_S, trust_env=False) as asking:
            text = (await asking.get("/metrics")).raise_for_status().text
    except httpx.HTTPError as error:
        raise ConnectionFailed(
            f"no metrics from {url} ({error!r})", "a running server", "start it again"
        ) from error
    found = {"device": 0.0, "final": 0.0, "interim": 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "lab_compute_seconds_total":
                found["device"] += sample.value
            elif sample.name == "lab_decodes_total":
                found[sample.labels["kind"]] += sample.value
    return found
