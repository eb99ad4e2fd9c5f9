"""Callers on live streams: a plan carried out, and what every caller saw.

Every delay counts from when sound was due. A turn (one utterance of a call) that got no final is
infinitely late, and so is every turn of a call that was refused or broken: a server cannot shine by
turning people away. The generator watches itself: what it sent late, and the cores it used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from lab_kit.core.call_record import StreamCall
from lab_kit.core.units import BUDGET_S
from lab_kit.experiments.load.call_plans import CallPlan
from lab_kit.experiments.load.generator import was_bottleneck
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import UtteranceDelays, result_gaps_s, send_lateness_s, utterance_delays
from lab_kit.measure.percentiles import percentile


class CallEnding(StrEnum):
    """How a call ended."""

    COMPLETE = "complete"
    REFUSED = "refused"
    BROKEN = "broken"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """What a good turn keeps to."""

    final_delay_s: float = BUDGET_S
    first_result_s: float = 0.5


@dataclass(frozen=True, slots=True)
class OfferedCall:
    """One call of the plan.

    Attributes:
        intended_ns: when the plan said.
        call: what was sent and heard; nothing if it was refused.
        ending: how it ended.
        error: why it did not end well, as a sentence.
    """

    intended_ns: int
    call: StreamCall
    ending: CallEnding
    error: str | None = None

    @property
    def setup_s(self) -> float:
        """From the intended call to the moment the caller could begin to speak."""
        return (self.call.started_ns - self.intended_ns) / 1e9

    @property
    def open_ns(self) -> tuple[int, int] | None:
        """When its stream was open; None if it never was."""
        if self.ending is CallEnding.REFUSED:
            return None
        last = self.call.received[-1].received_ns if self.call.received else 0
        return self.call.started_ns, max(last, self.call.due_ns(self.call.audio_s))


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance: when its sound ended, and what came of it."""

    ended_ns: int
    delays: UtteranceDelays

    @property
    def final_delay_s(self) -> float:
        """Infinite if no final came."""
        return math.inf if self.delays.final_delay_s is None else self.delays.final_delay_s

    @property
    def first_result_s(self) -> float:
        """Infinite if no result came."""
        return math.inf if self.delays.first_result_s is None else self.delays.first_result_s

    def is_good(self, limits: TurnLimits) -> bool:
        """Whether it kept to both limits."""
        return (
            self.final_delay_s <= limits.final_delay_s
            and self.first_result_s <= limits.first_result_s
        )


@dataclass(frozen=True)
class LiveLoad:
    """A plan that was carried out; figures are of turns that ended after the warm-up.

    Attributes:
        calls: every call attempted, in the order in which they were due.
        began_ns: the plan's zero.
        generator_cores: cores that this process kept busy meanwhile.
        machine_cores: cores that anybody kept busy, this process and the server included.
    """

    plan: CallPlan
    calls: tuple[OfferedCall, ...]
    began_ns: int
    warm_up_s: float
    generator_cores: float
    machine_cores: float
    limits: TurnLimits = TurnLimits()

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """What is counted, in the order in which the sounds ended."""
        from_ns = self.began_ns + round(self.warm_up_s * 1e9)
        turns = [turn for call in self.calls for turn in turns_of(call.call)]
        counted = [turn for turn in turns if turn.ended_ns >= from_ns]
        return tuple(sorted(counted, key=lambda turn: turn.ended_ns))

    @property
    def final_delays_s(self) -> list[float]:
        """Of every turn; infinite where no final came."""
        return [turn.final_delay_s for turn in self.turns]

    def final_delay_s(self, share: float) -> float:
        """A percentile of the final delays of all turns; infinite if that many never came."""
        return percentile(self.final_delays_s, share)

    @property
    def first_results_s(self) -> list[float]:
        """Of every turn; infinite where no result came."""
        return [turn.first_result_s for turn in self.turns]

    @cached_property
    def gaps_s(self) -> list[float]:
        """How long callers heard nothing new while speaking; see `measure.calls.result_gaps_s`."""
        return [gap for call in self.served for gap in result_gaps_s(call.call)]

    @property
    def served(self) -> list[OfferedCall]:
        """Calls that were not refused."""
        return [call for call in self.calls if call.ending is not CallEnding.REFUSED]

    def ended(self, ending: CallEnding) -> int:
        """Calls that ended so."""
        return sum(call.ending is ending for call in self.calls)

    @property
    def without_final(self) -> int:
        """Turns that got none."""
        return sum(math.isinf(delay_s) for delay_s in self.final_delays_s)

    @property
    def good_share(self) -> float:
        """Turns within the limits, of all that were offered."""
        return sum(t.is_good(self.limits) for t in self.turns) / max(1, len(self.turns))

    @property
    def goodput_per_min(self) -> float:
        """Turns within the limits per minute of the plan after the warm-up."""
        good = sum(turn.is_good(self.limits) for turn in self.turns)
        return 60 * good / (self.plan.seconds - self.warm_up_s)

    @property
    def peak_streams(self) -> int:
        """Most streams open at one moment."""
        return max((count for _, count in self.open_streams), default=0)

    @cached_property
    def open_streams(self) -> list[tuple[float, int]]:
        """Seconds into the plan, and how many streams were open from then on."""
        spans = [span for call in self.calls if (span := call.open_ns) is not None]
        return stream_steps(spans, self.began_ns)

    @property
    def word_error_rate(self) -> float | None:
        """Pooled over the turns that got a final; None if there is none."""
        heard = [t.delays for t in self.turns if t.delays.heard]
        if not heard:
            return None
        truth = " ".join(delays.spoken.text for delays in heard)
        return word_error_rate(truth, " ".join(delays.heard for delays in heard))

    @property
    def lateness_s(self) -> float:
        """How late the generator sent its chunks, p99; 0 if it sent none."""
        late = [late_s for call in self.calls for late_s in send_lateness_s(call.call)]
        return percentile(late, 0.99) if late else 0.0

    @property
    def generator_was_bottleneck(self) -> bool:
        """Whether the generator was too late or too busy for the figures to be the server's."""
        return was_bottleneck(self.lateness_s, self.generator_cores)


def turns_of(call: StreamCall) -> Sequence[Turn]:
    """Every utterance of a call, heard or not."""
    return [Turn(call.due_ns(d.spoken.end_s), d) for d in utterance_delays(call)]


def stream_steps(spans: Sequence[tuple[int, int | None]], began_ns: int) -> list[tuple[float, int]]:
    """Seconds after ``began_ns``, and how many streams were open from then on.

    Args:
        spans: when each stream was open; the end of one that still is, is None.
    """
    ends = [end_ns for _, end_ns in spans if end_ns is not None]
    changes = sorted([(start_ns, 1) for start_ns, _ in spans] + [(end_ns, -1) for end_ns in ends])
    steps, count = [], 0
    for at_ns, change in changes:
        count += change
        steps.append(((at_ns - began_ns) / 1e9, count))
    return steps
