"""A retry storm: what was offered and what was admitted each half second, one panel a client.

Frame and marks are made apart: the moving plot puts them together again and again, the still
picture once. What lies between the two lines of a panel was sent for nothing.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from lab_kit.core.table import Table
from lab_kit.experiments.api.storm import BIN_S, LATE_S, Attempt, StormRun, Surge, per_s
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.figures import void_told
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.layers import Area, Layer, Lines
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.load.strips import LEFT_PX, RIGHT_PX

OFFERED, ADMITTED, PLANNED = theme.QUEUE, theme.COMPUTE, theme.NEUTRAL
_TOP_PX, _PANEL_PX, _NAME_PX = 26, 104, 22
_STEP = 20.0
"""Where a panel's scale ends: at a multiple of this, so that it seldom changes while it moves."""

Seen = Mapping[str, Sequence[Attempt]]
"""Attempts by the name of their client, the runs in order; empty for one that is yet to come."""


def storm_frame(plan: Surge, seen: Seen, notes: Sequence[str] = ()) -> Svg:
    """All of the picture but its marks."""
    bottom = _TOP_PX + _PANEL_PX * len(seen)
    svg = Svg(
        bottom + 40,
        "A server is full: what do its clients make of it?",
        f"For each of {', '.join(seen)}: attempts and answers a second over time.",
        ["each panel is the same plan, and the same scale", *notes],
        lines=(3, 2),
    )
    axis_below(svg, _across(plan), _TOP_PX, bottom, "seconds since each plan began")
    named = [
        ("offered: every attempt, a second", OFFERED),
        ("admitted", ADMITTED),
        ("first attempts, by plan", PLANNED),
    ]
    end = legend(svg, named, 10, LEFT_PX)
    svg.text((end, 10), "between the first two: wasted", role=FAINT)
    most = most_per_s(plan, seen)
    for index, name in enumerate(seen):
        up = _up(index, most)
        svg.text((LEFT_PX + 5, up.high_px - 6), name, bold=True)
        for value in (0.0, most / 2, most):
            y = up.px(value)
            svg.grid((LEFT_PX, y), (RIGHT_PX, y), is_zero=value == 0)
            told = f"{value:,.0f}"
            svg.text((LEFT_PX - 7, y + 4), told, role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    return svg


def storm_layers(plan: Surge, seen: Seen) -> list[Layer]:
    """The marks: a line and its ground for what was offered, and for what was admitted."""
    across, most = _across(plan), most_per_s(plan, seen)
    layers: list[Layer] = []
    for index, attempts in enumerate(seen.values()):
        up = _up(index, most)
        planned = _stairs(per_s(plan.times_s(), plan.seconds), across, up)
        layers.append(Lines([planned], PLANNED, 1.2))
        if not attempts:
            continue
        reached_s = min(plan.seconds, max(one.at_s for one in attempts) + BIN_S)
        admitted = [one.at_s for one in attempts if one.is_admitted]
        for times_s, color in (([one.at_s for one in attempts], OFFERED), (admitted, ADMITTED)):
            line = _stairs(per_s(times_s, reached_s), across, up)
            layers += [Area(line, up.px(0), color), Lines([line], color, 2)]
    return layers


def draw_storm(runs: Sequence[StormRun]) -> Svg:
    """The picture of runs that are over."""
    seen = seen_of(runs)
    used = max(run.generator_cores for run in runs)
    svg = storm_frame(runs[0].plan, seen, [f"generator used {used:.1f} cores at most"])
    for layer in storm_layers(runs[0].plan, seen):
        layer.draw(svg)
    return svg


def seen_of(runs: Sequence[StormRun]) -> dict[str, Sequence[Attempt]]:
    """The attempts of runs that are over."""
    return {run.name: run.attempts for run in runs}


def storm_verdict(runs: Sequence[StormRun], guess: str = "") -> Verdict:
    """What each answer cost, and who got how many, in sentences; the last run's client listens.

    Args:
        guess: what is said of the reader's guess.
    """
    void = next((run for run in runs if run.generator_was_bottleneck), None)
    if void is not None:
        told = void_told(void.lateness_s, void.generator_cores, void.name, LATE_S)
        return Verdict(told, Sign.UNSAID, guess)
    if not any(run.wasted for run in runs):
        told = "Nothing was refused: this server carried all of it. Raise the plan's surge_per_s,"
        told += " or take a longer clip in this lab's second cell."
        return Verdict(told, Sign.UNSAID, guess)
    each = ", ".join(f"{run.name} {_times(run.attempts_per_answer)}" for run in runs)
    answered = ", ".join(f"{run.name} {run.answered}" for run in runs)
    told = f"Attempts for each answer: {each}. Answered of {runs[0].requests}: {answered}."
    return Verdict(f"{told} {_compared(runs)}", Sign.NONE, guess)


def _compared(runs: Sequence[StormRun]) -> str:
    *others, last = runs
    if not others:
        return ""
    least = min(others, key=lambda run: run.attempts_per_answer)
    if last.attempts_per_answer >= least.attempts_per_answer:
        return f"Here {last.name} did not send least: {least.name} did."
    most = max(others, key=lambda run: run.answered)
    if last.answered >= most.answered:
        return f"{last.name.capitalize()} sent least, and it cost no answer."
    fewer = most.answered - last.answered
    return f"{last.name.capitalize()} sent least, and {fewer} fewer were answered than of the best."


def tabulate_storm(runs: Sequence[StormRun]) -> Table:
    """What was offered and what came of it, a column a run."""
    columns = [_column(run) for run in runs]
    rows = list(zip(columns[0], *(column.values() for column in columns), strict=True))
    return Table("figure", ["", *(run.name for run in runs)], rows)


def most_per_s(plan: Surge, seen: Seen) -> float:
    """Where the scale of all panels ends."""
    counts = [
        value
        for attempts in seen.values()
        for _, value in per_s([one.at_s for one in attempts], plan.seconds)
    ]
    highest = max([*counts, 1.5 * plan.surge_per_s, 1.0])
    return _STEP * math.ceil(highest / _STEP)


def _column(run: StormRun) -> dict[str, str]:
    cpu_ms = run.server_cpu_s / run.answered * 1e3 if run.answered else math.inf
    return {
        "requests": str(run.requests),
        "answered": str(run.answered),
        "given up": str(run.requests - run.answered),
        "attempts": f"{len(run.attempts):,}",
        "of them wasted": f"{run.wasted:,}",
        "attempts per answer": _times(run.attempts_per_answer),
        "server's CPU per answer, ms": "-" if math.isinf(cpu_ms) else f"{cpu_ms:,.0f}",
        "sent late, p99 ms": f"{run.lateness_s * 1e3:,.0f}",
        "generator's cores": f"{run.generator_cores:.2f}",
    }


def _times(value: float) -> str:
    return "without end" if math.isinf(value) else f"{value:.1f}"


def _across(plan: Surge) -> Scale:
    return Scale(0, plan.seconds, LEFT_PX, RIGHT_PX)


def _up(index: int, most: float) -> Scale:
    top = _TOP_PX + _PANEL_PX * index
    return Scale(0, most, top + _PANEL_PX - 4, top + _NAME_PX)


def _stairs(bins: Sequence[tuple[float, float]], across: Scale, up: Scale) -> list[Point]:
    """Corners of a line that holds each value for its bin."""
    ends = [*bins, (bins[-1][0] + BIN_S, bins[-1][1])]
    corners = [
        point
        for (from_s, value), (to_s, _) in pairwise(ends)
        for point in ((from_s, value), (to_s, value))
    ]
    return [(across.px(min(at_s, across.high)), up.px(value)) for at_s, value in corners]
