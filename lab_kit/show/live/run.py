"""A live run: stream, measure and draw at the same time, in threads beside the notebook's cells.

Streaming has a thread and an event loop of its own, so that no cell can hold it up; drawing has
another and hears of events through a queue, so that a slow page cannot hold the stream up.
"""

import asyncio
import queue
import time
from collections.abc import Callable
from contextlib import nullcontext
from threading import Event, Thread
from typing import ClassVar

from lab_kit.audio.sources.recordings import Source
from lab_kit.bench import Bench, Caller
from lab_kit.core.call_record import Received, StreamCall
from lab_kit.core.table import Table
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict
from lab_kit.show.live.attended import draw_period_s
from lab_kit.show.live.browser_microphone import BrowserMicrophone
from lab_kit.show.live.crowd import Crowd, Others
from lab_kit.show.live.report import draw_report, report_verdict, tabulate
from lab_kit.show.live.screen import NoScreen, Screen
from lab_kit.show.live.source import LiveSource
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.way import Way

_STOP_TIMEOUT_S = 5.0
_JOIN_S = 0.2
_STRAIGHT = Way()


class LiveRun:
    """A live run, going on or over.

    Attributes:
        calls: the streams, one for each time the clip was streamed; one that was cut before its
            first utterance was over is left out, since nothing can be measured in it.
        error: what ended it before its time, None if nothing did.
    """

    current: ClassVar["LiveRun | None"] = None

    def __init__(
        self,
        bench: Bench,
        source: Source,
        limit_s: float | None = None,
        *,
        loops: bool = False,
        way: Way = _STRAIGHT,
        crowd: Crowd | None = None,
    ) -> None:
        self.calls: list[StreamCall] = []
        self.error: BaseException | None = None
        self._bench = bench
        self._source = source
        self._limit_s = limit_s
        self._loops = loops
        self._way = way
        self._crowd = crowd
        self._screen: Screen = NoScreen()
        self._unfollow: Callable[[], None] = _nothing_to_do
        self._stop = Event()
        self._threads: tuple[Thread, ...] = ()
        self._state = LiveState(source.spoken)
        self._news: queue.SimpleQueue[tuple[int, Received] | StreamCall] = queue.SimpleQueue()
        self._streaming: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    @property
    def name(self) -> str:
        """What is streamed, and how it gets there."""
        return self._way.named(self._source.name)

    @property
    def way(self) -> Way:
        """How it gets there."""
        return self._way

    @property
    def device(self) -> str:
        """Where it is recognized."""
        return self._bench.device

    @property
    def others(self) -> Others | None:
        """What those who call beside it have seen; None where nobody does."""
        return None if self._crowd is None else self._crowd.others

    @property
    def planned_s(self) -> float | None:
        """How much is to be streamed; None where only a click ends it."""
        return self._limit_s

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

    def use(self, source: Source) -> None:
        """Stream ``source`` from the next start on, when what runs has been ended.

        The page's microphone starts the run itself, whenever it is turned on there.
        """
        self.stop()
        self._source = source
        if not isinstance(source, BrowserMicrophone):
            return

        def turned(change: dict[str, bool]) -> None:
            if change["new"]:
                self._end(_STOP_TIMEOUT_S)  # last results of the time before may be on their way
                self.start()

        source.observe(turned, names="is_on")
        self._unfollow = lambda: source.unobserve(turned, names="is_on")
        if source.is_on:
            self.start()

    def toggle(self) -> None:
        """What the button does: stop a run, or start it again, with the microphone of a page."""
        if self.is_running:
            self._stop.set()
            self._turn_off()
            self._screen.stopping()
        elif isinstance(self._source, BrowserMicrophone) and not self._source.is_on:
            self._source.ask()
        else:
            self.start()

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """End the stream after its current chunk and wait for its last results.

        If they do not come within ``timeout_s`` the stream is broken off without them.
        """
        self._unfollow()
        self._unfollow = _nothing_to_do
        self._turn_off()
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

    def report(self) -> tuple[Svg, Table, Verdict]:
        """The still picture, its figures, and what came out."""
        told = self._state, self.name, self.device
        drawing = draw_report(*told, self.planned_s)
        return drawing, tabulate(*told, self.others), report_verdict(self._state)

    def _ipython_display_(self) -> None:
        """Nothing more to show when a cell ends with it: it has drawn itself."""

    def _turn_off(self) -> None:
        """A microphone is on for a run, and no longer."""
        if isinstance(self._source, BrowserMicrophone):
            self._source.turn_off()

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
        self._turn_off()  # or the page would keep what nobody listens to any more

    async def _passes(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._streaming = asyncio.get_running_loop(), task
        left_s = self._limit_s
        beside = nullcontext() if self._crowd is None else self._crowd.calling(self._bench)
        with self._way.to(self._bench) as caller, beside:
            while not self._stop.is_set():
                call = await self._pass(caller, left_s)
                left_s = None if left_s is None else left_s - call.audio_s
                is_enough = left_s is not None and left_s < self._source.chunk_s
                if is_enough or self._source.waits_itself or not self._loops:
                    return

    async def _pass(self, caller: Caller, most_s: float | None) -> StreamCall:
        source = LiveSource(self._source, self._stop, most_s)
        news = self._news

        def hear(started_ns: int, received: Received) -> None:
            news.put((source.first_sound_ns or started_ns, received))

        call = await caller.stream(source, wire=self._way.wire, on_event=hear)
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
            self._screen.draw(self._state)
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


def _nothing_to_do() -> None: ...
