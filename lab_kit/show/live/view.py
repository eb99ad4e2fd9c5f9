"""The widgets of a live run: a button, the growing transcript, and a plot that moves.

The plot is the frame and the marks of the still picture that takes its place at the end, and a line
at *now*. The pane of the transcript is laid out from its end, so that it always shows the newest.
"""

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets

from lab_kit.show.draw import card, theme
from lab_kit.show.draw.display import MOST_WIDTH_PX
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.latency.transcript import final_html, interim_html
from lab_kit.show.live.crowd import Others
from lab_kit.show.live.report import (
    error_told,
    live_frame,
    live_layers,
    now_layers,
    running_verdict,
)
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.window import shown_s

_HELD = "running; ■ in the toolbar ends it sooner"
_LINES_KEPT = 40
_LINE_PX, _LINES_SHOWN = 22, 3
_PANE_STYLE = (
    f"height:{_LINE_PX * _LINES_SHOWN}px;overflow-y:auto;padding:0 12px;margin:0 18px 8px -2px;"
    f"max-width:{MOST_WIDTH_PX - 24}px;border-block:8px solid transparent;border-radius:6px;"
    # whole lines only: what is cut through cannot be read
    "display:flex;flex-direction:column-reverse;"
    "background:var(--jp-layout-color2, #f3f5f7);background:light-dark(#f3f5f7, #1f2329);"
    f"font-family:{theme.FONT};font-size:15px;line-height:{_LINE_PX}px"
)


class LiveView:
    """What a person sees and clicks; it holds no measurement.

    Args:
        name: what is streamed.
        device: where it is recognized.
        planned_s: how much is to be streamed; None where only a click ends it.
        on_click: called when the one button is clicked.
    """

    def __init__(
        self, name: str, device: str, planned_s: float | None, on_click: Callable[[], None]
    ) -> None:
        self._name, self._device, self._planned_s = name, device, planned_s
        self._plot: MovingPlot | None = None
        self._button = widgets.Button(layout=widgets.Layout(flex="0 0 96px"))
        self._button.on_click(lambda _: on_click())
        self._status = widgets.HTML()
        self._alarm = widgets.HTML()
        self._transcript = widgets.HTML(layout=widgets.Layout(width="calc(100% - 4px)"))
        self._title = widgets.HTML(_bold(name))
        self._bar = widgets.HBox(
            [self._button, self._title, self._status],
            layout=widgets.Layout(
                align_items="center", grid_gap="2px 12px", flex_flow="row wrap", min_height="34px"
            ),
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

    def begin(self, state: LiveState, name: str, *, holds_cell: bool) -> None:
        """An empty plot and transcript of what is streamed now, and a button that stops.

        A kernel hears of no click while a cell holds it, so then there is no button.
        """
        self._name = name
        self._look("Stop", "stop", _HELD if holds_cell else "running")
        self._button.layout.display = "none" if holds_cell else ""
        self._transcript.value = _pane("")
        self._alarm.value = ""
        self._tell(state, None)
        self._plot = MovingPlot(self._card)
        self.widget.children = (*self._fixed, self._plot)

    def draw(self, state: LiveState, others: Others | None = None) -> None:
        """Everything as of now; words only so often that they can be read."""
        if self._plot is None:
            return
        window = shown_s(state.reached_s, self._planned_s)
        if window != self._told_window or state.reached_s - self._told_s >= TEXT_PERIOD_S:
            self._tell(state, others)
            self._set_transcript(state)
        layers = live_layers(self._frame, state, self._planned_s)
        self._plot.show(self._card, [*now_layers(state, self._planned_s), *layers])

    def stopping(self) -> None:
        """Say that the last results are on their way."""
        self._status.value = _told("stopping; waiting for the last results")

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """Leave the transcript and take the plot away; a still one takes its place."""
        self._set_transcript(state)
        self._look("Start", "play", "ended")
        self._button.layout.display = ""
        if error is not None:
            self._alarm.value = _alarm(error)
        self.widget.children = self._fixed
        if self._plot is not None:
            self._plot.close()
        self._plot = None

    def _tell(self, state: LiveState, others: Others | None) -> None:
        """Make the frame anew, with what is to be said now."""
        self._told_s, self._told_window = state.reached_s, shown_s(state.reached_s, self._planned_s)
        self._frame = live_frame(state, self._name, self._device, self._planned_s)
        self._card = card.render(self._frame, running_verdict(state, others))

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


def _pane(inner: str) -> str:
    return f'<div class="lab-live-transcript" style="{_PANE_STYLE}"><div>{inner}</div></div>'


def _bold(text: str) -> str:
    return f'<b style="{theme.FINAL_STYLE}">{escape(text)}</b>'


def _told(status: str) -> str:
    return f'<span class="lab-live-status" style="{theme.INTERIM_STYLE}">{escape(status)}</span>'


def _alarm(error: BaseException) -> str:
    told = escape(error_told(error))
    return f'<span class="lab-live-error" style="color:{theme.BUDGET_COLOR}">{told}</span>'
