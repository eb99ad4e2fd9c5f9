"""The screen of a live run in a notebook: widgets while it runs, then a still picture."""

from lab_kit.audio.sources.recordings import Source
from lab_kit.core.errors import AudioDeviceUnavailable
from lab_kit.show.draw.display import DisplayHandle, picture_bundle, table_bundle
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.browser_microphone import BrowserMicrophone
from lab_kit.show.live.report import words_html, words_told
from lab_kit.show.live.run import LiveRun
from lab_kit.show.live.sources import Sources
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.view import LiveView


class WidgetScreen:
    """Widgets under the cell while it runs; a still picture and a table beneath when it is over.

    A saved notebook cannot show widgets; it shows what was heard in words, and those two.
    """

    def __init__(self, run: LiveRun, sources: Sources | None) -> None:
        self._run, self._sources = run, sources
        self._view = LiveView(run.name, run.device, run.planned_s, run.toggle)
        if sources is not None:
            self._view.offer(sources.names, sources.chosen, str(run.way), self._choose)
            self._put_microphone(sources.get(sources.chosen))
        told = f"Nothing was streamed from {run.name} yet; run this cell again to speak or play it."
        self._output = WidgetOutput(self._view.widget, told)
        self._picture, self._table = DisplayHandle.reserve(), DisplayHandle.reserve()

    def _choose(self, name: str) -> None:
        """Stream another source from now on, or say why there is none and keep the one before."""
        if self._sources is None or name == self._sources.chosen:
            return
        try:
            source = self._sources.get(name)
        except AudioDeviceUnavailable as error:
            self._view.refuse(error, self._sources.chosen)
            return
        self._sources.chosen = name
        self._put_microphone(source)
        self._run.use(source)

    def _put_microphone(self, source: Source) -> None:
        self._view.put_microphone(source if isinstance(source, BrowserMicrophone) else None)

    def begin(self, state: LiveState, *, holds_cell: bool) -> None:
        """Empty widgets; what an earlier run left is taken away."""
        self._view.begin(state, self._run.name, holds_cell=holds_cell)
        self._output.tell(f"{self._run.name}: the run was not over yet when this was saved.")
        self._picture.fill({"text/plain": ""})
        self._table.fill({"text/plain": ""})

    def draw(self, state: LiveState) -> None:
        """Update the widgets."""
        self._view.draw(state, self._run.others)

    def stopping(self) -> None:
        """Say so beside the button."""
        self._view.stopping()

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """The still picture takes the place of the moving one."""
        drawing, table, verdict = self._run.report()
        self._picture.fill(picture_bundle(drawing, verdict))
        self._table.fill(table_bundle(table, verdict))
        self._view.end(state, error)
        told = state, self._run.name, error
        self._output.tell(words_told(*told), words_html(*told))
