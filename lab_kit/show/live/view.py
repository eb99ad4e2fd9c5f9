"""The widgets of a live run: a button, the growing transcript, a moving plot, percentiles.

The plot has a fixed range, and a line at *now* that shows in silences that the run goes on. The
pane of the transcript is laid out from its end, so that it always shows the newest.
"""

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw import theme
from lab_kit.show.draw.figures import NEVER
from lab_kit.show.draw.moving_plot import TEMPLATE, MovingPlot
from lab_kit.show.latency.transcript import final_html, interim_html
from lab_kit.show.live.crowd import Others
from lab_kit.show.live.report import FRESHNESS_LABEL, error_told, final_label, summary_html
from lab_kit.show.live.state import LiveState, Point, with_gaps

WINDOW_S = 20.0
HIGHEST_MS = 1000.0
"""The plot's range is fixed; what lies beyond is drawn on its edge as a triangle."""

_NOW = 1
"""The moving line's place among the plot's shapes, after the 300 ms line."""
_HELD = "running; ■ in the toolbar ends it sooner"
_LINES_KEPT = 40
_HEIGHT_PX = 300
_PANE_STYLE = (
    "box-sizing:border-box;height:84px;overflow-y:auto;padding:6px 10px;margin-bottom:8px;"
    "display:flex;flex-direction:column-reverse;"
    "border:1px solid var(--jp-border-color2, #d0d3d8);border-radius:4px;"
    f"font-family:{theme.FONT};font-size:15px;line-height:1.45"
)


class LiveView:
    """What a person sees and clicks; it holds no measurement.

    Args:
        name: what is streamed.
        device: where it is recognized.
        window_s: how much of the run the plot shows at a time.
        on_click: called when the one button is clicked.
    """

    def __init__(
        self, name: str, device: str, window_s: float, on_click: Callable[[], None]
    ) -> None:
        self._device = device
        self._window_s = window_s
        self._figure = go.Figure()
        self._plot: MovingPlot | None = None
        self._button = widgets.Button(layout=widgets.Layout(flex="0 0 96px"))
        self._button.on_click(lambda _: on_click())
        self._status = widgets.HTML()
        self._alarm = widgets.HTML()
        self._transcript = widgets.HTML(layout=widgets.Layout(width="calc(100% - 4px)"))
        self._summary = widgets.HTML()
        self._title = widgets.HTML(_bold(name))
        self._bar = widgets.HBox(
            [self._button, self._title, self._status],
            layout=widgets.Layout(align_items="center", grid_gap="2px 12px", flex_flow="row wrap"),
        )
        self._list: widgets.Dropdown | None = None
        self._fixed = (self._bar, self._alarm, self._transcript)
        self._look("Start", "play", "")
        self.widget = widgets.VBox(self._fixed, layout=widgets.Layout(width="100%"))

    def offer(
        self, names: Sequence[str], chosen: str, way: str, on_choose: Callable[[str], None]
    ) -> None:
        """Put a list of sources before the button; ``on_choose`` is called with another's name."""
        self._list = widgets.Dropdown(
            options=names,
            value=chosen,
            description="Stream",
            style={"description_width": "initial"},
            layout=widgets.Layout(width="18em"),
        )
        self._list.observe(lambda change: self._chosen(change["new"], on_choose), names="value")
        self._title.value = _bold(way)
        self._bar.children = (self._list, self._button, self._title, self._status)

    def put_microphone(self, microphone: widgets.DOMWidget | None) -> None:
        """Show the page's microphone beneath the list, or no longer."""
        shown = () if microphone is None else (microphone,)
        self._fixed = (self._bar, *shown, self._alarm, self._transcript)
        self.widget.children = self._fixed

    def refuse(self, error: Exception, kept: str) -> None:
        """Say why a source cannot be had, and go back to the one before."""
        if self._list is not None:
            self._list.value = kept
        self._alarm.value = _alarm(error)

    def _chosen(self, name: str, on_choose: Callable[[str], None]) -> None:
        self._alarm.value = ""
        on_choose(name)

    def begin(self, state: LiveState, *, holds_cell: bool) -> None:
        """An empty plot and transcript, and a button that stops.

        A kernel hears of no click while a cell holds it, so then the button says so.
        """
        self._figure = _figure(state, self._window_s)
        self._look("Stop", "stop", _HELD if holds_cell else "running")
        self._button.disabled = holds_cell
        self._transcript.value = _pane("")
        self._summary.value = self._alarm.value = ""
        self._plot = MovingPlot(self._figure)
        self.widget.children = (*self._fixed, self._plot, self._summary)

    def draw(self, state: LiveState, now_s: float, others: Others | None = None) -> None:
        """Everything as of now."""
        self._set_transcript(state)
        self._summary.value = summary_html(state, self._device, others)
        start_s = max(0.0, now_s - self._window_s)
        if self._plot is None:
            return
        self._figure.layout.xaxis.range = (start_s, start_s + self._window_s)
        self._figure.layout.shapes[_NOW].update(x0=now_s, x1=now_s)
        _put(self._figure.data[0], *_line(state.freshness, start_s))
        finals = [p for p in state.finals if p.at_s >= start_s and p.delay_s < NEVER]
        _put(self._figure.data[1], *_line_of(finals))
        symbols = ["triangle-up" if ms(p.delay_s) > HIGHEST_MS else "diamond" for p in finals]
        self._figure.data[1].marker.symbol = symbols
        self._plot.show(self._figure)

    def stopping(self) -> None:
        """Say that the last results are on their way."""
        self._status.value = _told("stopping; waiting for the last results")

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """Leave the transcript and take the plot away; a still one takes its place."""
        self._set_transcript(state)
        self._look("Start", "play", "ended")
        self._button.disabled = False
        if error is not None:
            self._alarm.value = _alarm(error)
        self.widget.children = self._fixed
        if self._plot is not None:
            self._plot.close()
        self._plot = None

    def _look(self, label: str, icon: str, status: str) -> None:
        self._button.description = label
        self._button.icon = icon
        self._status.value = _told(status)

    def _set_transcript(self, state: LiveState) -> None:
        lines = [f"<div>{final_html(text)}</div>" for text in state.heard[-_LINES_KEPT:]]
        if state.interim is not None:
            interim = state.interim
            lines.append(f"<div>{interim_html(interim.text, interim.stable_chars)}</div>")
        self._transcript.value = _pane("".join(lines))


