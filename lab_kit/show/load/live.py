"""A live load while it runs: turns appear as their finals come, above the number of open streams.

The generator has a thread and an event loop of its own; the cell draws and waits. What is drawn is
the frame and the marks of the still picture, which takes the same place at the end.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any

from lab_kit.bench import Bench
from lab_kit.core.events import StreamOptions
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments import load
from lab_kit.experiments.load import CallPlan, LiveLoad
from lab_kit.show.draw import card
from lab_kit.show.draw.display import DisplayHandle, picture_bundle, show_drawing, table_bundle
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click
from lab_kit.show.live.running import lately, so_far
from lab_kit.show.load.load import (
    LoadAxes,
    draw_load,
    load_frame,
    load_layers,
    load_notes,
    load_verdict,
    tabulate_load,
)
from lab_kit.show.load.progress import LoadProgress, LoadSeen

_DRAW_S = 0.25


async def live_load(
    bench: Bench,
    plan: CallPlan,
    clips: Sequence[Clip],
    *,
    options: StreamOptions | None = None,
    warm_up_s: float = 0.0,
    title: str = "Every turn of every caller",
) -> LiveLoad:
    """Carry out a plan of calls, draw it while it runs, and leave a still picture and a table.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still picture is shown.

    Raises:
        ConnectionFailed, InvalidParameter: see `load.call_all`.
    """
    seen = LoadProgress(warm_up_s)
    calling = load.call_all(bench, plan, clips, options=options, warm_up_s=warm_up_s, watcher=seen)
    with _in_a_thread(calling) as running:
        if not can_click():
            run = await running
            show_drawing(draw_load(run, title), tabulate_load([run]), load_verdict(run, title))
            return run
        screen = LoadScreen(title, bench.device, plan)
        try:
            while not running.done():
                screen.draw(seen.now())
                await asyncio.wait({running}, timeout=_DRAW_S)
            run = running.result()
        except BaseException:
            screen.take_away()
            raise
    screen.end(draw_load(run, title), tabulate_load([run]), load_verdict(run, title))
    return run


@contextmanager
def _in_a_thread(calling: Coroutine[None, None, LiveLoad]) -> Iterator["asyncio.Future[LiveLoad]"]:
    """The calls in a thread and an event loop of their own; they end where the cell is left."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[LiveLoad]]] = Future()

    async def called() -> LiveLoad:
        task = asyncio.ensure_future(calling)
        begun.set_result((asyncio.get_running_loop(), task))
        return await task

    with ThreadPoolExecutor(1, "lab-load") as thread:
        running = thread.submit(asyncio.run, called())
        either: set[Future[Any]] = {begun, running}
        wait(either, return_when=FIRST_COMPLETED)
        if not begun.done():  # there was no room for another event loop
            calling.close()
            running.result()
        loop, task = begun.result()
        try:
            yield asyncio.wrap_future(running)
        finally:
            with suppress(RuntimeError):  # the loop is closed, as all calls have ended
                loop.call_soon_threadsafe(task.cancel)


class LoadScreen:
    """A moving plot under the cell, which a still one replaces at the end.

    Attributes:
        plot: what moves.
    """

    def __init__(self, title: str, device: str, plan: CallPlan) -> None:
        self._title, self._device, self._plan = title, device, plan
        nothing = LoadSeen(0.0, [], [], [], 0)
        self._axes = LoadAxes.of(plan, nothing)
        self._told_s = 0.0
        self._frame = self._framed(nothing)
        self._card = card.render(self._frame, running_verdict(nothing))
        self.plot = MovingPlot(self._card)
        self._output = WidgetOutput(self.plot, f"{title}: not over yet when this was saved.")
        self._picture, self._table = DisplayHandle.reserve(), DisplayHandle.reserve()

    def draw(self, seen: LoadSeen) -> None:
        """Everything as of now; words only so often that they can be read."""
        axes = LoadAxes.of(self._plan, seen)
        if axes != self._axes or seen.reached_s - self._told_s >= TEXT_PERIOD_S:
            self._axes, self._told_s = axes, seen.reached_s
            self._frame = self._framed(seen)
            self._card = card.render(self._frame, running_verdict(seen))
        self.plot.show(self._card, load_layers(self._frame, axes, seen))

    def end(self, drawing: Svg, table: Table, verdict: Verdict) -> None:
        """The still picture takes the place of the moving one."""
        self._picture.fill(picture_bundle(drawing, verdict))
        self._table.fill(table_bundle(table, verdict))
        self.take_away()

    def take_away(self) -> None:
        """Leave nothing of the moving plot, which would go on to say that it is running."""
        self.plot.close()
        self._output.take_away()

    def _framed(self, seen: LoadSeen) -> Svg:
        notes = load_notes(seen, self._title, self._device)
        return load_frame(self._axes, self._title, notes)


def running_verdict(seen: LoadSeen) -> Verdict:
    """How it stands, and the percentile of what came lately, with its window."""
    told = so_far(seen.turns, seen.reached_s, "turns")
    open_now = seen.streams[-1][1] if seen.streams else 0
    window = lately(seen.turns, seen.reached_s)
    streams = "1 stream" if open_now == 1 else f"{open_now} streams"
    return Verdict(f"{told}; {streams} open.\n{window}", Sign.UNSAID)
