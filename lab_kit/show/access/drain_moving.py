"""A budget while it drains: the picture moves, then the still one takes its place."""

from collections.abc import Sequence

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
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.live.moving_screen import Moving, on_screen


async def draining(server: Server, plan: Plan | None = None, guess: Guess | None = None) -> Drained:
    """Carry out a plan, draw it while it goes on, and leave a still picture.

    Args:
        guess: how many requests are refused.

    Raises:
        LabError: as `experiments.access.drain`.
    """
    plan = plan or Plan()
    with on_screen(drain_moving(plan)) as hear:
        run = await drain(server, plan, hear)
    words = "" if guess is None else guess.against(float(refusals(run)))
    show_drawing(draw_drained(run), tabulate_drained(run), drain_verdict(run, words))
    return run


def drain_moving(plan: Plan) -> Moving[Ask]:
    """What is left, who is refused, and what each request cost."""
    return Moving(
        "A budget of compute",
        lambda asks: drain_frame(plan, asks),
        running_verdict,
        lambda asks: drain_layers(plan, asks),
        drain_ends,
    )


def running_verdict(seen: Sequence[Ask]) -> Verdict:
    """How it stands."""
    refused = sum(not one.is_admitted for one in seen)
    told = f"Running. {len(seen) - refused} answered, {refused} refused so far."
    return Verdict(told, Sign.UNSAID)
