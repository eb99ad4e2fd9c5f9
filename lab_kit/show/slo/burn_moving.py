"""A budget while it burns: the picture moves, then the still one takes its place."""

from collections.abc import Sequence

from lab_kit.datasets import Clip
from lab_kit.experiments.objectives.paging import watch_budget
from lab_kit.experiments.objectives.server import Server
from lab_kit.experiments.objectives.watched import Moment, Plan, Watched
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.live.moving_screen import Moving, on_screen
from lab_kit.show.slo.burning import (
    burn_ends,
    burn_frame,
    burn_layers,
    burn_verdict,
    draw_burning,
    tabulate_burning,
    waited_for_page_s,
)
from lab_kit.slo.burn import Severity


async def burning(
    server: Server, clips: Sequence[Clip], plan: Plan | None = None, guess: Guess | None = None
) -> Watched:
    """Carry out a plan, draw the budget while it burns, and leave a still picture.

    Args:
        guess: seconds from when the server becomes slow until somebody is paged.

    Raises:
        LabError: as `experiments.objectives.watch_budget`.
    """
    plan = plan or Plan()
    with on_screen(burn_moving(plan)) as hear:
        run = await watch_budget(server, clips, plan, hear)
    words = "" if guess is None else guess.against(waited_for_page_s(run))
    show_drawing(draw_burning(run), tabulate_burning(run), burn_verdict(run, words))
    return run


def burn_moving(plan: Plan) -> Moving[Moment]:
    """Burn rates, pages, and what is gone; turns come when their calls are over."""
    incidents = (plan.blip, plan.slow)
    return Moving(
        "A budget that burns",
        lambda moments: burn_frame(plan, incidents, moments, _end_s(moments)),
        running_verdict,
        lambda moments: burn_layers(plan, moments, [], _end_s(moments)),
        lambda moments: burn_ends(plan, moments, _end_s(moments)),
    )


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
