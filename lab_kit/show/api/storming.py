"""A retry storm while it goes on: panel by panel, then the still picture in the same place.

Drawing has a thread of its own, so that a slow page cannot make the generator late.
"""

import time
from collections.abc import Callable, Mapping
from threading import Event, Thread

from lab_kit.experiments.api.persistence import Persistence
from lab_kit.experiments.api.storm import Attempt, StormRun, Surge, storm
from lab_kit.experiments.api.ways import Target
from lab_kit.measure.guess import Guess
from lab_kit.show.api.storm import (
    draw_storm,
    most_per_s,
    storm_frame,
    storm_layers,
    storm_verdict,
    tabulate_storm,
)
from lab_kit.show.draw import card
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.moving_plot import TEXT_PERIOD_S, MovingPlot
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s

TITLE = "A retry storm"


async def storms(
    target: Target,
    sound: bytes,
    plan: Surge,
    clients: Mapping[str, Callable[[], Persistence]],
    guess: Guess | None = None,
) -> list[StormRun]:
    """Carry out a plan once with each kind of client, draw it, and leave a still picture.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still one is drawn.

    Args:
        clients: what callers do about refusals, by the name of such a client; who listens to the
            server comes last.
        guess: attempts per answer of the first kind.
    """
    moving = StormScreen(plan, list(clients)) if can_click() else None
    runs: list[StormRun] = []
    try:
        for name, make in clients.items():
            hear = None if moving is None else moving.hearer(name)
            runs.append(await storm(target, sound, plan, name, make, hear))
    finally:
        if moving is not None:
            moving.stop()
    is_void = runs[0].generator_was_bottleneck
    words = "" if guess is None else guess.against(runs[0].attempts_per_answer, is_void=is_void)
    show_drawing(draw_storm(runs), tabulate_storm(runs), storm_verdict(runs, words))
    return runs


class StormScreen:
    """The moving picture; it begins at once.

    Attributes:
        plot: a line for what is offered and one for what is admitted, in each panel.
    """

    def __init__(self, plan: Surge, names: list[str]) -> None:
        self._plan = plan
        self._seen: dict[str, list[Attempt]] = {name: [] for name in names}
        self._stopping = Event()
        self._frame_anew(self._now())
        self.plot = MovingPlot(self._card)
        self._output = WidgetOutput(self.plot, f"{TITLE}: not over yet when this was saved.")
        self._thread = Thread(target=self._run, name="lab-storm", daemon=True)
        self._thread.start()

    def hearer(self, name: str) -> Callable[[Attempt], None]:
        """Takes the attempts of one kind of client; drawn at the next tick."""
        return self._seen[name].append

    def stop(self) -> None:
        """Take the picture away."""
        self._stopping.set()
        self._thread.join()
        self.plot.close()
        self._output.take_away()

    def draw(self) -> None:
        """Everything until now, in one update."""
        seen = self._now()
        is_higher = most_per_s(self._plan, seen) != self._most
        if is_higher or time.monotonic() - self._told_s >= TEXT_PERIOD_S:
            self._frame_anew(seen)
        self.plot.show(self._card, storm_layers(self._plan, seen))

    def _now(self) -> dict[str, list[Attempt]]:
        return {name: list(attempts) for name, attempts in self._seen.items()}

    def _frame_anew(self, seen: dict[str, list[Attempt]]) -> None:
        self._told_s = time.monotonic()
        self._most = most_per_s(self._plan, seen)
        self._card = card.render(storm_frame(self._plan, seen), running_verdict(seen))

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()


def running_verdict(seen: Mapping[str, list[Attempt]]) -> Verdict:
    """How it stands."""
    told = [
        f"{name}: {len(attempts):,} attempts, {sum(a.is_admitted for a in attempts)} answered"
        for name, attempts in seen.items()
        if attempts
    ]
    return Verdict(f"Running. {'; '.join(told) or 'nothing was sent yet'}.", Sign.UNSAID)
