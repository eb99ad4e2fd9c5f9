"""What has been seen of a plan of calls while it is carried out, as `show.live.state` counts it."""

import threading
import time

from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import Received
from lab_kit.experiments.load import CallEnding, OfferedCall
from lab_kit.show.live.state import LiveState, Point


class LoadProgress:
    """What has been seen so far, from the generator's thread to the drawing one's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zero_ns = time.perf_counter_ns()
        self._states: dict[int, tuple[int, LiveState]] = {}
        self._over: list[Point] = []
        self._streams: list[tuple[float, int]] = [(0.0, 0)]
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
            if number not in self._states:
                self._states[number] = started_ns, LiveState(source.spoken)
                self._note_streams(started_ns)
            self._states[number][1].feed(started_ns, received)

    def ended(self, number: int, call: OfferedCall) -> None:
        """A call is over."""
        with self._lock:
            self._refused += call.ending is CallEnding.REFUSED
            if number not in self._states:
                return
            started_ns, state = self._states.pop(number)
            state.close(call.call)
            self._over += self._placed(started_ns, state)
            self._note_streams(time.perf_counter_ns())

    def now(self) -> tuple[float, list[Point], list[tuple[float, int]], int]:
        """Seconds since zero, finals, open streams over time, refusals."""
        with self._lock:
            now_s = max(0.0, (time.perf_counter_ns() - self._zero_ns) / 1e9)
            open_now = [p for ns, state in self._states.values() for p in self._placed(ns, state)]
            streams = [*self._streams, (now_s, len(self._states))]
            return now_s, [*self._over, *open_now], streams, self._refused

    def _placed(self, started_ns: int, state: LiveState) -> list[Point]:
        shift_s = (started_ns - self._zero_ns) / 1e9
        return [Point(point.at_s + shift_s, point.delay_s) for point in state.finals]

    def _note_streams(self, at_ns: int) -> None:
        self._streams.append(((at_ns - self._zero_ns) / 1e9, len(self._states)))
