"""What a live load's screen is told, from another thread; and the still picture is the same."""

import asyncio
import re
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from card_faults import texts
from hang import HANG_S
from show_calls import DEVICE, EVENTS, FIRST, SECOND, STARTED_NS

from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.experiments.load import CallEnding, Constant, LiveLoad, OfferedCall, OpenCalls, Stairs
from lab_kit.show.draw import card
from lab_kit.show.draw.figures import NEVER
from lab_kit.show.live.state import Point
from lab_kit.show.load import live, progress
from lab_kit.show.load.live import LoadScreen
from lab_kit.show.load.load import draw_load, load_verdict, most_streams
from lab_kit.show.load.progress import LoadProgress, LoadSeen, seen_of

SOURCE = PacedRecording("caller", np.zeros(64_000, np.float32), (FIRST, SECOND))
PLAN = Stairs((1, 8), 10.0)
TURNS = [Point(2.0, 0.2), Point(3.0, 0.4), Point(5.0, 1.24), Point(6.0, NEVER)]


def call(ending: CallEnding, received: tuple = EVENTS) -> OfferedCall:  # type: ignore[type-arg]
    made = StreamCall(
        "caller", STARTED_NS, 4.0, 0.05, (FIRST, SECOND), (), received, ClockOffset(0, 0), DEVICE
    )
    return OfferedCall(STARTED_NS, made, ending)


def marks(figure: dict) -> list[dict]:  # type: ignore[type-arg]
    return [trace for trace in figure["data"] if trace["mode"] == "markers"]


def words(screen: LoadScreen) -> list[str]:
    return [one.replace("\u00a0", " ") for one in texts(screen.plot.card)]


def test_turns_and_streams_are_seen_as_they_come_and_kept_when_the_call_is_over() -> None:
    seen = LoadProgress()
    seen.began(STARTED_NS - 1_000_000_000)
    for received in EVENTS[:4]:
        seen.heard(0, SOURCE, STARTED_NS, received)
    now = seen.now()
    assert [round(p.delay_s, 3) for p in now.turns] == [0.25]
    assert now.streams == [(1.0, 1)]
    for received in EVENTS[4:]:
        seen.heard(0, SOURCE, STARTED_NS, received)
    seen.ended(0, call(CallEnding.COMPLETE))
    now = seen.now()
    assert [round(p.delay_s, 3) for p in now.turns] == [0.25, 0.35]
    assert [round(p.at_s, 3) for p in now.turns] == [2.5, 4.5]  # a second after the plan's zero
    assert now.streams == [(1.0, 1), (5.0, 0)]
    assert now.refused == 0


def test_a_stream_that_is_heard_of_late_counts_from_its_beginning() -> None:
    """Or the line would run backwards."""
    seen = LoadProgress()
    seen.began(STARTED_NS)
    seen.heard(0, SOURCE, STARTED_NS + 2_000_000_000, EVENTS[0])
    seen.heard(1, SOURCE, STARTED_NS + 1_000_000_000, EVENTS[0])
    assert seen.now().streams == [(1.0, 1), (2.0, 2)]


def test_a_refused_call_is_counted_and_never_was_a_stream() -> None:
    seen = LoadProgress()
    seen.began(STARTED_NS - 2_000_000_000)
    seen.ended(3, call(CallEnding.REFUSED, ()))
    now = seen.now()
    assert (now.refused, now.streams, now.not_served_s) == (1, [], [2.0])
    assert [point.delay_s for point in now.turns] == [NEVER, NEVER], "late for ever"


def test_turns_of_a_refused_call_are_not_counted_before_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = LoadProgress()
    seen.began(STARTED_NS)
    seen.ended(3, call(CallEnding.REFUSED, ()))
    counted = []
    for reached_s in (1.0, 2.0, 6.0):
        now_ns = STARTED_NS + int(reached_s * 1e9)
        monkeypatch.setattr(progress.time, "perf_counter_ns", lambda now_ns=now_ns: now_ns)
        counted.append(len(seen.now().turns))
    assert counted == [0, 1, 2], "they end at 1.5 and 3.5 s"


def test_what_was_seen_while_it_ran_is_what_the_run_holds() -> None:
    ended = [call(CallEnding.COMPLETE), call(CallEnding.REFUSED, ())]
    run = LiveLoad(PLAN, tuple(ended), STARTED_NS, 2.0, 0.1, 0.1)
    seen = LoadProgress(warm_up_s=2.0)
    seen.began(STARTED_NS)
    for number, one in enumerate(ended):
        seen.ended(number, one)
    then, afterwards = seen.now(), seen_of(run)
    assert then.turns == afterwards.turns
    assert len(then.turns) == 2, "those of the warm-up are left out"
    assert then.streams == afterwards.streams
    assert then.not_served_s == afterwards.not_served_s


