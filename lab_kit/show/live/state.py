"""What a live run has shown so far, as values: points, percentiles and the transcript's lines.

Events and the time go in; nothing here draws, waits or reads a clock. Where the spoken words
and their times are known, delays mean exactly what `measure.calls` says. With a microphone nobody
knows when the speaker stopped, so delays count from where the server's own detector put the end
of speech, which flatters a detector that is late, and is named so on the plot.
"""

import math
from collections import deque
from dataclasses import dataclass

from lab_kit.core.call_record import Received, Spoken, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import Final, Interim, SpeechStarted
from lab_kit.measure.calls import utterance_delays
from lab_kit.show.draw.figures import NEVER

FRESHNESS_STEP_S = 0.1
"""How often freshness is sampled, as `measure.calls.freshness_s` does."""
_SETTLE_S = 0.05
"""A moment is judged this much later, so that events just received have been fed."""
_RESULTS_KEPT = 64
"""Only the newest results can be the newest at a moment that is not judged yet."""


@dataclass(frozen=True, slots=True)
class Point:
    """A delay, and when it was seen, in seconds after the run began."""

    at_s: float
    delay_s: float


@dataclass(slots=True)
class _Speech:
    """A stretch of speech, and the next moment of it at which freshness is sampled."""

    start_s: float
    end_s: float
    next_s: float


class LiveState:
    """One run of one or more streams in a row.

    Attributes:
        spoken: what is truly said in each stream; empty if nobody knows.
        freshness: age of the newest result's audio at each moment while someone spoke.
        heard: the finals' texts.
        interim: what is being heard, None between utterances.
        reached_s: how far the run is, or where it ended, in seconds after it began.
    """

    def __init__(self, spoken: tuple[Spoken, ...] = ()) -> None:
        self.spoken = spoken
        self.freshness: list[Point] = []
        self.heard: list[str] = []
        self.interim: Interim | None = None
        self.reached_s = 0.0
        self._opened_ns: int | None = None
        self._began_ns: int | None = None
        self._started_ns = 0
        self._received: list[Received] = []
        self._newest: deque[tuple[int, float]] = deque(maxlen=_RESULTS_KEPT)
        self._speech: list[_Speech] = []
        self._earlier: list[Point] = []
        self._current: list[Point] = []

    @property
    def zero(self) -> str:
        """What the final delays count from, as a phrase."""
        return "the speaker stops" if self.spoken else "the detector's end of speech"

    @property
    def finals(self) -> list[Point]:
        """The delay of every final; of every utterance's last final where those are known."""
        return [*self._earlier, *self._current]

    @property
    def freshness_s(self) -> list[float]:
        """The ages alone."""
        return [point.delay_s for point in self.freshness]

    @property
    def final_delays_s(self) -> list[float]:
        """The delays alone, infinite for an utterance that got no final."""
        return [point.delay_s for point in self.finals]

    def feed(self, started_ns: int, received: Received) -> None:
        """Take an event of the stream whose first sample was due at ``started_ns``."""
        if self._began_ns is None or started_ns != self._started_ns:
            self._begin(started_ns)
        event = received.event
        at_s = self._audio_s(received.received_ns)
        self.reached_s = max(self.reached_s, self._since_s(received.received_ns))
        if self.spoken:
            self._received.append(received)
        if isinstance(event, SpeechStarted) and not self.spoken:
            # by the detector's word; the moments before its interim are sampled too
            self._speech.append(_speech(event.at_s, math.inf))
        if isinstance(event, Interim | Final):
            self._newest.append((received.received_ns, event.end_s))
        if isinstance(event, Interim):
            self.interim = event
        if isinstance(event, Final):
            self._finish_segment(event, received, at_s)

    def advance(self, now_ns: int) -> None:
        """Sample freshness at every moment of speech that has passed and was not sampled yet."""
        if self._began_ns is None:  # nothing was heard of it yet, but time passes
            self._opened_ns = self._opened_ns or now_ns
            self.reached_s = (now_ns - self._opened_ns) / 1e9
            return
        self.reached_s = max(self.reached_s, self._since_s(now_ns))
        until_s = self._audio_s(now_ns) - _SETTLE_S
        for speech in self._speech:
            while speech.next_s <= min(speech.end_s, until_s):
                self._sample(speech)
        self._speech = [speech for speech in self._speech if speech.next_s <= speech.end_s]

    def close(self, call: StreamCall) -> None:
        """Take a stream that is over: what never came is now known."""
        if self.spoken and self._began_ns is not None:
            self.advance(call.due_ns(call.audio_s + _SETTLE_S))
            self._current = self._points(call)
        self._earlier += self._current
        self._current, self._received, self._speech = [], [], []
        self.interim = None

    def _begin(self, started_ns: int) -> None:
        self._earlier += self._current
        self._current, self._received = [], []
        self._newest.clear()
        self._started_ns = started_ns
        self._began_ns = started_ns if self._began_ns is None else self._began_ns
        self._speech = [_speech(one.start_s, one.end_s) for one in self.spoken]
        self.interim = None

    def _finish_segment(self, final: Final, received: Received, at_s: float) -> None:
        self.interim = None
        if final.text:
            self.heard.append(final.text)
        if self.spoken:
            points = self._points(self._so_far())
            self._current = [point for point in points if point.delay_s < NEVER]
            return
        for speech in self._speech:
            speech.end_s = min(speech.end_s, at_s)
        if final.text:
            self._current.append(Point(self._since_s(received.received_ns), at_s - final.end_s))

    def _sample(self, speech: _Speech) -> None:
        moment_s = speech.next_s
        now_ns = self._started_ns + round(moment_s * 1e9)
        covered = [end_s for received_ns, end_s in self._newest if received_ns <= now_ns]
        age_s = moment_s - max([speech.start_s, *covered])
        self.freshness.append(Point(self._run_s(moment_s), age_s))
        speech.next_s += FRESHNESS_STEP_S

    def _points(self, call: StreamCall) -> list[Point]:
        points = []
        for one in utterance_delays(call):
            delay_s = NEVER if one.final_delay_s is None else one.final_delay_s
            seen_s = one.spoken.end_s + (0.0 if delay_s == NEVER else delay_s)
            points.append(Point(self._run_s(seen_s), delay_s))
        return points

    def _so_far(self) -> StreamCall:
        """The running stream as a call, for the definitions in `measure.calls`."""
        return StreamCall(
            name="",
            started_ns=self._started_ns,
            audio_s=0.0,
            chunk_s=0.0,
            spoken=self.spoken,
            sent=(),
            received=tuple(self._received),
            clock=ClockOffset(0, 0),
            device="",
        )

    def _audio_s(self, at_ns: int) -> float:
        return (at_ns - self._started_ns) / 1e9

    def _run_s(self, audio_s: float) -> float:
        return self._since_s(self._started_ns) + audio_s

    def _since_s(self, at_ns: int) -> float:
        return 0.0 if self._began_ns is None else (at_ns - self._began_ns) / 1e9


def _speech(start_s: float, end_s: float) -> _Speech:
    return _Speech(start_s, end_s, start_s + FRESHNESS_STEP_S)


def with_gaps(points: list[Point]) -> list[list[Point]]:
    """Points in unbroken runs; a pause between two utterances breaks one."""
    runs: list[list[Point]] = []
    for point in points:
        if not runs or point.at_s - runs[-1][-1].at_s > 1.5 * FRESHNESS_STEP_S:
            runs.append([])
        runs[-1].append(point)
    return runs
