"""A budget while it burns: the picture moves, then the still one takes its place.

Drawing has a thread of its own, so that a slow page cannot make the callers late.
"""

import time
from collections.abc import Sequence
from threading import Event, Thread

from lab_kit.datasets import Clip
from lab_kit.experiments.objectives.paging import watch_budget
from lab_kit.experiments.objectives.server import Server
from lab_kit.experiments.objectives.watched import Moment, Plan, Watched
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import card
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s
from lab_kit.show.slo.burning import (
    burn_frame,
    burn_layers,
    burn_verdict,
    draw_burning,
    tabulate_burning,
    waited_for_page_s,
)
from lab_kit.slo.burn import Severity

TITLE = "A budget that burns"


async def burning(
    server: Server, clips: Sequence[Clip], plan: Plan | None = None, guess: Guess | None = None
) -> Watched:
    """Carry out a plan, draw the budget while it burns, and leave a still picture.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still one is drawn.

    Args:
        guess: seconds from when the server becomes slow until somebody is paged.

    Raises:
        LabError: as `experiments.objectives.watch_budget`.
    """
    plan = plan or Plan()
    moving = BurnScreen(plan) if can_click() else None
    try:
        run = await watch_budget(server, clips, plan, None if moving is None else moving.hear)
    finally:
        if moving is not None:
            moving.stop()
    words = "" if guess is None else guess.against(waited_for_page_s(run))
    show_drawing(draw_burning(run), tabulate_burning(run), burn_verdict(run, words))
    return run


class BurnScreen:
    """The moving picture; it begins at once.

    Attributes:
        plot: burn rates, pages, and what is gone; turns come when their calls are over.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen: list[Moment] = []
        self._stopping = Event()
        self._frame_anew([])
        self.plot = MovingPlot(self._card)
        self._output = WidgetOutput(self.plot, f"{TITLE}: not over yet when this was saved.")
        self._thread = Thread(target=self._run, name="lab-burn", daemon=True)
        self._thread.start()

    def hear(self, moment: Moment) -> None:
        """Take what is known now; drawn at the next tick."""
        self._seen.append(moment)

    def stop(self) -> None:
        """Take the picture away."""
        self._stopping.set()
        self._thread.join()
        self.plot.close()
        self._output.take_away()

    def draw(self) -> None:
        """Everything until now, in one update."""
        seen = list(self._seen)
        if time.monotonic() - self._told_s >= TEXT_PERIOD_S:
            self._frame_anew(seen)
        self.plot.show(self._card, burn_layers(self._plan, seen, [], _end_s(seen)))

    def _frame_anew(self, seen: Sequence[Moment]) -> None:
        self._told_s = time.monotonic()
        frame = burn_frame(self._plan, (self._plan.blip, self._plan.slow), seen, _end_s(seen))
        self._card = card.render(frame, running_verdict(seen))

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()


def running_verdict(seen: Sequence[Moment]) -> Verdict:
    """How it stands."""
    if not seen:
        return Verdict("Prometheus and the callers begin.", Sign.UNSAID)
    last = seen[-1]
    bad = last.count.total - last.count.good
    who = "A page is out." if Severity.PAGE in last.told else "Nobody is told."
    told = f"Running. {bad:.0f} of {last.count.total:.0f} finals bad so far. {who}"
    return Verdict(told, Sign.UNSAID)


def _end_s(seen: Sequence[Moment]) -> float:
    return seen[-1].at_s if seen else 0.0
