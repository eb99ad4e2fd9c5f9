import json
import re

from lab_kit.show.draw import card, theme
from lab_kit.show.draw.inks import INK
from lab_kit.show.draw.layers import Dots, Triangles, Words
from lab_kit.show.draw.moving_plot import MovingPlot
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

LAYERS = (
    Dots([(100, 40)], theme.COMPUTE),
    Triangles([(120, 10)], is_hollow=True),
    Words([((130, 14), "1240")], INK),
)


def framed(told: str) -> str:
    return card.render(Svg(100, "Is it so?", "A plot.", lines=(2, 2)), Verdict(told))


def test_a_page_gets_card_and_code_with_the_plot_itself() -> None:
    """What comes later is lost on a page that is slow to load a widget's module."""
    plot = MovingPlot(framed("running"))
    state = plot.get_state()
    assert "running" in state["card"]
    assert b"plotly.js" in state["_plotly_code"][:200]
    assert len(state["_esm"]) < 10_000, "the widget's module is small"
    plot.show(framed("running still"), LAYERS)
    state = plot.get_state()
    assert "running still" in state["card"]
    assert [trace["x"] for trace in state["figure"]["data"]] == [[100], [120], [130]]


def test_axes_count_the_units_of_the_card() -> None:
    plot = MovingPlot(framed("running"))
    left, top, width, height = map(float, re.search('viewBox="([^"]*)"', plot.card)[1].split())
    layout = plot.figure["layout"]
    assert (layout["width"], layout["height"]) == (width, height)
    assert layout["xaxis"]["range"] == [left, left + width]
    assert layout["yaxis"]["range"] == [top + height, top]
    assert top < 0, "title and verdict are above the plot's room"


def test_more_words_within_their_room_move_nothing() -> None:
    boxes = {re.search('viewBox="[^"]*"', framed(told))[0] for told in ("", "one", "one\ntwo")}
    assert len(boxes) == 1
    assert re.search('viewBox="[^"]*"', framed("one\ntwo\nthree"))[0] not in boxes


def test_a_page_can_exchange_every_color_for_its_dark_theme() -> None:
    plot = MovingPlot(framed("running"))
    plot.show(plot.card, LAYERS)
    state = plot.get_state()
    used = set(re.findall("#[0-9a-f]{6}", json.dumps(state["figure"])))
    assert {theme.COMPUTE, theme.PAPER, theme.BUDGET_COLOR, theme.INK} <= used
    assert used <= set(state["_on_dark"])