@pytest.mark.parametrize("is_watched", [True, False])
async def test_a_cell_that_is_interrupted_ends_the_calls_and_leaves_no_plot(
    is_watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling, ended, screens = Event(), Event(), []

    async def call_for_ever(*_: object, **__: object) -> None:
        calling.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    class Screen(LoadScreen):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            screens.append(self)
            self.is_gone = False

        def take_away(self) -> None:
            super().take_away()
            self.is_gone = True

    monkeypatch.setattr(live.load, "call_all", call_for_ever)
    monkeypatch.setattr(live, "can_click", lambda: is_watched)
    monkeypatch.setattr(live, "LoadScreen", Screen)
    cell = asyncio.ensure_future(live.live_load(SimpleNamespace(device=DEVICE), PLAN, []))
    while not calling.is_set():
        await asyncio.sleep(0.01)
    cell.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(cell, HANG_S)
    assert ended.is_set()
    assert [screen.is_gone for screen in screens] == [True] * is_watched


async def test_a_load_that_cannot_begin_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(calling: Any) -> None:
        calling.close()
        raise OSError("too many open files")

    async def call(*_: object, **__: object) -> None:
        raise AssertionError("it never gets so far")

    monkeypatch.setattr(live.load, "call_all", call)
    monkeypatch.setattr(live.asyncio, "run", refuse)
    with pytest.raises(OSError, match="too many open files"):
        await live.live_load(SimpleNamespace(device=DEVICE), PLAN, [])


def test_the_axis_of_streams_holds_all_that_could_be_open() -> None:
    assert most_streams(Stairs((1, 8, 16), 10.0)) == 16
    assert most_streams(OpenCalls(Constant(1.0, 10.0), 4.0)) == 4
    screen = LoadScreen("A load", DEVICE, PLAN)
    assert {"0", "4", "8", "streams open"} <= set(texts(screen.plot.card))


def test_half_of_the_streams_is_a_whole_number_of_them() -> None:
    told = texts(LoadScreen("A load", DEVICE, Stairs((1, 7), 10.0)).plot.card)
    assert {"0", "4", "8", "streams open"} <= set(told)
    assert "3.5" not in told


def test_the_still_picture_has_the_box_the_scales_and_the_words_of_the_plot() -> None:
    run = LiveLoad(PLAN, (call(CallEnding.COMPLETE),), STARTED_NS, 0.0, 0.1, 0.1)
    screen = LoadScreen("A load", DEVICE, PLAN)
    screen.draw(seen_of(run))
    drawing = draw_load(run, "A load")
    still = card.render(drawing, load_verdict(run, "A load"))
    boxes = [re.findall('viewBox="[^"]*"', svg) for svg in (screen.plot.card, still)]
    assert boxes[0] == boxes[1]
    changing = re.compile("running|p95 of the last|turns ·|generator|● turn")
    words = {one for one in texts(screen.plot.card) if not changing.search(one)}
    assert words <= set(texts(still))
    assert "limit 300 ms: speaker stops → last final" in words
    assert {"200", "400", "600", "final delay, ms"} <= words
    dots, late, _, _ = marks(screen.plot.figure)
    places = [f'cx="{x:.3f}" cy="{y:.3f}"' for x, y in zip(dots["x"], dots["y"], strict=True)]
    told = drawing.render()
    assert len(places) == 1
    assert all(re.sub(r"\.?0+\"", '"', place) in told for place in places)
    assert len(late["x"]) == 1, "350 ms"


def test_what_is_late_lies_on_the_edge_and_what_never_came_above_it() -> None:
    screen = LoadScreen("A load", DEVICE, PLAN)
    screen.draw(LoadSeen(8.0, TURNS, [(0.0, 1)], [4.0], 1))
    dots, late, never, refused = marks(screen.plot.figure)
    assert [len(one["x"]) for one in (dots, late, never, refused)] == [1, 2, 1, 1]
    assert {late["marker"]["symbol"], never["marker"]["symbol"]} == {"triangle-up"}
    assert never["y"] == refused["y"]
    edge = min(late["y"])
    assert never["y"][0] < edge < late["y"][0] < dots["y"][0]
    (words,) = [trace for trace in screen.plot.figure["data"] if trace["mode"] == "text"]
    assert words["text"] == ["1,240"], "its value; 400 ms can be read off the axis"


def test_marks_once_drawn_stay_while_it_runs() -> None:
    screen = LoadScreen("A load", DEVICE, PLAN)
    screen.draw(LoadSeen(4.0, TURNS[:2], [(0.0, 1)], [], 0))
    before = marks(screen.plot.figure)
    screen.draw(LoadSeen(21.0, TURNS, [(0.0, 1), (10.0, 8)], [], 0))
    after = marks(screen.plot.figure)
    assert before[0]["x"] == after[0]["x"]
    assert before[1]["x"] == after[1]["x"][:1]
    assert (before[1]["y"], before[0]["y"]) == (after[1]["y"][:1], after[0]["y"])


def test_the_words_change_twice_a_second_at_most_and_name_their_window() -> None:
    screen = LoadScreen("A load", DEVICE, PLAN)
    told = []
    for count, reached_s in enumerate((10.0, 10.25, 10.5, 10.75, 11.0), 1):
        screen.draw(LoadSeen(reached_s, TURNS, [(9.0, count)], [], 0))
        told.append(words(screen))
    assert told[0] == told[1] != told[2] == told[3] != told[4]
    assert "p95 of the last 10 s, n = 4, indicative: never" in told[0]
    assert "0:10 running; 1 of 4 turns within 300 ms; 1 stream open." in told[0]
    screen.draw(LoadSeen(14.0, TURNS, [(0.0, 1)], [], 0))
    assert "p95 of the last 10 s, n = 2, indicative: never" in words(screen)
