"""A picture that moves while an experiment goes on, drawn from what the experiment tells.

Drawing has a thread of its own, so that a slow page cannot make the callers late. The frame with
its words is drawn anew twice a second at most, or at once where its scales have changed; the marks
over it move as often as the machine has time for.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Generic, TypeVar

from lab_kit.show.draw import card
from lab_kit.show.draw.layers import Layer
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s

Heard = TypeVar("Heard")


@dataclass(frozen=True, slots=True)
class Moving(Generic[Heard]):
    """How one experiment is drawn, from all that was heard of it until now.

    Attributes:
        title: by which a notebook that is saved meanwhile names it.
        frame: all but the marks.
        verdict: how it stands.
        layers: the marks.
        ends: where the scales end that frame and marks are drawn by.
    """

    title: str
    frame: Callable[[Sequence[Heard]], Svg]
    verdict: Callable[[Sequence[Heard]], Verdict]
    layers: Callable[[Sequence[Heard]], Sequence[Layer]]
    ends: Callable[[Sequence[Heard]], tuple[float, ...]]


class MovingScreen(Generic[Heard]):
    """The moving picture; it begins at once.

    Attributes:
        plot: what the page shows.
    """

    def __init__(self, moving: Moving[Heard]) -> None:
        self._moving = moving
        self._heard: list[Heard] = []
        self._stopping = Event()
        self._frame_anew([])
        self.plot = MovingPlot(self._card)
        words = f"{moving.title}: not over yet when this was saved."
        self._output = WidgetOutput(self.plot, words)
        self._thread = Thread(target=self._run, name="lab-moving", daemon=True)
        self._thread.start()

    def hear(self, one: Heard) -> None:
        """Take what is known now; drawn at the next tick."""
        self._heard.append(one)

    def stop(self) -> None:
        """Take the picture away."""
        self._stopping.set()
        self._thread.join()
        self.plot.close()
        self._output.take_away()

    def draw(self) -> None:
        """Everything until now, in one update."""
        heard = list(self._heard)
        is_outgrown = self._moving.ends(heard) != self._ends
        if is_outgrown or time.monotonic() - self._framed_s >= TEXT_PERIOD_S:
            self._frame_anew(heard)
        self.plot.show(self._card, self._moving.layers(heard))

    def _frame_anew(self, heard: Sequence[Heard]) -> None:
        self._framed_s, self._ends = time.monotonic(), self._moving.ends(heard)
        self._card = card.render(self._moving.frame(heard), self._moving.verdict(heard))

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()


@contextmanager
def on_screen(moving: Moving[Heard]) -> Iterator[Callable[[Heard], None] | None]:
    """Whom to tell what happens, while the picture moves.

    None where nobody can look: no notebook, or ``LAB_PROFILE=ci``.
    """
    if not can_click():
        yield None
        return
    screen = MovingScreen(moving)
    try:
        yield screen.hear
    finally:
        screen.stop()
