"""A chain while it is killed: the picture moves, then the still one takes its place.

Drawing has a thread of its own, so that a slow page cannot make the callers late.
"""

import time
from collections.abc import Sequence
from threading import Event, Thread

from lab_kit.datasets import Clip
from lab_kit.experiments.metering.killing import Killed, Moment, Plan, killed
from lab_kit.measure.guess import Guess
from lab_kit.show.billing.killing import (
    draw_killing,
    killing_frame,
    killing_layers,
    killing_verdict,
    tabulate_killing,
)
from lab_kit.show.draw import card
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s

TITLE = "A chain that is killed"


async def killing(clip: Clip, plan: Plan | None = None, guess: Guess | None = None) -> Killed:
    """Carry out a plan, draw told and billed meanwhile, and leave a still picture.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still one is drawn.

    Args:
        guess: of the sound that is missing at the end, in milliseconds.

    Raises:
        LabError: as `experiments.metering.killed`.
    """
    plan = plan or Plan()
    moving = KillScreen(plan) if can_click() else None
    try:
        run = await killed(clip, plan, None if moving is None else moving.hear)
    finally:
        if moving is not None:
            moving.stop()
    words = "" if guess is None else guess.against(run.last.missing_us / 1e3)
    show_drawing(draw_killing(run), tabulate_killing(run), killing_verdict(run, words))
    return run


class KillScreen:
    """The moving picture; it begins at once.

    Attributes:
        plot: what callers were told, what the ledger has, and what is between the two.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen: list[Moment] = []
        self._stopping = Event()
        self._frame_anew([])
        self.plot = MovingPlot(self._card)
        self._output = WidgetOutput(self.plot, f"{TITLE}: not over yet when this was saved.")
        self._thread = Thread(target=self._run, name="lab-kill", daemon=True)
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
        shown = seen[: self._framed] or seen[:1]
        self.plot.show(self._card, killing_layers(self._plan, shown) if shown else [])

    def _frame_anew(self, seen: Sequence[Moment]) -> None:
        """Marks are drawn by the scales of the frame, so both know of the same moments."""
        self._told_s = time.monotonic()
        self._framed = len(seen)
        self._card = card.render(killing_frame(self._plan, seen), running_verdict(seen))

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()


def running_verdict(seen: Sequence[Moment]) -> Verdict:
    """How it stands."""
    if not seen:
        return Verdict("A server, whoever ships, and the callers begin.", Sign.UNSAID)
    last = seen[-1]
    told = f"Running. {last.told_us / 1e6:.1f} s told, {last.billed_us / 1e6:.1f} s in the ledger,"
    return Verdict(f"{told} {last.missing_us / 1e6:.1f} s on their way.", Sign.UNSAID)
