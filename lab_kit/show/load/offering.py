"""A plan while it is carried out: each answer as it comes, and beneath it what the device does.

When it is over, the still picture of `show.offered` takes the place of the moving one. Drawing has
a thread of its own, so that a slow page cannot make the generator late.
"""

import time
from collections import deque
from collections.abc import Sequence
from threading import Event, Thread

from lab_kit.datasets import Clip
from lab_kit.experiments.load import (
    Arrivals,
    DeviceWatch,
    OfferedRequest,
    OpenLoopRun,
    Transcribe,
    offer,
    watch_device,
)
from lab_kit.show.draw import card
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s
from lab_kit.show.load.offered import highest_ms, offered, offered_frame, offered_layers


async def offering(
    transcribe: Transcribe, clips: Sequence[Clip], plan: Arrivals, pid: int, title: str
) -> OpenLoopRun:
    """Carry out a plan and draw latencies and device while it runs; the still picture after it.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still one is drawn.

    Args:
        pid: the server's process, whose cores and memory are shown where there is no GPU.

    Raises:
        InvalidParameter: see `load.offer`.
        psutil.NoSuchProcess: there is no such server.
    """
    with watch_device(pid) as watching:
        moving = LiveFigure(plan, watching, title) if can_click() else None
        try:
            run = await offer(
                transcribe, clips, plan, on_end=None if moving is None else moving.hear
            )
        finally:
            if moving is not None:
                moving.stop()
    offered(run, watching.taken(), title)
    return run


class LiveFigure:
    """The moving picture; it begins at once.

    Attributes:
        plot: dots of latency above, a line for each strip of the device beneath.
    """

    def __init__(self, plan: Arrivals, watching: DeviceWatch, title: str) -> None:
        self._plan, self._watching, self._title = plan, watching, title
        self._ended: deque[tuple[float, OfferedRequest]] = deque()
        self._stopping = Event()
        self._frame_anew([])
        self.plot = MovingPlot(self._card)
        self._output = WidgetOutput(self.plot, f"{title}: not over yet when this was saved.")
        self._thread = Thread(target=self._run, name="lab-offering", daemon=True)
        self._thread.start()

    def hear(self, due_s: float, request: OfferedRequest) -> None:
        """Take a request that has ended; drawn at the next tick."""
        self._ended.append((due_s, request))

    def stop(self) -> None:
        """Take the picture away."""
        self._stopping.set()
        self._thread.join()
        self.plot.close()
        self._output.take_away()

    def draw(self) -> None:
        """Everything until now, in one update."""
        ended = list(self._ended)
        is_higher = highest_ms(ended) != self._highest_ms
        if is_higher or time.monotonic() - self._told_s >= TEXT_PERIOD_S:
            self._frame_anew(ended)
        layers = offered_layers(self._frame, self._plan.seconds, ended, self._device)
        self.plot.show(self._card, layers)

    def _frame_anew(self, ended: Sequence[tuple[float, OfferedRequest]]) -> None:
        """Words, and the scales of the strips, which grow with what the device was seen to use."""
        self._told_s, self._device = time.monotonic(), self._watching.taken()
        self._highest_ms = highest_ms(ended)
        self._frame = offered_frame(self._plan.seconds, ended, self._device, self._title)
        told = f"running; {len(ended)} requests have ended."
        self._card = card.render(self._frame, Verdict(told, Sign.UNSAID))

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()