def _figure(state: LiveState, window_s: float) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(
                mode="lines+markers",
                line={"color": theme.FRESHNESS_COLOR, "width": 1.5},
                marker={"size": 5},
            ),
            go.Scatter(
                mode="markers",
                marker={"color": theme.INK, "size": 12, "line": {"color": theme.PAPER, "width": 1}},
            ),
        ]
    )
    figure.update_layout(
        template=TEMPLATE,
        autosize=True,
        height=_HEIGHT_PX,
        margin={"l": 58, "r": 16, "t": 64, "b": 44},
        showlegend=False,
        xaxis={"title": _title("seconds since the stream began"), "range": (0, window_s)},
        yaxis={"title": _title("milliseconds"), "range": (0, HIGHEST_MS), "fixedrange": True},
    )
    figure.add_hline(
        ms(BUDGET_S),
        line={"color": theme.BUDGET_COLOR, "dash": "dash", "width": theme.BUDGET_WIDTH_PX},
    )
    figure.add_vline(0, layer="below", line={"color": theme.GRID, "width": 2})
    _write_above(figure, _legend(state), 1.14, "left")
    line = f"<b>╌╌ {theme.limit_label(state.zero.removeprefix('the '), 'final')}</b>"
    _write_above(figure, f'<span style="color:{theme.BUDGET_COLOR}">{line}</span>', 1.01, "right")
    return figure


def _legend(state: LiveState) -> str:
    """What the marks mean; plotly's own legend leaves out what has no point yet, then jumps."""
    return (
        f'<span style="color:{theme.FRESHNESS_COLOR}">●</span> {FRESHNESS_LABEL}'
        f"      ◆ {final_label(state)}"
    )


def _write_above(figure: go.Figure, text: str, y: float, side: str) -> None:
    """Words above the plot, where they cover no point."""
    figure.add_annotation(
        text=text,
        xref="paper",
        yref="paper",
        x=0 if side == "left" else 1,
        y=y,
        xanchor=side,
        yanchor="bottom",
        showarrow=False,
    )


def _title(text: str) -> dict[str, object]:
    return {"text": text, "font": {"size": theme.LABEL_PX}, "standoff": 8}


def _put(trace: go.Scatter, x: np.ndarray, y: np.ndarray) -> None:
    trace.x, trace.y = x, y


def _line(points: list[Point], start_s: float) -> tuple[np.ndarray, np.ndarray]:
    """A line that is broken where nobody spoke."""
    shown = [point for point in points if point.at_s >= start_s]
    broken = [(*run, Point(run[-1].at_s, np.nan)) for run in with_gaps(shown)]
    return _line_of([point for run in broken for point in run])


def _line_of(points: list[Point]) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([point.at_s for point in points])
    return x, np.minimum(ms(1) * np.array([point.delay_s for point in points]), HIGHEST_MS)


def _pane(inner: str) -> str:
    return f'<div class="lab-live-transcript" style="{_PANE_STYLE}"><div>{inner}</div></div>'


def _bold(text: str) -> str:
    return f'<b style="{theme.FINAL_STYLE}">{escape(text)}</b>'


def _told(status: str) -> str:
    return f'<span class="lab-live-status" style="{theme.INTERIM_STYLE}">{escape(status)}</span>'


def _alarm(error: BaseException) -> str:
    told = escape(error_told(error))
    return f'<span class="lab-live-error" style="color:{theme.BUDGET_COLOR}">{told}</span>'
