"""Two sliders and a button: choose a window and a batch size, and measure what they are worth.

Every point is a plan carried out against the running server, in a thread of its own so that no
click is lost meanwhile. Nothing is computed from an earlier point.
"""

import asyncio
from collections.abc import Sequence
from threading import Thread

import ipywidgets as widgets

from lab_kit.bench import Bench
from lab_kit.client import Inference
from lab_kit.core.units import ms
from lab_kit.datasets import Clip
from lab_kit.engine.batching import Dynamic
from lab_kit.experiments.load import Arrivals, OpenLoopRun, offer
from lab_kit.show.draw.display import DisplayHandle, picture_bundle, table_bundle
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click
from lab_kit.show.load.frontier import draw_frontier, signed_verdict, tabulate_frontier

FIRST = Dynamic(4, 0.02)
MOST_MS, MOST_BATCH = 500, 16
MOST_POINTS = 6
"""More cannot be told apart by color; the oldest goes."""


def batching_explorer(bench: Bench, clips: Sequence[Clip], arrivals: Arrivals) -> "Explorer":
    """Measure dynamic batching at settings that the reader slides to, one point a click.

    The first point is measured at once, and the cell waits for it. Where nobody can click (no
    notebook, or ``LAB_PROFILE=ci``) that is all. The server keeps the policy measured last.

    Args:
        arrivals: the plan, the same for every point.

    Raises:
        Whatever ended the first measurement before its time.
    """
    explorer = Explorer(bench, clips, arrivals)
    explorer.show()
    explorer.measure(FIRST)
    explorer.wait()
    return explorer


class Explorer:
    """What was measured so far.

    Attributes:
        runs: for each setting the plan carried out, the latest last.
        error: what ended the last measurement before its time; None if nothing did.
    """

    def __init__(self, bench: Bench, clips: Sequence[Clip], arrivals: Arrivals) -> None:
        self.runs: dict[str, list[OpenLoopRun]] = {}
        self.error: BaseException | None = None
        self._bench, self._clips, self._arrivals = bench, clips, arrivals
        window_ms = round(ms(FIRST.max_wait_s))
        self._window = widgets.IntSlider(window_ms, 0, MOST_MS, 5, description="window ms")
        self._batch = widgets.IntSlider(FIRST.max_batch, 1, MOST_BATCH, description="max batch")
        self._button = widgets.Button(description="Measure", icon="play")
        self._button.on_click(lambda _: self.measure(self.chosen))
        self._thread: Thread | None = None
        self._handles: tuple[DisplayHandle, ...] = ()

    @property
    def chosen(self) -> Dynamic:
        """What the sliders stand at."""
        return Dynamic(self._batch.value, self._window.value / 1e3)

    def show(self) -> None:
        """Sliders where somebody can move them, and room for what is measured."""
        if can_click():
            bar = widgets.HBox([self._window, self._batch, self._button])
            WidgetOutput(bar, "To measure at other settings, run this cell again.")
        self._handles = tuple(DisplayHandle.reserve() for _ in range(3))

    def measure(self, policy: Dynamic) -> None:
        """Begin to measure one setting; harmless while another is being measured."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._button.disabled, self._button.description = True, "measuring"
        self._thread = Thread(target=self._measure, args=(policy,), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Block until what is being measured is there.

        Raises:
            Whatever ended it before its time.
        """
        if self._thread is not None:
            self._thread.join()
        if self.error is not None:
            raise self.error

    def _ipython_display_(self) -> None:
        """Nothing more to show when a cell ends with it: it has drawn itself."""

    def _measure(self, policy: Dynamic) -> None:
        self.error = None
        try:
            run = asyncio.run(self._offered(policy))
        except BaseException as error:  # a thread has no caller; wait() and the page tell it
            self.error = error
        else:
            self._keep(policy, run)
        self._draw()
        self._button.disabled, self._button.description = False, "Measure"

    async def _offered(self, policy: Dynamic) -> OpenLoopRun:
        await self._bench.use(policy)
        async with Inference(self._bench.url, model=self._bench.model) as inference:
            return await offer(inference.transcribe, self._clips, self._arrivals)

    def _keep(self, policy: Dynamic, run: OpenLoopRun) -> None:
        name = f"{policy.max_batch} in {ms(policy.max_wait_s):,.0f} ms"
        others = [pair for pair in self.runs.items() if pair[0] != name]
        self.runs = dict([*others, (name, [run])][-MOST_POINTS:])

    def _draw(self) -> None:
        if not self._handles:
            return
        picture, table, failure = self._handles
        if self.runs:
            verdict = signed_verdict(self.runs)
            picture.fill(picture_bundle(draw_frontier(self.runs), verdict))
            table.fill(table_bundle(tabulate_frontier(self.runs), verdict))
        told = "" if self.error is None else f"not measured: {self.error}"
        failure.fill({"text/plain": told})
