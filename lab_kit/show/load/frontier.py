"""Throughput against latency: what each way of serving gets done, and how long callers wait for it.

One line a name, one point an offered rate. Further right is more work done, further up is a longer
wait; the best is right and low, and where a line turns upwards its server is full. Latencies count
from the intended send, so nobody looks fast by being asked less often.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.load import OpenLoopRun, lowest_at_highest
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import delay_told, percentile_ms, standing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, name_ends, put
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict, within

ZERO = "intended send"
LIMIT = theme.limit_label(ZERO, "answer")
_LEFT_PX, _RIGHT_PX = 64, theme.WIDTH_PX - 120
_TOP_PX, _BOTTOM_PX = 26, 260
_GROWN_FACTOR = 2.0
"""Who waits this much longer in the last third of a run than in the first waits in a queue that
grows, whatever the policy makes everybody wait."""
HIGHEST_MS = 2_000.0
"""Beyond it nobody waits; what lies higher is drawn at the edge, and the table says how high."""


def frontier(
    runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95, guess: Guess | None = None
) -> None:
    """Draw each name's throughput against its latency, and list both.

    Args:
        runs: for each way of serving, what was offered to it, in rising order of rate.
        share: which percentile of latency.
        guess: the name that the reader expected to be the lowest at the highest rate.
    """
    verdict = signed_verdict(runs, share)
    if guess is not None:
        lowest = lowest_at_highest(runs, share)
        told = guess.against(lowest, is_void=bool(_void_at_highest(runs)))
        verdict = replace(verdict, guess=told)
    drawing = draw_frontier(runs, share, "" if guess is None else guess.choice)
    show_drawing(drawing, tabulate_frontier(runs, share), verdict)


def signed_verdict(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> Verdict:
    """`frontier_verdict` with how the best of all was to 300 ms."""
    told = frontier_verdict(runs, share)
    if void := _void_at_highest(runs):
        served = ", ".join(f"'{name}'" for name in void)
        first = f"Void at the highest rate: the generator was the bottleneck of {served}."
        return Verdict(f"{first} {told}", Sign.UNSAID)
    if all(len(each) == 1 for each in runs.values()):
        return Verdict(told, Sign.UNSAID)
    best = runs[lowest_at_highest(runs, share)][-1]
    return Verdict(told, within(_wait_ms(best, share), ms(BUDGET_S)))


def _void_at_highest(runs: Mapping[str, Sequence[OpenLoopRun]]) -> list[str]:
    """The names whose figures at the highest rate are not the server's."""
    return [name for name, each in runs.items() if each[-1].generator_was_bottleneck]


def frontier_verdict(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> str:
    """Who waited least at the highest rate, and whether anybody was full at all."""
    if all(len(each) == 1 for each in runs.values()):
        return _points_verdict(runs, share)
    best = lowest_at_highest(runs, share)
    named = f"p{share * 100:g}"
    waits = {name: _wait_ms(each[-1], share) for name, each in runs.items()}
    others = ", ".join(
        f"{name} {delay_told(wait / 1e3)}" for name, wait in waits.items() if name != best
    )
    told = f"At the highest rate {best} has the lowest {named}: {delay_told(waits[best] / 1e3)}"
    told += f"; {others}." if others else "."
    full = [name for name, each in runs.items() if _is_full(each[-1])]
    if not full:
        return (
            f"{told} No queue grew: nobody was full at these rates, so they do not tell who "
            "breaks first. Offer more."
        )
    never = [name for name in runs if name not in full]
    told += f" Full there, with a queue that grew to the end: {', '.join(full)}"
    return f"{told}; not full: {', '.join(never)}." if never else f"{told}."


def _points_verdict(runs: Mapping[str, Sequence[OpenLoopRun]], share: float) -> str:
    """What single points tell, which is less than a line does."""
    named = f"p{share * 100:g}"
    told = [f"{delay_told(_wait_ms(each[0], share) / 1e3)} ({name})" for name, each in runs.items()]
    return (
        f"{named} at one rate: {', '.join(told)}. At which rate each is full takes several rates."
    )


def draw_frontier(
    runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95, said: str = ""
) -> Svg:
    """The picture; each line has its name at its end.

    Args:
        said: the name that the reader guessed.
    """
    every = [o for each in runs.values() for o in each]
    fewest = min(len(o.counted) for o in every)
    notes = [f"from {fewest} requests a point"]
    if any(o.generator_was_bottleneck for o in every):
        notes.append("grey: the generator was the bottleneck")
    if any(math.isinf(_wait_ms(o, share)) for o in every):
        notes.append(f"△ p{share * 100:g} never came")
    if standing(fewest, share):
        notes.append(f"hollow: indicative, too few to prove a p{share * 100:g}")
    svg = Svg(
        _BOTTOM_PX + 40,
        "Who gets most work done, and how long do callers wait for it?",
        f"Throughput against p{share * 100:g} of latency, a line each: {', '.join(runs)}.",
        notes,
    )
    waits_ms = [min(_wait_ms(o, share), HIGHEST_MS) for o in every]
    most = max(o.audio_s_per_s for o in every)
    across = Scale(0, most * 1.04 or 1.0, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, max(ms(BUDGET_S) * 1.5, max(waits_ms) * 1.08), _BOTTOM_PX, _TOP_PX)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "seconds of audio answered per second; better →")
    name = f"p{share * 100:g}, ms from {ZERO} to the answer; better ↓"
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, name)
    colors = dict(zip(runs, theme.series_colors(len(runs)), strict=True))
    ends: dict[str, Point] = {}
    for name, each in runs.items():
        where = [_place(o, share, across, up) for o in each]
        svg.polyline(where, colors[name])
        for at, o in zip(where, each, strict=True):
            color = theme.NEUTRAL if o.generator_was_bottleneck else colors[name]
            if math.isinf(_wait_ms(o, share)):
                svg.triangles([at], is_hollow=True)
            else:
                svg.points([at], color, 5, is_hollow=bool(standing(len(o.counted), share)))
        ends[name] = where[-1]
    limit_level(svg, up.px(ms(BUDGET_S)), _LEFT_PX, _RIGHT_PX, _TOP_PX, LIMIT)
    _drop_line(svg, [o for o in every if _wait_ms(o, share) <= ms(BUDGET_S)], share, across, up)
    name_ends(svg, ends, colors, said)
    return svg


