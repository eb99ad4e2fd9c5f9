"""A budget while it drains: the picture moves, then the still one takes its place.

Drawing has a thread of its own, so that a slow page cannot make the caller late.
"""

import time
from threading import Event, Thread

from lab_kit.experiments.access.draining import Ask, Drained, Plan, drain
from lab_kit.experiments.access.server import Server
from lab_kit.measure.guess import Guess
from lab_kit.show.access.draining import (
    drain_ends,
    drain_frame,
    drain_layers,
    drain_verdict,
    draw_drained,
    refusals,
    tabulate_drained,
)
from lab_kit.show.draw import card
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s

TITLE = "A budget of compute"


async def draining(server: Server, plan: Plan | None = None, guess: Guess | None = None) -> Drained:
    """Carry out a plan, draw it while it goes on, and leave a still picture.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still one is drawn.

    Args:
        guess: how many requests are refused.

    Raises:
        LabError: as `experiments.access.drain`.
    """
    plan = plan or Plan()
    moving = DrainScreen(plan) if can_click() else None
    try:
        run = await drain(server, plan, None if moving is None else moving.hear)
    finally:
        if moving is not None:
            moving.stop()
    words = "" if guess is None else guess.against(float(refusals(run)))
    show_drawing(draw_drained(run), tabulate_drained(run), drain_verdict(run, words))
    return run


class DrainScreen:
    """The moving picture; it begins at once.

    Attributes:
        plot: what is left, who is refused, and what each request cost.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen: list[Ask] = []
        self._stopping = Event()
        self._frame_anew([])
        self.plot = MovingPlot(self._card)
        self._output = WidgetOutput(self.plot, f"{TITLE}: not over yet when this was saved.")
        self._thread = Thread(target=self._run, name="lab-drain", daemon=True)
        self._thread.start()

    def hear(self, ask: Ask) -> None:
        """Take a request that has ended; drawn at the next tick."""
        self._seen.append(ask)

    def stop(self) -> None:
        """Take the picture away."""
        self._stopping.set()
        self._thread.join()
        self.plot.close()
        self._output.take_away()

    def draw(self) -> None:
        """Everything until now, in one update."""
        seen = list(self._seen)
        is_larger = drain_ends(seen) != self._ends
        if is_larger or time.monotonic() - self._told_s >= TEXT_PERIOD_S:
            self._frame_anew(seen)
        self.plot.show(self._card, drain_layers(self._plan, seen))

    def _frame_anew(self, seen: list[Ask]) -> None:
        self._told_s = time.monotonic()
        self._ends = drain_ends(seen)
        self._card = card.render(drain_frame(self._plan, seen), running_verdict(seen))

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()


def running_verdict(seen: list[Ask]) -> Verdict:
    """How it stands."""
    refused = sum(not one.is_admitted for one in seen)
    told = f"Running. {len(seen) - refused} answered, {refused} refused so far."
    return Verdict(told, Sign.UNSAID)
