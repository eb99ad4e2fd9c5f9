"""An open loop: each request leaves when the plan says, however the ones before it fare.

Latency counts from the *intended* send. A generator that counts from the real one, or waits for
an answer before it asks again, asks least when the server is worst, and reports that all is well
("coordinated omission"). It can still be late itself, so it says how late it was.

Source: Schroeder et al., "Open Versus Closed: A Cautionary Tale", NSDI 2006; G. Tene, wrk2.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol, TypeAlias

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.datasets import Clip
from lab_kit.experiments.load.arrivals import Arrivals
from lab_kit.experiments.load.generator import was_bottleneck
from lab_kit.measure.goodput import goodput_per_s, slo_attainment
from lab_kit.measure.percentiles import can_show, percentile

PATIENCE_S = 30.0
"""A caller who has waited this long has hung up."""
LEAD_S = 0.05
"""The plan begins this long after it was made, so that the first request is not late already."""


class Answer(Protocol):
    """What comes back."""

    @property
    def text(self) -> str:
        """What was heard."""
        ...


Transcribe: TypeAlias = Callable[[Clip], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class OfferedRequest:
    """One request of the plan.

    Attributes:
        intended_ns: when the plan said.
        sent_ns: when it was really made.
        received_ns: when its answer was there; None if none came.
        error: why there is no text, as a sentence.
        refused: the server said that it will not, now; other errors are failures.
    """

    intended_ns: int
    sent_ns: int
    received_ns: int | None
    audio_s: float
    text: str
    error: str | None = None
    refused: bool = False

    @property
    def latency_s(self) -> float:
        """From the intended send to the answer; infinite without one."""
        if self.received_ns is None:
            return math.inf
        return (self.received_ns - self.intended_ns) / 1e9


OnEnd: TypeAlias = Callable[[float, OfferedRequest], None]


@dataclass(frozen=True)
class OpenLoopRun:
    """A plan that was carried out.

    Figures are of the window after the warm-up: latencies of requests due in it, throughput by
    answers received in it, so that what was still waiting at either end distorts neither.

    Attributes:
        requests: every request, those of the warm-up included.
        began_ns: the plan's zero.
        generator_cores: cores that this process kept busy meanwhile.
    """

    arrivals: Arrivals
    requests: tuple[OfferedRequest, ...]
    began_ns: int
    warm_up_s: float
    generator_cores: float

    @property
    def window_s(self) -> float:
        """Length of what is measured."""
        return self.arrivals.seconds - self.warm_up_s

    @cached_property
    def counted(self) -> tuple[OfferedRequest, ...]:
        """The requests due after the warm-up."""
        return tuple(r for r in self.requests if self._is_inside(r.intended_ns))

    @property
    def offered_per_s(self) -> float:
        """Requests due per second."""
        return len(self.counted) / self.window_s

    @property
    def answered_per_s(self) -> float:
        """Answers received per second."""
        return len(self._answered) / self.window_s

    @property
    def audio_s_per_s(self) -> float:
        """Throughput: seconds of audio whose text was received, per second."""
        return sum(r.audio_s for r in self._answered) / self.window_s

    @property
    def refused(self) -> int:
        """Requests that the server turned away."""
        return sum(r.refused for r in self.counted)

    @property
    def failed(self) -> int:
        """Requests that got no answer for another reason."""
        return sum(r.error is not None and not r.refused for r in self.counted)

    def latency_s(self, share: float) -> float | None:
        """A percentile of latency over all requests, the unanswered as infinitely late.

        Returns:
            None if there are too few requests to prove that percentile; see `measure.percentiles`.
        """
        if not can_show(len(self.counted), share):
            return None
        return percentile([r.latency_s for r in self.counted], share)

    def slo_attainment(self, limit_s: float) -> float:
        """The share of requests answered within the limit."""
        return slo_attainment([r.latency_s for r in self.counted], limit_s)

    def goodput_per_s(self, limit_s: float) -> float:
        """Requests per second answered within the limit."""
        return goodput_per_s([r.latency_s for r in self.counted], limit_s, self.window_s)

    @property
    def lateness_s(self) -> float:
        """How late the generator sent: p99 of real less intended."""
        return percentile([(r.sent_ns - r.intended_ns) / 1e9 for r in self.counted], 0.99)

    @property
    def generator_was_bottleneck(self) -> bool:
        """Whether the generator was too late or too busy for the figures to be the server's."""
        return was_bottleneck(self.lateness_s, self.generator_cores)

    @property
    def _answered(self) -> list[OfferedRequest]:
        return [
            r for r in self.requests if r.received_ns is not None and self._is_inside(r.received_ns)
        ]

    def _is_inside(self, stamp_ns: int) -> bool:
        return self.warm_up_s <= (stamp_ns - self.began_ns) / 1e9 < self.arrivals.seconds