def _drop_line(
    svg: Svg, inside: Sequence[OpenLoopRun], share: float, across: Scale, up: Scale
) -> None:
    """From the most work that anybody got done inside the limit down to its amount."""
    if not inside:
        return
    most = max(inside, key=lambda o: o.audio_s_per_s)
    x, y = _place(most, share, across, up)
    svg.rule((x, y + 6), (x, up.low_px), FAINT, 1)
    rows = (up.low_px - 8, up.low_px - 24)
    places = [
        Place((x + side * 6, row), anchor)
        for row in rows
        for side, anchor in ((1, "start"), (-1, "end"))
    ]
    told = f"{most.audio_s_per_s:.0f} s/s within {ms(BUDGET_S):.0f} ms"
    put(svg, told, places, size_px=theme.SMALL_PX, bold=True)


def tabulate_frontier(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> Table:
    """One line a point; where the generator was the bottleneck, the last column names it."""
    head = (
        "served by",
        "offered/s",
        "answered/s",
        "audio s/s",
        "p50 ms",
        f"p{share * 100:g} ms",
        "unanswered",
        "",
    )
    rows = []
    for name, each in runs.items():
        for offered in each:
            waits_s = [r.latency_s for r in offered.counted]
            notes = [standing(len(waits_s), share)]
            notes += ["generator"] * offered.generator_was_bottleneck
            rows.append(
                (
                    name,
                    f"{offered.offered_per_s:.1f}",
                    f"{offered.answered_per_s:.1f}",
                    f"{offered.audio_s_per_s:.1f}",
                    percentile_ms(waits_s, 0.5),
                    percentile_ms(waits_s, share),
                    str(offered.refused + offered.failed),
                    ", ".join(note for note in notes if note),
                )
            )
    return Table("way of serving and rate", head, rows)


def _wait_ms(offered: OpenLoopRun, share: float) -> float:
    return ms(percentile([r.latency_s for r in offered.counted], share))


def _is_full(offered: OpenLoopRun) -> bool:
    """Whether more came than was answered: the queue grew, or somebody got no answer."""
    waits_s = [r.latency_s for r in sorted(offered.counted, key=lambda r: r.intended_ns)]
    third = len(waits_s) // 3
    if offered.refused + offered.failed or math.inf in waits_s:
        return True
    if not third:
        return False
    first, last = (percentile(part, 0.5) for part in (waits_s[:third], waits_s[-third:]))
    return last > _GROWN_FACTOR * first


def _place(offered: OpenLoopRun, share: float, across: Scale, up: Scale) -> Point:
    wait_ms = _wait_ms(offered, share)
    level = up.high if math.isinf(wait_ms) else min(wait_ms, up.high)
    return across.px(offered.audio_s_per_s), up.px(level)
