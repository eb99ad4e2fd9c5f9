"""A picture whose marks move, as a widget: plotly's marks over the card of the still picture.

Plotly's own `FigureWidget` brings its five megabytes of code as the widget's module, and what a
kernel sends to a module that is not there after two seconds never arrives (anywidget's limit,
https://github.com/manzt/anywidget/blob/main/packages/anywidget/src/runtime.ts): on a busy machine
its plot stays empty for good. The module of this one is small and loads plotly's code afterwards,
once a page.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import anywidget
import traitlets
from plotly.offline import get_plotlyjs

from lab_kit.show.draw import theme
from lab_kit.show.draw.display import LEAST_WIDTH_PX, MOST_WIDTH_PX
from lab_kit.show.draw.layers import Layer

TEXT_PERIOD_S = 0.5
"""Words change no more often: nobody reads faster."""


class MovingPlot(anywidget.AnyWidget):
    """A card under a cell with marks over it, drawn anew at each `show`.

    Width and theme are the page's, as a still picture's are. A page that is slower than the kernel
    leaves figures out; one whose reader wants less motion draws one a second.

    Attributes:
        card: the frame as SVG, with all words that stand still.
        figure: the marks, as plotly takes them, in the card's units.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = (
        ".lab-moving .scatterlayer text{paint-order:stroke;stroke:var(--lab-paper);"
        "stroke-width:3.5px}"
    )
    _plotly_code = traitlets.Bytes().tag(sync=True)
    _on_dark = traitlets.Dict(theme.ON_DARK).tag(sync=True)
    _widths_px = traitlets.Tuple((LEAST_WIDTH_PX, MOST_WIDTH_PX)).tag(sync=True)
    card = traitlets.Unicode().tag(sync=True)
    figure = traitlets.Dict().tag(sync=True)

    def __init__(self, card: str) -> None:
        super().__init__(_plotly_code=get_plotlyjs().encode(), card=card, figure=_figure(card, []))
        self.layout.width = "100%"

    def show(self, card: str, layers: Sequence[Layer]) -> None:
        """Draw ``layers`` over ``card`` in place of what was there before; from any thread."""
        with self.hold_sync():
            self.card, self.figure = card, _figure(card, layers)


def _figure(card: str, layers: Sequence[Layer]) -> dict[str, Any]:
    """The layers as a figure that is as large as the card and whose axes count its units."""
    box = ElementTree.fromstring(card).attrib["viewBox"]
    left, top, width, height = map(float, box.split())
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "width": width,
        "height": height,
        "margin": dict.fromkeys("ltrb", 0),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": theme.FONT},
        "showlegend": False,
        "xaxis": {**hidden, "range": [left, left + width]},
        "yaxis": {**hidden, "range": [top + height, top]},
        "meta": {"paper": theme.PAPER},
    }
    return {"data": [layer.trace() for layer in layers], "layout": layout}
