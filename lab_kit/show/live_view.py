"""The widgets of a live run: a button, the growing transcript, a moving plot, percentiles.

Drawn with `go.Scatter`, a fixed range and one batched update a tick; the width is left to the
page. The pane of the transcript is laid out from its end, so that it always shows the newest.
"""

from collections.abc import Callable
from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from lab_kit.show import theme
from lab_kit.show.figures import NEVER
from lab_kit.show.live_report import FRESHNESS_LABEL, final_label, summary_html
from lab_kit.show.live_state import LiveState, Point, with_gaps
from lab_kit.show.transcript import final_html, interim_html
from lab_kit.units import BUDGET_S, ms

WINDOW_S = 30.0
HIGHEST_MS = 1000.0
"""The plot's range is fixed; what lies beyond is drawn on its edge as a triangle."""

_LINES_KEPT = 40
_HEIGHT_PX = 300
_PANE_STYLE = (
    "height:104px;overflow-y:auto;display:flex;flex-direction:column-reverse;padding:6px 10px;"
    "border:1px solid var(--jp-border-color2, #d0d3d8);border-radius:4px;"
    f"font-family:{theme.FONT};font-size:15px;line-height:1.45"
)


class LiveView:
    """What a person sees and clicks; it holds no measurement.

    Args:
        title: what is streamed and where it is recognized.
        window_s: how much of the run the plot shows at a time.
        on_click: called when the one button is clicked.
    """

    def __init__(self, title: str, window_s: float, on_click: Callable[[], None]) -> None:
        self._window_s = window_s
        self._figure: go.FigureWidget | None = None
        self._button = widgets.Button(layout=widgets.Layout(width="96px"))
        self._button.on_click(lambda _: on_click())
        self._status = widgets.HTML()
        self._transcript = widgets.HTML(layout=widgets.Layout(width="100%"))
        self._summary = widgets.HTML()
        name = widgets.HTML(f'<b style="{theme.FINAL_STYLE}">{escape(title)}</b>')
        bar = widgets.HBox(
            [self._button, name, self._status],
            layout=widgets.Layout(align_items="center", grid_gap="12px"),
        )
        self._fixed = (bar, self._transcript)
        self.widget = widgets.VBox(self._fixed, layout=widgets.Layout(width="100%"))

    def begin(self, state: LiveState) -> None:
        """An empty plot and transcript, and a button that stops."""
        self._figure = _figure(state, self._window_s)
        self._look("Stop", "stop", "running")
        self._transcript.value = _pane("")
        self._summary.value = ""
        self.widget.children = (*self._fixed, self._figure, self._summary)

    def draw(self, state: LiveState, now_s: float) -> None:
        """Everything as of now."""
        self._set_transcript(state)
        self._summary.value = summary_html(state)
        start_s = max(0.0, now_s - self._window_s)
        if self._figure is None:
            return
        with self._figure.batch_update():
            self._figure.layout.xaxis.range = (start_s, start_s + self._window_s)
            _put(self._figure.data[0], *_line(state.freshness, start_s))
            finals = [p for p in state.finals if p.at_s >= start_s and p.delay_s < NEVER]
            _put(self._figure.data[1], *_line_of(finals))
            symbols = ["triangle-up" if _is_beyond(p) else "diamond" for p in finals]
            self._figure.data[1].marker.symbol = symbols

    def stopping(self) -> None:
        """Say that the last results are on their way."""
        self._status.value = _told("stopping; waiting for the last results")

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """Leave the transcript and take the plot away; a still one takes its place."""
        self._set_transcript(state)
        self._look("Start", "play", "ended")
        if error is not None:
            self._status.value = _alarm(error)
        self.widget.children = self._fixed
        self._figure = None

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


def _figure(state: LiveState, window_s: float) -> go.FigureWidget:
    figure = go.FigureWidget(
        [
            go.Scatter(
                mode="lines+markers",
                name=FRESHNESS_LABEL,
                line={"color": theme.FRESHNESS_COLOR, "width": 1.5},
                marker={"size": 5},
            ),
            go.Scatter(
                mode="markers",
                name=final_label(state),
                marker={"color": theme.INK, "size": 12, "line": {"color": "white", "width": 1}},
            ),
        ]
    )
    figure.update_layout(
        template="plotly_white",
        paper_bgcolor=theme.PAPER,
        font={"family": theme.FONT, "size": theme.LABEL_PX, "color": theme.INK},
        height=_HEIGHT_PX,
        margin={"l": 58, "r": 16, "t": 56, "b": 44},
        legend={"orientation": "h", "x": 0, "y": 1.28, "yanchor": "top"},
        showlegend=True,
        xaxis={"title": "seconds since the stream began", "range": (0, window_s)},
        yaxis={"title": "milliseconds", "range": (0, HIGHEST_MS), "fixedrange": True},
    )
    _add_budget(figure, theme.budget_label(state.zero))
    return figure


def _add_budget(figure: go.FigureWidget, label: str) -> None:
    """The 300 ms line, its words above the plot where they cover no point."""
    figure.add_hline(
        ms(BUDGET_S),
        line={"color": theme.BUDGET_COLOR, "dash": "dash", "width": theme.BUDGET_WIDTH_PX},
    )
    figure.add_annotation(
        text=f"<b>┅ {label}</b>",
        font={"color": theme.BUDGET_COLOR},
        xref="paper",
        yref="paper",
        x=1,
        y=1.01,
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
    )


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


def _is_beyond(point: Point) -> bool:
    return ms(point.delay_s) > HIGHEST_MS


def _pane(inner: str) -> str:
    return f'<div class="lab-live-transcript" style="{_PANE_STYLE}"><div>{inner}</div></div>'


def _told(status: str) -> str:
    return f'<span class="lab-live-status" style="{theme.INTERIM_STYLE}">{escape(status)}</span>'


def _alarm(error: BaseException) -> str:
    told = f"{type(error).__name__}: {error}"
    return f'<span class="lab-live-status" style="color:{theme.BUDGET_COLOR}">{escape(told)}</span>'
