"""A live load when it is over: every turn's final delay over time, and how many streams were open.

Behind the turns, where the server was asked, the level of its service. What was refused or closed,
and turns that never got their final, stand on the upper edge.
"""

import math
from collections.abc import Sequence

from lab_kit.client import DegradationStatus
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.load import CallEnding, LiveLoad
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing, show_picture
from lab_kit.show.draw.figures import percentile_ms, standing, void_told
from lab_kit.show.draw.inks import BUDGET, FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.room import text_width_px
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.table import Table
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.load.strips import LEFT_PX, RIGHT_PX, STRIP_PX, strip

HIGHEST_MS = 1_500.0
"""What is later is drawn on the edge; the table says how late."""
LIMIT = theme.limit_label("speaker stops", "last final")
_TOP_PX, _EDGE_PX, _BOTTOM_PX = 26, 18, 240
_LEVELS = ("0 full service", "1 fewer interims", "2 refuses low", "3 refuses all", "4 closes low")
_LEVEL_OPACITY = (0.0, 0.11, 0.18, 0.25, 0.31)


def load(
    run: LiveLoad,
    title: str = "Every turn of every caller",
    level: DegradationStatus | None = None,
) -> None:
    """Draw the turns of a load and the streams that were open, and list its figures.

    Args:
        level: what the operator was told afterwards; its steps are drawn behind the turns.
    """
    drawing = draw_load(run, title, level)
    show_drawing(drawing, tabulate_load([run]), load_verdict(run, title))


def loads(
    runs: Sequence[LiveLoad], labels: Sequence[str], level: DegradationStatus | None = None
) -> None:
    """Compare loads: a picture of each on the same scales, and a column of figures for each.

    Args:
        level: see `load`; in the last picture.

    Raises:
        ValueError: not one label each.
    """
    table = tabulate_load(runs, labels)
    highest_ms, last_s = max(map(_highest_ms, runs)), max(map(_last_s, runs))
    for run, label in zip(runs[:-1], labels, strict=False):
        drawing = draw_load(run, label, highest_ms=highest_ms, last_s=last_s)
        show_picture(drawing, load_verdict(run, label))
    last = draw_load(runs[-1], labels[-1], level, highest_ms, last_s)
    show_drawing(last, table, load_verdict(runs[-1], labels[-1]))


def load_verdict(run: LiveLoad, title: str) -> Verdict:
    """How many turns were within 300 ms, and what became of the others, in a sentence."""
    if run.generator_was_bottleneck:
        told = void_told(run.lateness_s, run.generator_cores)
        return Verdict(f"{told} ({title})", Sign.UNSAID)
    delays_s = run.final_delays_s
    if not delays_s:
        return Verdict(f"{title}: no turn ended in the time that counts.", Sign.UNSAID)
    inside = sum(delay_s <= BUDGET_S for delay_s in delays_s)
    told = f"{title}: {inside} of {len(delays_s)} turns within {ms(BUDGET_S):.0f} ms"
    counts = [
        (run.without_final, "without a final"),
        (run.ended(CallEnding.REFUSED), "calls refused"),
        (run.ended(CallEnding.BROKEN), "broken"),
    ]
    told += "".join(f"; {what}: {count}" for count, what in counts if count)
    told += f"; at most {run.peak_streams} streams at once."
    return Verdict(told, Sign.INSIDE if inside == len(delays_s) else Sign.OVER)


def draw_load(
    run: LiveLoad,
    title: str,
    level: DegradationStatus | None = None,
    highest_ms: float | None = None,
    last_s: float | None = None,
) -> Svg:
    """The picture.

    Args:
        highest_ms, last_s: ends of the axes; by default those of this run alone.
    """
    bottom = _BOTTOM_PX + STRIP_PX
    svg = Svg(
        bottom + 40,
        "When did callers wait, and did the limit hold?",
        f"{title}: a dot for each turn by its final delay, and the open streams beneath.",
        _notes(run, title),
    )
    across = Scale(0, last_s or _last_s(run), LEFT_PX, RIGHT_PX)
    up = Scale(0, highest_ms or _highest_ms(run), _BOTTOM_PX, _TOP_PX + _EDGE_PX)
    axis_below(svg, across, _TOP_PX, bottom, "seconds since the plan began")
    axis_left(svg, up, LEFT_PX, RIGHT_PX, "final delay, ms", name_y=14)
    _turns(svg, run, across, up)
    limit_level(svg, up.px(ms(BUDGET_S)), LEFT_PX, RIGHT_PX, _TOP_PX + _EDGE_PX, LIMIT)
    if level is not None:
        _bands(svg, across, _levels(run, level))
    most = max(1, run.peak_streams)
    strip(svg, across, _BOTTOM_PX, "streams open", most, stairs(run.open_streams))
    return svg


def tabulate_load(runs: Sequence[LiveLoad], labels: Sequence[str] | None = None) -> Table:
    """What was offered and what came of it, a column a run."""
    heads = labels or [""] * len(runs)
    columns = [_column(run) for run in runs]
    rows = list(zip(columns[0], *(column.values() for column in columns), strict=True))
    return Table("figure", ["", *heads], rows)


