"""A live run: stream, measure and draw at the same time, in threads beside the notebook's cells.

Streaming has a thread and an event loop of its own, so that no cell can hold it up; drawing has
another and hears of events through a queue, so that a slow page cannot hold the stream up.
"""

import asyncio
import queue
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import ClassVar, Protocol

import psutil
from IPython import get_ipython
from IPython.display import display

from lab_kit import datasets
from lab_kit.audio.sources.recordings import Source
from lab_kit.bench import Bench, paced
from lab_kit.core.call_record import Received, StreamCall
from lab_kit.core.profile import Profile, profile
from lab_kit.datasets import Clip
from lab_kit.models.device import usable_cores
from lab_kit.show.draw.display import DisplayHandle, picture_bundle, show_drawing, table_bundle
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict
from lab_kit.show.live.browser_microphone import BrowserMicrophone
from lab_kit.show.live.report import draw_report, report_verdict, tabulate
from lab_kit.show.live.source import LiveSource
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.view import WINDOW_S, LiveView

DEFAULT_CLIP = "two-cities-opening"
SHORT_CLIP = "two-cities-best"
UNATTENDED_S = 10.0
"""How long a source without an end is streamed where nobody can stop it."""

_DRAWS_PER_S = 10
_DRAWS_PER_S_ON_FEW_CORES = 4
"""Drawing costs a browser most of a core, which on two is needed by what is measured."""
_FEW_CORES = 2
_BUSY_DRAWS_PER_S = 1
_BUSY_PERCENT = 90.0
"""Where all cores are in use a picture gives way to what is measured."""
_STOP_TIMEOUT_S = 5.0
_JOIN_S = 0.2


def live(
    bench: Bench, source: Clip | Source | None = None, seconds: float | None = None
) -> "LiveRun":
    """Stream a clip or a microphone and draw transcript and delays while it happens.

    Without ``seconds`` the cell returns at once and the run goes on, a clip over and over, until
    its button is clicked or another live run begins. With ``seconds`` the cell takes that long,
    and the notebook's own stop button ends it sooner. Where nobody can click (no notebook, or
    ``LAB_PROFILE=ci``) a clip is streamed once at most, and only the still picture is shown.

    The microphone of the reader's browser (`show.microphone`) begins to stream when it is turned on
    in the page, and never holds the cell; where nobody can click, the clip takes its place.

    Args:
        source: a clip, a microphone or any other source; by default Dickens' opening words.
        seconds: how much audio to stream at most.
    """
    if LiveRun.current is not None:
        LiveRun.current.stop()
    is_attended = can_click()
    chosen = datasets.clip(DEFAULT_CLIP) if source is None else source
    if isinstance(chosen, BrowserMicrophone) and not is_attended:
        print(f"No browser to take a microphone from: playing {SHORT_CLIP} instead.")
        chosen = datasets.clip(SHORT_CLIP)
    ready = paced(chosen) if isinstance(chosen, Clip) else chosen
    limit_s = seconds if is_attended else unattended_limit_s(ready, seconds)
    run = LiveRun(bench, ready, limit_s, loops=is_attended and not ready.waits_itself)
    LiveRun.current = run
    if isinstance(ready, BrowserMicrophone):
        display(ready)  # type: ignore[no-untyped-call]
    if is_attended:
        run.show_on(WidgetScreen(run))
    if isinstance(ready, BrowserMicrophone):
        run.follow(ready)
        return run
    holds_cell = limit_s is not None or not is_attended
    run.start(holds_cell=holds_cell)
    if holds_cell:
        _wait_or_stop(run)
    if not is_attended:
        show_drawing(*run.report())
    return run


def can_click() -> bool:
    """Whether somebody can look at this cell: a notebook's kernel, and not a checking machine's."""
    if profile() is Profile.CI:
        return False
    return hasattr(get_ipython(), "kernel")


def draw_period_s() -> float:
    """How long a picture stands still, by the load since this thread last asked."""
    if psutil.cpu_percent() > _BUSY_PERCENT:
        return 1 / _BUSY_DRAWS_PER_S
    few = usable_cores() <= _FEW_CORES
    return 1 / (_DRAWS_PER_S_ON_FEW_CORES if few else _DRAWS_PER_S)


