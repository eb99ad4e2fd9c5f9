"""A chain while it is killed: the picture moves, then the still one takes its place."""

from collections.abc import Sequence

from lab_kit.datasets import Clip
from lab_kit.experiments.metering.killing import Killed, Moment, Plan, killed
from lab_kit.measure.guess import Guess
from lab_kit.show.billing.killing import (
    draw_killing,
    killing_ends,
    killing_frame,
    killing_layers,
    killing_verdict,
    tabulate_killing,
)
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.live.moving_screen import Moving, on_screen


async def killing(clip: Clip, plan: Plan | None = None, guess: Guess | None = None) -> Killed:
    """Carry out a plan, draw told and billed meanwhile, and leave a still picture.

    Args:
        guess: of the sound that is missing at the end, in milliseconds.

    Raises:
        LabError: as `experiments.metering.killed`.
    """
    plan = plan or Plan()
    with on_screen(kill_moving(plan)) as hear:
        run = await killed(clip, plan, hear)
    words = "" if guess is None else guess.against(run.last.missing_us / 1e3)
    show_drawing(draw_killing(run), tabulate_killing(run), killing_verdict(run, words))
    return run


def kill_moving(plan: Plan) -> Moving[Moment]:
    """What callers were told, what the ledger has, and what is between the two."""
    return Moving(
        "A chain that is killed",
        lambda moments: killing_frame(plan, moments),
        running_verdict,
        lambda moments: killing_layers(plan, moments) if moments else [],
        lambda moments: killing_ends(plan, moments),
    )


def running_verdict(seen: Sequence[Moment]) -> Verdict:
    """How it stands."""
    if not seen:
        return Verdict("A server, whoever ships, and the callers begin.", Sign.UNSAID)
    last = seen[-1]
    told = f"Running. {last.told_us / 1e6:.1f} s told, {last.billed_us / 1e6:.1f} s in the ledger,"
    return Verdict(f"{told} {last.missing_us / 1e6:.1f} s on their way.", Sign.UNSAID)
