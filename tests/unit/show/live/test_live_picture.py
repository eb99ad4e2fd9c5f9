"""The plot of a live run and the still picture at its end are the same picture."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import ipywidgets
import pytest
from card_faults import texts
from show_calls import DEVICE, EVENTS, FIRST, SECOND, STARTED_NS, at, stream

from lab_kit.show.draw import card, theme
from lab_kit.show.draw.moving_plot import MovingPlot
from lab_kit.show.live.report import draw_report, live_frame, live_layers, report_verdict
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.view import LiveView

LATE = replace(EVENTS[6], received_ns=at(3.5 + 1.24))
"""A final that came 1,240 ms after the speaker stopped."""
NAME = "made by hand"
SVG = "{http://www.w3.org/2000/svg}"


def fed(until_s: float) -> LiveState:
    state = LiveState((FIRST, SECOND))
    for event in (*EVENTS[:6], LATE):
        if event.received_ns <= at(until_s):
            state.feed(STARTED_NS, event)
    state.advance(at(until_s))
    return state


def shown(view: LiveView) -> MovingPlot:
    (plot,) = (child for child in view.widget.children if isinstance(child, MovingPlot))
    return plot


def view_of(state: LiveState, planned_s: float | None = 6.0) -> LiveView:
    view = LiveView(NAME, DEVICE, planned_s, lambda: None)
    view.begin(state, NAME, holds_cell=False)
    return view


def box(svg: str) -> str:
    found = re.search('viewBox="[^"]*"', svg)
    assert found
    return found[0]


def test_the_still_picture_has_the_box_the_scales_and_the_words_of_the_plot() -> None:
    state = fed(6.0)
    view = view_of(state)
    view.draw(state)
    moving = shown(view).card
    still = card.render(draw_report(state, NAME, DEVICE, 6.0), report_verdict(state))
    assert box(moving) == box(still)
    words = {one for one in texts(moving) if "running" not in one and "p95 of the" not in one}
    assert words <= set(texts(still))
    assert "limit 300 ms: speaker stops → last final" in words
    assert {"0", "200", "400", "600", "final delay, ms"} <= words


def test_the_still_picture_has_every_mark_where_the_plot_had_it() -> None:
    state = fed(6.0)
    view = view_of(state)
    view.draw(state)
    data = shown(view).figure["data"]
    frame = live_frame(state, NAME, DEVICE, 6.0)
    layers = live_layers(frame, state, 6.0)
    assert data[-len(layers) :] == [layer.trace() for layer in layers]
    drawn = draw_report(state, NAME, DEVICE, 6.0).render()
    circles = ElementTree.fromstring(drawn).iter(f"{SVG}circle")
    (dots,) = [trace for trace in data if trace.get("marker", {}).get("size") == 10]
    places = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    assert len(places) == 1
    moved = zip(dots["x"], dots["y"], strict=True)
    assert places == [pytest.approx(place, abs=1e-3) for place in moved]


def test_a_jumped_window_says_where_it_begins_and_shows_nothing_earlier() -> None:
    state = fed(6.0)
    state.advance(at(25.0))
    view = view_of(state, None)
    view.draw(state)
    told = " ".join(texts(shown(view).card)).replace("\u00a0", " ")
    assert "shown from 10 s on" in told
    assert not any(t["x"] for t in shown(view).figure["data"] if t["mode"] == "markers")
    assert "shown from" not in " ".join(texts(shown(view_of(fed(6.0), None)).card))


def test_marks_once_drawn_stay_while_the_run_goes_on() -> None:
    view = view_of(LiveState((FIRST, SECOND)))
    seen = []
    for until_s in (2.0, 3.0, 6.0):
        view.draw(fed(until_s))
        (dots,) = [t for t in shown(view).figure["data"] if t.get("marker", {}).get("size") == 10]
        seen.append((dots["x"], dots["y"]))
    assert seen[0] == seen[1] == seen[2]


def test_a_final_beyond_600_ms_is_a_triangle_on_the_edge_with_its_value() -> None:
    view = view_of(LiveState((FIRST, SECOND)))
    state = fed(6.0)
    view.draw(state)
    (late,) = [
        trace
        for trace in shown(view).figure["data"]
        if trace.get("marker", {}).get("symbol") == "triangle-up"
    ]
    frame = live_frame(state, NAME, DEVICE, 6.0)
    top = min(y for y in late["y"])
    edge = re.search(rf'y1="{top:g}" x2="736" y2="{top:g}"', frame.render())
    assert edge, "it lies on the grid line of 600"
    svg = draw_report(state, NAME, DEVICE, 6.0).render()
    assert {"250", "1,240"} <= set(texts(svg))
    assert svg.count(f'fill="{theme.BUDGET_COLOR}"') >= 2, "triangle and flag"


def test_ages_are_not_compared_with_the_limit_of_the_delays() -> None:
    state = LiveState((FIRST,))
    state.feed(STARTED_NS, EVENTS[0])
    state.advance(at(1.5))
    assert max(state.freshness_s) > 0.9, "older than the limit and than the axis"
    frame = live_frame(state, NAME, DEVICE, 6.0)
    ages = live_layers(frame, state, 6.0)[0].trace()
    lines = ElementTree.fromstring(frame.render()).iter(f"{SVG}line")
    limit_y = max(float(one.attrib["y1"]) for one in lines if "budget" in one.attrib["class"])
    lowest = min(y for y in ages["y"] if y is not None)
    assert lowest > limit_y, "all of the line lies beneath the limit, on a scale of its own"


def test_words_change_twice_a_second_at_most_and_marks_at_each_tick() -> None:
    view = view_of(LiveState((FIRST, SECOND)))
    cards, figures = set(), []
    state = LiveState((FIRST, SECOND))
    state.feed(STARTED_NS, EVENTS[0])
    for tick in range(11, 31):
        state.advance(at(tick / 10))
        view.draw(state)
        cards.add(shown(view).card)
        figures.append(str(shown(view).figure))
    assert 1 < len(cards) <= 5, "two seconds"
    assert len(set(figures)) == len(figures)


def test_the_percentile_names_its_window() -> None:
    view, state = view_of(LiveState((FIRST, SECOND))), fed(6.0)
    view.draw(state)
    told = [one.replace("\u00a0", " ") for one in texts(shown(view).card)]
    assert "p95 of the last 10 s, n = 2, indicative: 1,240 ms" in told
    assert "0:06 running; 1 of 2 finals within 300 ms." in told


def test_a_button_that_no_kernel_would_hear_is_not_shown() -> None:
    view = LiveView(NAME, DEVICE, 6.0, lambda: None)
    button = next(
        child for child in view.widget.children[0].children if isinstance(child, ipywidgets.Button)
    )
    view.begin(LiveState(()), NAME, holds_cell=True)
    assert button.layout.display == "none"
    view.end(LiveState(()), None)
    assert (button.layout.display, button.description) == ("", "Start")
    view.begin(LiveState(()), NAME, holds_cell=False)
    assert (button.layout.display, button.description) == ("", "Stop")


def test_when_the_run_is_over_its_plot_is_gone() -> None:
    state = fed(6.0)
    state.close(stream())
    view = view_of(state)
    view.end(state, None)
    assert not any(isinstance(child, MovingPlot) for child in view.widget.children)
