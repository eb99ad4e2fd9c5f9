"""The screen of a live run in a notebook: widgets while it runs, then a still picture."""

from lab_kit.show.draw.display import DisplayHandle, picture_bundle, table_bundle
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.report import words_html, words_told
from lab_kit.show.live.run import LiveRun
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.view import LiveView


class WidgetScreen:
    """Widgets under the cell while it runs; a still picture and a table beneath when it is over.

    A saved notebook cannot show widgets; it shows what was heard in words, and those two.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._view = LiveView(run.name, run.device, run.window_s, run.toggle)
        told = f"{run.name}: nothing streamed yet. Run this cell again to stream."
        self._output = WidgetOutput(self._view.widget, told)
        self._picture, self._table = DisplayHandle.reserve(), DisplayHandle.reserve()

    def begin(self, state: LiveState, *, holds_cell: bool) -> None:
        """Empty widgets; what an earlier run left is taken away."""
        self._view.begin(state, holds_cell=holds_cell)
        self._output.tell(f"{self._run.name}: the run was not over yet when this was saved.")
        self._picture.fill({"text/plain": ""})
        self._table.fill({"text/plain": ""})

    def draw(self, state: LiveState, now_s: float) -> None:
        """Update the widgets."""
        self._view.draw(state, now_s, self._run.others)

    def stopping(self) -> None:
        """Say so beside the button."""
        self._view.stopping()

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """The still picture takes the place of the moving one."""
        self._view.end(state, error)
        told = state, self._run.name, error
        self._output.tell(words_told(*told), words_html(*told))
        svg, table = self._run.report()
        self._picture.fill(picture_bundle(svg))
        self._table.fill(table_bundle(table))
