"""What has been seen of a plan of calls: while it is carried out, or when it is over."""

import threading
import time
from dataclasses import dataclass

from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import Received
from lab_kit.experiments.load import CallEnding, LiveLoad, OfferedCall, stream_steps, turns_of
from lab_kit.show.live.state import LiveState, Point

_NOT_SERVED = (CallEnding.REFUSED, CallEnding.BROKEN)


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """What a picture of a load shows; all times in seconds after the plan's zero.

    Attributes:
        reached_s: how far the plan is.
        turns: the final delay of each, at the end of its sound, in this order.
        streams: how many were open from when on.
        not_served_s: when calls were due that were refused or broken.
        refused: how many the server did not let in.
    """

    reached_s: float
    turns: list[Point]
    streams: list[tuple[float, int]]
    not_served_s: list[float]
    refused: int


def seen_of(run: LiveLoad) -> LoadSeen:
    """All of a load that is over."""
    turns = [Point((t.ended_ns - run.began_ns) / 1e9, t.final_delay_s) for t in run.turns]
    lost = [(c.intended_ns - run.began_ns) / 1e9 for c in run.calls if c.ending in _NOT_SERVED]
    steps = run.open_streams
    reached_s = max([run.plan.seconds, *(at_s for at_s, _ in steps)])
    return LoadSeen(reached_s, turns, steps, lost, run.ended(CallEnding.REFUSED))


class LoadProgress:
    """What has been seen so far, from the generator's thread to the drawing one's.

    Args:
        warm_up_s: turns that end sooner are not counted, as in `experiments.load.LiveLoad`.
    """

    def __init__(self, warm_up_s: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._warm_up_s = warm_up_s
        self._zero_ns = time.perf_counter_ns()
        self._open: dict[int, tuple[int, LiveState]] = {}
        self._over: list[Point] = []
        self._spans: list[tuple[int, int]] = []
        self._not_served_s: list[float] = []
        self._refused = 0

    def began(self, zero_ns: int) -> None:
        """The plan's zero."""
        with self._lock:
            self._zero_ns = zero_ns

    def heard(
        self, number: int, source: PacedRecording, started_ns: int, received: Received
    ) -> None:
        """A result arrived."""
        with self._lock:
            if number not in self._open:
                self._open[number] = started_ns, LiveState(source.spoken)
            self._open[number][1].feed(started_ns, received)

    def ended(self, number: int, call: OfferedCall) -> None:
        """A call is over."""
        with self._lock:
            self._open.pop(number, None)
            turns = turns_of(call.call)
            self._over += [Point(self._at_s(t.ended_ns), t.final_delay_s) for t in turns]
            if call.open_ns is not None:
                self._spans.append(call.open_ns)
            if call.ending in _NOT_SERVED:
                self._not_served_s.append(self._at_s(call.intended_ns))
            self._refused += call.ending is CallEnding.REFUSED

    def now(self) -> LoadSeen:
        """All of it until now; a refused call's turns count once their sound would have ended."""
        with self._lock:
            reached_s = max(0.0, self._at_s(time.perf_counter_ns()))
            going_on = [p for ns, state in self._open.values() for p in self._placed(ns, state)]
            turns = [p for p in (*self._over, *going_on) if self._warm_up_s <= p.at_s <= reached_s]
            opened = [(started_ns, None) for started_ns, _ in self._open.values()]
            return LoadSeen(
                reached_s,
                sorted(turns, key=lambda point: point.at_s),
                stream_steps([*self._spans, *opened], self._zero_ns),
                list(self._not_served_s),
                self._refused,
            )

    def _placed(self, started_ns: int, state: LiveState) -> list[Point]:
        """A final's place is where its sound ended; the state has it where it was seen."""
        shift_s = self._at_s(started_ns)
        return [Point(p.at_s - p.delay_s + shift_s, p.delay_s) for p in state.finals]

    def _at_s(self, at_ns: int) -> float:
        return (at_ns - self._zero_ns) / 1e9
