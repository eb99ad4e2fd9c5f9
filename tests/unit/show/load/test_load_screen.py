"""What a live load's screen is told, from another thread; and its axes."""

import time

import numpy as np
from show_calls import EVENTS, FIRST, SECOND, STARTED_NS

from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.experiments.load import CallEnding, Constant, OfferedCall, OpenCalls, Stairs
from lab_kit.show.load.live import _figure, _most
from lab_kit.show.load.progress import LoadProgress

SOURCE = PacedRecording("caller", np.zeros(64_000, np.float32), (FIRST, SECOND))


def call(ending: CallEnding, received: tuple = EVENTS) -> OfferedCall:  # type: ignore[type-arg]
    made = StreamCall(
        "caller", STARTED_NS, 4.0, 0.05, (FIRST, SECOND), (), received, ClockOffset(0, 0), "d"
    )
    return OfferedCall(STARTED_NS, made, ending)


def test_finals_and_streams_are_seen_as_they_come_and_kept_when_the_call_is_over() -> None:
    seen = LoadProgress()
    seen.began(STARTED_NS - 1_000_000_000)
    for received in EVENTS[:4]:
        seen.heard(0, SOURCE, STARTED_NS, received)
    _, finals, streams, refused = seen.now()
    assert [round(p.delay_s, 3) for p in finals] == [0.25]
    assert streams[-1][1] == 1
    for received in EVENTS[4:]:
        seen.heard(0, SOURCE, STARTED_NS, received)
    seen.ended(0, call(CallEnding.COMPLETE))
    _, finals, streams, refused = seen.now()
    assert [round(p.delay_s, 3) for p in finals] == [0.25, 0.35]
    assert [round(p.at_s, 3) for p in finals] == [2.75, 4.85]  # a second after the plan's zero
    assert (streams[-1][1], refused) == (0, 0)


def test_a_refused_call_is_counted_and_never_was_a_stream() -> None:
    seen = LoadProgress()
    seen.began(time.perf_counter_ns())
    seen.ended(3, call(CallEnding.REFUSED, ()))
    _, finals, streams, refused = seen.now()
    assert (finals, refused, {count for _, count in streams}) == ([], 1, {0})


def test_the_axis_of_streams_holds_all_that_could_be_open() -> None:
    assert _most(Stairs((1, 8, 16), 10.0)) == 16
    assert _most(OpenCalls(Constant(1.0, 10.0), 4.0)) == 4
    figure = _figure("A load", "here", Stairs((1, 8), 10.0))
    assert figure.layout.yaxis2.range == (0, 9)
    assert figure.layout.shapes[0].y0 == 300
