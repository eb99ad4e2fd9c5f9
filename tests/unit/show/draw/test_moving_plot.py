import json
import re

import plotly.graph_objects as go

from lab_kit.show.draw import theme
from lab_kit.show.draw.moving_plot import TEMPLATE, MovingPlot


def test_a_page_gets_figure_and_code_with_the_plot_itself() -> None:
    """What comes later is lost on a page that is slow to load a widget's module."""
    figure = go.Figure([go.Scatter(x=[1, 2], y=[3, 4])])
    plot = MovingPlot(figure)
    state = plot.get_state()
    assert state["figure"]["data"][0]["y"] == [3, 4]
    assert b"plotly.js" in state["_plotly_code"][:200]
    assert len(state["_esm"]) < 10_000, "the widget's module is small"
    figure.data[0].y = [5, 6, 7]
    assert plot.figure["data"][0]["y"] == [3, 4]
    plot.show(figure)
    assert plot.get_state()["figure"]["data"][0]["y"] == [5, 6, 7]


def test_a_page_can_exchange_every_color_for_its_dark_theme() -> None:
    figure = go.Figure([go.Scatter(x=[1], y=[2], line={"color": theme.COMPUTE})])
    figure.update_layout(template=TEMPLATE)
    state = MovingPlot(figure).get_state()
    used = set(re.findall("#[0-9a-f]{6}", json.dumps(state["figure"])))
    assert used
    assert used <= set(state["_on_dark"])
