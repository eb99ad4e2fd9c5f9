"""A retry storm: more requests than a server has room for, and clients that try again.

Requests leave by plan, whatever becomes of those before. What each client does when it is refused
is the only thing that differs between two runs.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import httpx
import psutil

from lab_kit.client.requests import refused, unreachable
from lab_kit.core.errors import LabError
from lab_kit.experiments.api.persistence import Persistence
from lab_kit.experiments.api.ways import Target
from lab_kit.experiments.load.generator import BUSY_CORES
from lab_kit.measure.percentiles import percentile
from lab_kit.protocol.recordings import TRANSCRIBE_PATH

CALLERS = 8
"""Processes that ask, each with what it may retry; they take turns."""
MOST_PER_S = 40.0
"""Planned requests a second: beyond it this process, and not the server, would be the limit."""
BIN_S = 0.5
"""Attempts are counted over so long."""
LATE_S = BIN_S / 2
"""No latency is measured here, so a generator may be late as long as what it sends is still counted
where it belongs."""
LEAD_S = 0.05
_TIMEOUT_S = 30.0
_CAPACITY_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Surge:
    """Calm, then more than fits, then calm again.

    Attributes:
        calm_per_s, surge_per_s: requests a second.
        before_s, surge_s, after_s: how long each lasts.
    """

    calm_per_s: float
    surge_per_s: float
    before_s: float = 3.0
    surge_s: float = 4.0
    after_s: float = 9.0

    @property
    def seconds(self) -> float:
        """How long the plan is."""
        return self.before_s + self.surge_s + self.after_s

    def times_s(self) -> list[float]:
        """When each request is due."""
        times_s, from_s = [], 0.0
        for rate, lasts_s in (
            (self.calm_per_s, self.before_s),
            (self.surge_per_s, self.surge_s),
            (self.calm_per_s, self.after_s),
        ):
            times_s += [from_s + n / rate for n in range(round(rate * lasts_s))]
            from_s += lasts_s
        return times_s


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a request was sent.

    Attributes:
        request: whose attempt it is, by its number in the plan.
        at_s: when it was sent, after the plan's zero.
        is_first: the request was not sent before.
        is_admitted: the server let it in, and answered it.
    """

    request: int
    at_s: float
    is_first: bool
    is_admitted: bool


@dataclass(frozen=True)
class StormRun:
    """A plan that was carried out.

    Attributes:
        attempts: in the order in which they were sent.
        server_cpu_s: processor time that the server used.
        late_s: how late first attempts were sent.
        generator_cores: cores that this process kept busy meanwhile.
    """

    name: str
    plan: Surge
    attempts: tuple[Attempt, ...]
    server_cpu_s: float
    late_s: tuple[float, ...]
    generator_cores: float

    @property
    def requests(self) -> int:
        """That were planned."""
        return sum(one.is_first for one in self.attempts)

    @property
    def answered(self) -> int:
        """Requests that were, in the end."""
        return sum(one.is_admitted for one in self.attempts)

    @property
    def wasted(self) -> int:
        """Attempts that brought nothing but a refusal."""
        return len(self.attempts) - self.answered

    @property
    def attempts_per_answer(self) -> float:
        """How often a request had to be sent for each answer; infinite without one."""
        return len(self.attempts) / self.answered if self.answered else float("inf")

    @cached_property
    def lateness_s(self) -> float:
        """How late the generator sent, p99."""
        return percentile(self.late_s, 0.99) if self.late_s else 0.0

    @property
    def generator_was_bottleneck(self) -> bool:
        """Whether the generator was too late or too busy for the figures to be the server's."""
        return self.lateness_s > LATE_S or self.generator_cores > BUSY_CORES


def per_s(times_s: Sequence[float], seconds: float) -> list[tuple[float, float]]:
    """How many came a second, from each multiple of `BIN_S` on; what comes later counts last."""
    bins = max(1, math.ceil(seconds / BIN_S))
    counts = [0] * bins
    for at_s in times_s:
        counts[min(bins - 1, max(0, int(at_s / BIN_S)))] += 1
    return [(index * BIN_S, count / BIN_S) for index, count in enumerate(counts)]


OnAttempt = Callable[[Attempt], None]


async def capacity_per_s(target: Target, sound: bytes, places: int) -> float:
    """Answers a second, where so many requests are always under way.

    Raises:
        LabError: the server refused one; it has fewer places.
    """
    async with _client(target) as server:

        async def ask_on() -> None:
            for _ in range(_CAPACITY_ROUNDS):
                await _send(server, sound)

        await _send(server, sound)  # the first is slower
        began_s = time.perf_counter()
        await asyncio.gather(*(ask_on() for _ in range(places)))
        return places * _CAPACITY_ROUNDS / (time.perf_counter() - began_s)


async def storm(
    target: Target,
    sound: bytes,
    plan: Surge,
    name: str,
    make: Callable[[], Persistence],
    on_attempt: OnAttempt | None = None,
) -> StormRun:
    """Carry out a plan; returns when every request was answered or given up.

    Args:
        sound: the body of each request, a recording in a file's form.
        make: what each caller does about refusals, one for each.
        on_attempt: called with each attempt when it has ended.
    """
    callers = [make() for _ in range(CALLERS)]
    process = psutil.Process(target.pid)
    attempts: list[Attempt] = []
    late_s: list[float] = []
    began_ns, cpu_ns, served_s = time.perf_counter_ns(), time.process_time_ns(), _cpu_s(process)
    zero_s = time.perf_counter() + LEAD_S

    async def request(number: int, server: httpx.AsyncClient) -> None:
        caller = callers[number % CALLERS]
        for attempt in count(1):  # each kind of caller gives up after so many
            at_s = time.perf_counter() - zero_s
            error = None
            try:
                await _send(server, sound)
            except LabError as refusal:
                error = refusal
            made = Attempt(number, at_s, attempt == 1, error is None)
            attempts.append(made)
            if on_attempt is not None:
                on_attempt(made)
            if error is None:
                caller.succeeded()
                return
            if (wait_s := caller.again_s(attempt, error)) is None:
                return
            await asyncio.sleep(wait_s)

    async with _client(target) as server, asyncio.TaskGroup() as group:
        for number, due_s in enumerate(plan.times_s()):
            await asyncio.sleep(max(0.0, zero_s + due_s - time.perf_counter()))
            late_s.append(max(0.0, time.perf_counter() - zero_s - due_s))
            group.create_task(request(number, server))
    wall_ns = time.perf_counter_ns() - began_ns
    return StormRun(
        name,
        plan,
        tuple(sorted(attempts, key=lambda one: one.at_s)),
        _cpu_s(process) - served_s,
        tuple(late_s),
        (time.process_time_ns() - cpu_ns) / wall_ns,
    )


def _client(target: Target) -> httpx.AsyncClient:
    headers = {"authorization": f"Token {target.key}", "content-type": "audio/wav"}
    return httpx.AsyncClient(
        base_url=target.url,
        headers=headers,
        timeout=_TIMEOUT_S,
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
    )


async def _send(server: httpx.AsyncClient, sound: bytes) -> None:
    """One attempt.

    Raises:
        LabError: it was refused, or not answered.
    """
    try:
        answer = await server.post(TRANSCRIBE_PATH, content=sound)
    except httpx.HTTPError as error:
        raise unreachable(str(server.base_url), error) from error
    if not answer.is_success:
        raise refused(answer)


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)
