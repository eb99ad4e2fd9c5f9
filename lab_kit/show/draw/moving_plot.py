"""A plotly figure that moves, as a widget.

Plotly's own `FigureWidget` brings its five megabytes of code as the widget's module, and what a
kernel sends to a module that is not there after two seconds never arrives (anywidget's limit,
https://github.com/manzt/anywidget/blob/main/packages/anywidget/src/runtime.ts): on a busy machine
its plot stays empty for good. The module of this one is small and loads plotly's code afterwards,
once a page.
"""

from pathlib import Path

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs

from lab_kit.show.draw import theme

_AXIS = {"gridcolor": theme.GRID, "zerolinecolor": theme.GRID, "linecolor": theme.FAINT_INK}
TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": theme.PAPER,
        "plot_bgcolor": theme.PAPER,
        "font": {"family": theme.FONT, "size": theme.LABEL_PX, "color": theme.INK},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)
"""The look of the still pictures, for figures that move. All of a figure's colors are the theme's,
or the page could not exchange them for those of its dark theme."""


class MovingPlot(anywidget.AnyWidget):
    """A figure under a cell, drawn anew at each `show`.

    Width and theme are the page's. A page that is slower than the kernel leaves figures out.
    """

    _esm = Path(__file__).with_suffix(".js")
    _plotly_code = traitlets.Bytes().tag(sync=True)
    _on_dark = traitlets.Dict(theme.ON_DARK).tag(sync=True)
    figure = traitlets.Dict().tag(sync=True)

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(_plotly_code=get_plotlyjs().encode(), figure=figure.to_dict())
        self.layout.width = "100%"

    def show(self, figure: go.Figure) -> None:
        """Draw ``figure`` in place of the one before; from any thread."""
        self.figure = figure.to_dict()
