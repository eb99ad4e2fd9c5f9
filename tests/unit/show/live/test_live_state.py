"""What a live run shows is what the metrics' definitions give for the same call."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from show_calls import EVENTS, FIRST, SECOND, STARTED_NS, at, stream

from lab_kit.core.call_record import Spoken
from lab_kit.measure.calls import freshness_s
from lab_kit.show.draw.figures import NEVER
from lab_kit.show.live.report import draw_report, running_verdict, tabulate
from lab_kit.show.live.state import LiveState, Point, with_gaps


def played(spoken: tuple[Spoken, ...] = (FIRST, SECOND), until_s: float = 4.0) -> LiveState:
    """A run fed as it would be live: a look at the clock every 100 ms."""
    state = LiveState(spoken)
    events = list(EVENTS)
    for tick in range(1, round(until_s * 10) + 1):
        while events and events[0].received_ns <= at(tick / 10):
            state.feed(STARTED_NS, events.pop(0))
        state.advance(at(tick / 10))
    return state


def test_a_run_agrees_with_the_definitions() -> None:
    state = played()
    state.close(stream())
    assert state.freshness_s == pytest.approx(freshness_s(stream()))
    assert state.final_delays_s == pytest.approx([0.25, 0.35])
    assert [point.at_s for point in state.finals] == pytest.approx([1.75, 3.85])


def test_points_are_there_before_the_stream_ends() -> None:
    state = played(until_s=2.0)
    assert state.final_delays_s == pytest.approx([0.25])
    assert len(state.freshness) == len(freshness_s(stream((FIRST,))))
    assert state.reached_s == pytest.approx(2.0)


def test_how_often_one_looks_changes_nothing() -> None:
    state = LiveState((FIRST, SECOND))
    for event in EVENTS:
        state.feed(STARTED_NS, event)
    state.close(stream())
    assert state.freshness == played().freshness


def test_the_transcript_grows_and_settles() -> None:
    assert played(until_s=1.4).interim is not None
    assert played(until_s=1.4).heard == []
    state = played(until_s=2.0)
    assert state.interim is None
    assert state.heard == ["Good morning"]


def test_what_never_came_is_known_at_the_end() -> None:
    state = played(until_s=2.0)
    state.close(replace(stream(), received=EVENTS[:4]))
    assert state.final_delays_s == [pytest.approx(0.25), NEVER]
    assert "never" in tabulate(state, "clip", "cpu").text
    assert "1 finals never came" in draw_report(state, "clip", "cpu").notes


def test_a_second_pass_goes_on_where_the_first_ended() -> None:
    state = played()
    state.close(stream())
    later_ns = 10_000_000_000
    for event in EVENTS:
        moved = replace(event, received_ns=event.received_ns + later_ns)
        state.feed(STARTED_NS + later_ns, moved)
    state.advance(at(14.0))
    assert state.final_delays_s == pytest.approx([0.25, 0.35] * 2)
    assert state.finals[2].at_s == pytest.approx(11.75)
    assert len(state.freshness) == 2 * len(freshness_s(stream()))
    assert len(state.heard) == 4


def test_without_known_words_delays_count_from_the_detector() -> None:
    state = played(spoken=())
    assert state.final_delays_s == pytest.approx([0.25, 0.35])
    assert state.zero == "the detector's end of speech"
    assert "nobody knows when this speaker stopped" in tabulate(state, "microphone", "cpu").text
    assert len(state.freshness) > 0
    assert max(point.at_s for point in state.freshness) < 3.9


def test_nothing_heard_is_not_an_error() -> None:
    state = LiveState((FIRST,))
    state.advance(at(1.0))
    assert state.reached_s == 0
    ElementTree.fromstring(draw_report(state, "clip", "cpu").render())
    assert "heard: -" in tabulate(state, "clip", "cpu").text
    assert "n = 0: -" in running_verdict(state).told


def test_the_report_is_xml_with_the_named_line() -> None:
    picture = draw_report(played(), "a <clip>", "cpu & more").render()
    ElementTree.fromstring(picture)
    assert "limit 300 ms: speaker stops → last final" in picture
    assert "n = 2, indicative: 350 ms" in running_verdict(played()).told


def test_a_pause_breaks_the_line() -> None:
    points = [Point(0.1, 0), Point(0.2, 0), Point(1.0, 0)]
    assert [len(run) for run in with_gaps(points)] == [2, 1]


def test_time_passes_before_anything_is_heard() -> None:
    state = LiveState()
    for second in (5, 6, 9):
        state.advance(at(second))
    assert state.reached_s == pytest.approx(4.0)
    assert state.freshness == []