def _notes(run: LiveLoad, title: str) -> list[str]:
    never, refused = run.without_final, run.ended(CallEnding.REFUSED) + run.ended(CallEnding.BROKEN)
    return [
        title,
        f"{len(run.turns)} turns",
        run.calls[0].call.device if run.calls else "",
        f"generator used {run.generator_cores:.1f} cores",
        "● turn",
        "▲ late",
        f"△ {never} without a final" if never else "",
        f"✕ {refused} refused or broken" if refused else "",
    ]


def _turns(svg: Svg, run: LiveLoad, across: Scale, up: Scale) -> None:
    """A mark a turn; on the upper edge what never came, and the calls that were not served."""
    is_void = run.generator_was_bottleneck
    color, late = (theme.NEUTRAL, FAINT) if is_void else (theme.COMPUTE, BUDGET)
    edge = _TOP_PX + _EDGE_PX / 2
    inside = []
    for turn in run.turns:
        x = across.px(min((turn.ended_ns - run.began_ns) / 1e9, across.high))
        delay_ms = ms(turn.final_delay_s)
        y = up.px(min(max(0.0, delay_ms), up.high))
        if math.isinf(delay_ms):
            svg.triangles([(x, edge)], late, is_hollow=True)
        elif delay_ms > ms(BUDGET_S):
            svg.triangles([(x, y)], late)
        else:
            inside.append((x, y))
    svg.points(inside, color, radius_px=3, opacity=0.75)
    lost = [c for c in run.calls if c.ending in (CallEnding.REFUSED, CallEnding.BROKEN)]
    when_s = [(call.intended_ns - run.began_ns) / 1e9 for call in lost]
    svg.crosses((across.px(min(at_s, across.high)), edge) for at_s in when_s)


def _bands(svg: Svg, across: Scale, line: Sequence[tuple[float, int]]) -> None:
    """The levels of service as grey grounds, named where there is room."""
    ends = [*(at_s for at_s, _ in line[1:]), across.high]
    for (at_s, number), end_s in zip(line, ends, strict=True):
        left, right = across.px(at_s), across.px(min(end_s, across.high))
        svg.band(left, _TOP_PX, right - left, _BOTTOM_PX - _TOP_PX, _LEVEL_OPACITY[number])
        middle = (left + right) / 2
        for told in (_LEVELS[number], str(number)):
            if text_width_px(told, theme.SMALL_PX) > right - left:
                continue
            rows = [_TOP_PX + _EDGE_PX + step for step in (14, 30, 46, 62, 180)]
            places = [Place((middle, row), "middle") for row in rows]
            if put(svg, told, places, size_px=theme.SMALL_PX) is not None:
                break


def _levels(run: LiveLoad, level: DegradationStatus) -> list[tuple[float, int]]:
    """The steps that were made since the load began, on the client's clock."""
    clock = run.calls[0].call.clock
    placed = [
        ((clock.to_local(round(change.at_s * 1e9)) - run.began_ns) / 1e9, change)
        for change in level.changes
    ]
    seen = [(at_s, change) for at_s, change in placed if at_s >= 0]
    start = [(0.0, seen[0][1].before if seen else level.level)]
    return [*start, *((at_s, change.after) for at_s, change in seen)]


def _column(run: LiveLoad) -> dict[str, str]:
    delays_s, first_s = run.final_delays_s, run.first_results_s
    wer = run.word_error_rate
    trouble = ", ".join(
        str(run.ended(e)) for e in (CallEnding.REFUSED, CallEnding.BROKEN, CallEnding.STALLED)
    )
    limits = f"{ms(run.limits.final_delay_s):.0f} and {ms(run.limits.first_result_s):.0f} ms"
    return {
        "calls attempted": str(len(run.calls)),
        "refused, broken, stalled": trouble,
        "most streams at once": str(run.peak_streams),
        "turns, without a final": f"{len(run.turns)}, {run.without_final}",
        "final delay p50 ms": percentile_ms(delays_s, 0.5),
        "final delay p95 ms": f"{percentile_ms(delays_s, 0.95)} {standing(len(delays_s))}".strip(),
        "first result p95 ms": f"{percentile_ms(first_s, 0.95)} {standing(len(first_s))}".strip(),
        "nothing new, p95 ms": percentile_ms(run.gaps_s, 0.95),
        f"good turns ({limits})": f"{run.good_share:.0%}",
        "goodput per min": f"{run.goodput_per_min:.0f}",
        "word error rate": "-" if wer is None else f"{wer:.1%}",
        "sent late, p99 ms": f"{ms(run.lateness_s):.0f}",
        "cores: generator, machine": f"{run.generator_cores:.2f}, {run.machine_cores:.2f}",
        "generator the bottleneck": "yes: void" if run.generator_was_bottleneck else "no",
    }


def _highest_ms(run: LiveLoad) -> float:
    seen_ms = [ms(delay_s) for delay_s in run.final_delays_s if not math.isinf(delay_s)]
    return min(HIGHEST_MS, max([ms(BUDGET_S) * 1.6, *(value * 1.05 for value in seen_ms)]))


def _last_s(run: LiveLoad) -> float:
    return max([run.plan.seconds, *(at_s for at_s, _ in run.open_streams)])