def unattended_limit_s(source: Source, seconds: float | None) -> float | None:
    """How much to stream where nobody can stop it; None where the source ends by itself."""
    if source.waits_itself:
        return min(seconds or UNATTENDED_S, UNATTENDED_S)
    return seconds


class Screen(Protocol):
    """Where a run is drawn."""

    def begin(self, state: LiveState, *, holds_cell: bool) -> None:
        """Show an empty run; one that holds its cell cannot be stopped by a click."""
        ...

    def draw(self, state: LiveState, now_s: float) -> None:
        """Show everything as of ``now_s`` seconds after it began."""
        ...

    def stopping(self) -> None:
        """Show that it will end soon."""
        ...

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """Show what is left of it, and what went wrong."""
        ...


class LiveRun:
    """A live run, going on or over.

    Attributes:
        calls: the streams, one for each time the clip was streamed; one that was cut before its
            first utterance was over is left out, since nothing can be measured in it.
        error: what ended it before its time, None if nothing did.
    """

    current: ClassVar["LiveRun | None"] = None

    def __init__(
        self, bench: Bench, source: Source, limit_s: float | None = None, *, loops: bool = False
    ) -> None:
        self.calls: list[StreamCall] = []
        self.error: BaseException | None = None
        self._bench = bench
        self._source = source
        self._limit_s = limit_s
        self._loops = loops
        self._screen: Screen = _NoScreen()
        self._unfollow: Callable[[], None] = _nothing_to_do
        self._stop = Event()
        self._threads: tuple[Thread, ...] = ()
        self._state = LiveState(source.spoken)
        self._news: queue.SimpleQueue[tuple[int, Received] | StreamCall] = queue.SimpleQueue()
        self._streaming: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    @property
    def name(self) -> str:
        """What is streamed."""
        return self._source.name

    @property
    def device(self) -> str:
        """Where it is recognized."""
        return self._bench.device

    @property
    def window_s(self) -> float:
        """How much of it a plot shows at a time."""
        return min(self._limit_s or WINDOW_S, WINDOW_S)

    @property
    def is_running(self) -> bool:
        """Whether one of its threads still works."""
        return any(thread.is_alive() for thread in self._threads)

    def show_on(self, screen: Screen) -> None:
        """Draw on ``screen`` from the next start on."""
        self._screen = screen

    def start(self, *, holds_cell: bool = False) -> None:
        """Begin, or begin anew with nothing measured; harmless while it runs.

        Args:
            holds_cell: whether the caller is about to wait for it.
        """
        if self.is_running:
            return
        self._stop.clear()
        self.calls, self.error = [], None
        self._state = LiveState(self._source.spoken)
        self._news = queue.SimpleQueue()
        self._screen.begin(self._state, holds_cell=holds_cell)
        streaming = Thread(target=self._stream, name="lab-live-stream", daemon=True)
        drawing = Thread(target=self._draw, args=(streaming,), name="lab-live-draw", daemon=True)
        self._threads = (streaming, drawing)
        streaming.start()
        drawing.start()

    def follow(self, microphone: BrowserMicrophone) -> None:
        """Begin whenever a microphone is turned on in the page, until `stop` is called."""

        def turned(change: dict[str, bool]) -> None:
            if change["new"]:
                self._end(_STOP_TIMEOUT_S)  # last results of the time before may be on their way
                self.start()

        microphone.observe(turned, names="is_on")
        self._unfollow = lambda: microphone.unobserve(turned, names="is_on")
        if microphone.is_on:
            self.start()

    def toggle(self) -> None:
        """What the button does: stop a run, or start it again."""
        if not self.is_running:
            self.start()
        else:
            self._stop.set()
            self._screen.stopping()

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """End the stream after its current chunk and wait for its last results.

        If they do not come within ``timeout_s`` the stream is broken off without them.
        """
        self._unfollow()
        self._end(timeout_s)

    def _end(self, timeout_s: float) -> None:
        self._stop.set()
        if isinstance(self._source, BrowserMicrophone):
            self._source.stop()
        if not self._join(timeout_s) and self._streaming is not None:
            loop, task = self._streaming
            loop.call_soon_threadsafe(task.cancel)
            self._join(timeout_s)

    def wait(self) -> None:
        """Block until it is over.

        Raises:
            Whatever ended it before its time.
        """
        self._join(None)
        if self.error is not None:
            raise self.error

    def report(self) -> tuple[Svg, str, Verdict]:
        """The still picture, the table as text, and what came out."""
        told = self._state, self.name, self.device
        return draw_report(*told), tabulate(*told), report_verdict(self._state)

    def _ipython_display_(self) -> None:
        """Nothing more to show when a cell ends with it: it has drawn itself."""

    def _join(self, timeout_s: float | None) -> bool:
        """Wait in small steps, so that an interrupt is noticed on every system."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while self.is_running and (until_s is None or time.monotonic() < until_s):
            for thread in self._threads:
                thread.join(_JOIN_S)
        return not self.is_running

    def _stream(self) -> None:
        try:
            asyncio.run(self._passes())
        except asyncio.CancelledError:
            self.error = TimeoutError("the last results did not come; the stream was broken off")
        except BaseException as error:  # a thread has no caller; wait() and the screen tell it
            self.error = error

    async def _passes(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._streaming = asyncio.get_running_loop(), task
        left_s = self._limit_s
        while not self._stop.is_set():
            call = await self._pass(left_s)
            left_s = None if left_s is None else left_s - call.audio_s
            if not self._loops or (left_s is not None and left_s < self._source.chunk_s):
                return

    async def _pass(self, most_s: float | None) -> StreamCall:
        source = LiveSource(self._source, self._stop, most_s)
        news = self._news

        def hear(started_ns: int, received: Received) -> None:
            news.put((source.first_sound_ns or started_ns, received))

        call = await self._bench.stream(source, on_event=hear)
        if call.spoken or not self._source.spoken:
            self.calls.append(call)
        news.put(call)
        return call

    def _draw(self, streaming: Thread) -> None:
        try:
            self._draw_while(streaming)
            self._screen.end(self._state, self.error)
        except BaseException as error:  # as above; and no picture would ever tell of the stream
            self._stop.set()
            streaming.join()
            self.error = self.error or error
            self._screen.end(self._state, self.error)

    def _draw_while(self, streaming: Thread) -> None:
        is_last = False
        while not is_last:
            # asked before the news is read, so that the last of it is read too
            is_last = not streaming.is_alive()
            self._catch_up()
            self._screen.draw(self._state, self._state.now_s(time.perf_counter_ns()))
            streaming.join(draw_period_s())

    def _catch_up(self) -> None:
        now_ns = time.perf_counter_ns()
        while True:
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                break
            if isinstance(news, StreamCall):
                self._state.close(news)
            else:
                self._state.feed(*news)
        self._state.advance(now_ns)


class WidgetScreen:
    """Widgets under the cell while it runs; a still picture and a table beneath when it is over.

    A saved notebook cannot show widgets, but it shows those two.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._view = LiveView(run.name, run.device, run.window_s, run.toggle)
        display(self._view.widget)  # type: ignore[no-untyped-call]
        self._picture, self._table = DisplayHandle.reserve(), DisplayHandle.reserve()

    def begin(self, state: LiveState, *, holds_cell: bool) -> None:
        """Empty widgets; what an earlier run left is taken away."""
        self._view.begin(state, holds_cell=holds_cell)
        self._picture.fill({"text/plain": ""})
        self._table.fill({"text/plain": ""})

    def draw(self, state: LiveState, now_s: float) -> None:
        """Update the widgets."""
        self._view.draw(state, now_s)

    def stopping(self) -> None:
        """Say so beside the button."""
        self._view.stopping()

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """The still picture takes the place of the moving one."""
        self._view.end(state, error)
        drawing, table, verdict = self._run.report()
        self._picture.fill(picture_bundle(drawing, verdict))
        self._table.fill(table_bundle(table, verdict))


class _NoScreen:
    """Where nobody looks."""

    def begin(self, state: LiveState, *, holds_cell: bool) -> None: ...

    def draw(self, state: LiveState, now_s: float) -> None: ...

    def stopping(self) -> None: ...

    def end(self, state: LiveState, error: BaseException | None) -> None: ...


def _nothing_to_do() -> None: ...


def _wait_or_stop(run: LiveRun) -> None:
    """Wait for a run that ends by itself; an interrupt ends it as its button would."""
    try:
        run.wait()
    except KeyboardInterrupt:
        run.stop()