async def offer(
    transcribe: Transcribe,
    clips: Sequence[Clip],
    arrivals: Arrivals,
    *,
    warm_up_s: float = 0.0,
    patience_s: float = PATIENCE_S,
    on_end: OnEnd | None = None,
) -> OpenLoopRun:
    """Make the plan's requests, one clip after the other; returns when all have ended.

    Args:
        transcribe: makes one request, such as `client.Inference.transcribe`. A `LabError` that it
            raises becomes part of the record; another exception is a defect, and is raised.
        warm_up_s: leave out what happens before, so that cold caches are not measured.
        patience_s: give up on an answer this long after the intended send.
        on_end: called with each request when it has ended, and with how many seconds after the
            plan's zero it was due.

    Raises:
        InvalidParameter: no clips, or the plan has nothing after the warm-up.
    """
    plan = arrivals.times_s()
    if not clips or not any(at_s >= warm_up_s for at_s in plan):
        raise InvalidParameter(
            f"{len(clips)} clips and {len(plan)} arrivals in {arrivals.seconds} s",
            f"something to send after a warm-up of {warm_up_s} s",
            "plan for longer, or at a higher rate",
        )
    began_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    zero_ns = began_ns + round(LEAD_S * 1e9)
    made: list[asyncio.Task[OfferedRequest]] = []
    async with asyncio.TaskGroup() as group:
        for number, at_s in enumerate(plan):
            due_ns = zero_ns + round(at_s * 1e9)
            await asyncio.sleep(max(0, due_ns - time.perf_counter_ns()) / 1e9)
            asked = _ask(transcribe, clips[number % len(clips)], due_ns, patience_s)
            made.append(group.create_task(asked))
            if on_end is not None:
                made[-1].add_done_callback(partial(_tell, on_end, at_s))
    wall_ns = time.perf_counter_ns() - began_ns
    return OpenLoopRun(
        arrivals=arrivals,
        requests=tuple(task.result() for task in made),
        began_ns=zero_ns,
        warm_up_s=warm_up_s,
        generator_cores=(time.process_time_ns() - cpu_ns) / wall_ns,
    )


async def sweep(
    transcribe: Transcribe,
    clips: Sequence[Clip],
    plans: Sequence[Arrivals],
    *,
    warm_up_s: float = 0.0,
) -> list[OpenLoopRun]:
    """Carry out one plan after the other.

    Put the rates in rising order: a server may go on working for callers who hung up.
    """
    return [await offer(transcribe, clips, plan, warm_up_s=warm_up_s) for plan in plans]


def lowest_at_highest(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> str:
    """Which of several servers kept callers waiting least at its last, highest rate.

    Args:
        runs: for each name what was offered to it, in rising order of rate.
        share: by which percentile of latency.
    """

    def wait_s(name: str) -> float:
        return percentile([request.latency_s for request in runs[name][-1].counted], share)

    return min(runs, key=wait_s)


def _tell(on_end: OnEnd, due_s: float, ended: "asyncio.Task[OfferedRequest]") -> None:
    if not ended.cancelled() and ended.exception() is None:
        on_end(due_s, ended.result())


async def _ask(
    transcribe: Transcribe, clip: Clip, intended_ns: int, patience_s: float
) -> OfferedRequest:
    sent_ns = time.perf_counter_ns()
    left_s = patience_s - (sent_ns - intended_ns) / 1e9
    text, error, refused = "", None, False
    try:
        async with asyncio.timeout(left_s):
            text = (await transcribe(clip)).text
    except TimeoutError:
        error = f"no answer within {patience_s:.0f} s"
    except LabError as failure:
        error, refused = str(failure), failure.http_status == 503
    received_ns = None if error else time.perf_counter_ns()
    return OfferedRequest(intended_ns, sent_ns, received_ns, clip.duration_s, text, error, refused)
