"""A live load: every turn's final delay over time, and how many streams were open.

Frame and marks are made apart, from what has been seen: the moving plot puts them together again
and again, the still picture once. Behind the turns, where the server was asked, the level of its
service. What was refused or closed, and turns that never got their final, stand on the upper edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from lab_kit.client import DegradationStatus
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.load import CallEnding, CallPlan, LiveLoad
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing, show_picture
from lab_kit.show.draw.figures import NEVER, percentile_ms, standing, void_told
from lab_kit.show.draw.inks import BUDGET, FAINT, INK
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.layers import ABOVE, Crosses, Dots, Layer, Triangles, Words, beside
from lab_kit.show.draw.limits import limit_level_of_frame
from lab_kit.show.draw.room import Point, text_width_px
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.live.window import end_s
from lab_kit.show.load.progress import LoadSeen, seen_of
from lab_kit.show.load.strips import (
    LEFT_PX,
    RIGHT_PX,
    STRIP_PX,
    strip_frame,
    strip_layers,
    strip_scale,
)

HIGHEST_MS = 600.0
"""The range is fixed; what is later is drawn on its edge, with its value where there is room."""
LIMIT = theme.limit_label("speaker stops", "last final")
_TOP_PX, _EDGE_PX, _BOTTOM_PX = 26, 32, 250
_LEVELS = ("0 full service", "1 fewer interims", "2 refuses low", "3 refuses all", "4 closes low")
_NEVER_MEANS = "never: so many results did not come at all that this percentile has no value"
_LEVEL_OPACITY = (0.0, 0.11, 0.18, 0.25, 0.31)


@dataclass(frozen=True, slots=True)
class LoadAxes:
    """The scales of a picture: those of the plan, and more only where a run went beyond it.

    Attributes:
        end_s: where the axis of time ends.
        most: streams, at the upper end of theirs; even, so that half of it can be named, too.
    """

    end_s: float
    most: int

    @classmethod
    def of(cls, plan: CallPlan, seen: LoadSeen) -> "LoadAxes":
        """Those of a run, going on or over."""
        counts = [count for _, count in seen.streams]
        most = max([most_streams(plan), *counts])
        return cls(end_s(seen.reached_s, plan.seconds), most + most % 2)

    @property
    def across(self) -> Scale:
        """Time."""
        return Scale(0, self.end_s, LEFT_PX, RIGHT_PX)

    @property
    def up(self) -> Scale:
        """Delays."""
        return Scale(0, HIGHEST_MS, _BOTTOM_PX, _TOP_PX + _EDGE_PX)

    @property
    def streams(self) -> Scale:
        """Open streams."""
        return strip_scale(_BOTTOM_PX, self.most)


def most_streams(plan: CallPlan) -> int:
    """Streams that would be open at one moment if all calls were served and took no longer."""
    begins = [(call.at_s, 1) for call in plan.calls()]
    ends = [(call.at_s + call.seconds, -1) for call in plan.calls()]
    return max([1, *accumulate(change for _, change in sorted(begins + ends))])


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
        level: see `load`; each picture shows the steps that were made during its run.

    Raises:
        ValueError: not one label each.
    """
    table = tabulate_load(runs, labels)
    each = [LoadAxes.of(run.plan, seen_of(run)) for run in runs]
    axes = LoadAxes(max(one.end_s for one in each), max(one.most for one in each))
    for run, label in zip(runs[:-1], labels, strict=False):
        show_picture(draw_load(run, label, level, axes), load_verdict(run, label))
    last = draw_load(runs[-1], labels[-1], level, axes)
    show_drawing(last, table, load_verdict(runs[-1], labels[-1]))


def load_verdict(run: LiveLoad, title: str) -> Verdict:
    """How many turns were within 300 ms, and what became of the others, in a sentence."""
    if run.generator_was_bottleneck:
        return Verdict(void_told(run.lateness_s, run.generator_cores, title), Sign.UNSAID)
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
    streams = "1 stream" if run.peak_streams == 1 else f"{run.peak_streams} streams"
    told += f"; at most {streams} at once."
    return Verdict(told, Sign.INSIDE if inside == len(delays_s) else Sign.OVER)


def draw_load(
    run: LiveLoad,
    title: str,
    level: DegradationStatus | None = None,
    axes: LoadAxes | None = None,
) -> Svg:
    """The picture of a load that is over.

    Args:
        axes: of several pictures; by default those of this run alone.
    """
    seen = seen_of(run)
    scales = axes or LoadAxes.of(run.plan, seen)
    device = run.calls[0].call.device if run.calls else ""
    used = f"generator used {run.generator_cores:.1f} cores"
    levels = [] if level is None else _levels_told(run, level)
    svg = load_frame(scales, title, [*load_notes(seen, title, device, used), *levels])
    for layer in load_layers(svg, scales, seen, is_void=run.generator_was_bottleneck):
        layer.draw(svg)
    if level is not None:
        _bands(svg, scales.across, _levels(run, level))
    return svg


def load_frame(axes: LoadAxes, title: str, notes: Sequence[str]) -> Svg:
    """All of the picture but its marks."""
    bottom = _BOTTOM_PX + STRIP_PX
    svg = Svg(
        bottom + 40,
        "When did callers wait, and did the limit hold?",
        f"{title}: a dot for each turn by its final delay, and the open streams beneath.",
        notes,
        lines=(2, 2),
    )
    axis_below(svg, axes.across, _TOP_PX, bottom, "seconds since the plan began")
    axis_left(svg, axes.up, LEFT_PX, RIGHT_PX, "final delay, ms", name_y=14)
    limit_level_of_frame(svg, axes.up.px(ms(BUDGET_S)), LEFT_PX, RIGHT_PX, _TOP_PX, LIMIT)
    strip_frame(svg, axes.streams, "streams open")
    return svg


def load_notes(seen: LoadSeen, title: str, device: str, generator: str = "") -> list[str]:
    """What the run was like, and what its marks mean."""
    never = sum(point.delay_s == NEVER for point in seen.turns)
    lost = len(seen.not_served_s)
    return [
        title,
        f"{len(seen.turns)} turns",
        device,
        generator,
        "● turn",
        "▲ late",
        f"△ {never} without a final" if never else "",
        f"✕ {lost} refused or broken" if lost else "",
    ]


def load_layers(
    frame: Svg, axes: LoadAxes, seen: LoadSeen, *, is_void: bool = False
) -> list[Layer]:
    """A mark a turn; on the upper edge what never came, and the calls that were not served.

    Args:
        frame: `load_frame`; values are written where it has room.
    """
    across, up = axes.across, axes.up
    color, late = (theme.NEUTRAL, FAINT) if is_void else (theme.COMPUTE, BUDGET)
    edge = _TOP_PX + 7
    inside: list[Point] = []
    beyond: list[Point] = []
    never: list[Point] = []
    told = []
    for turn in seen.turns:
        x, delay_ms = across.px(min(turn.at_s, across.high)), ms(turn.delay_s)
        y = up.px(min(max(0.0, delay_ms), up.high))
        if turn.delay_s == NEVER:
            never.append((x, edge))
        elif delay_ms <= ms(BUDGET_S):
            inside.append((x, y))
        else:
            beyond.append((x, y))
            told.append(((x, y), f"{delay_ms:,.0f}" if delay_ms > up.high else ""))
    lost = [(across.px(min(at_s, across.high)), edge) for at_s in seen.not_served_s]
    open_now = seen.streams[-1][1] if seen.streams else 0
    steps = stairs([(0.0, 0), *seen.streams, (seen.reached_s, open_now)])
    return [
        *strip_layers(across, axes.streams, steps),
        Dots(inside, color, 3, 0.75),
        Triangles(beyond, late),
        Triangles(never, late, is_hollow=True),
        Crosses(lost),
        Words(beside(frame, told, ABOVE), FAINT if is_void else INK),
    ]


def tabulate_load(runs: Sequence[LiveLoad], labels: Sequence[str] | None = None) -> Table:
    """What was offered and what came of it, a column a run."""
    heads = labels or [""] * len(runs)
    columns = [_column(run) for run in runs]
    rows = list(zip(columns[0], *(column.values() for column in columns), strict=True))
    is_never = any("never" in told for column in columns for told in column.values())
    return Table("figure", ["", *heads], rows, ["", _NEVER_MEANS] if is_never else [])


def _bands(svg: Svg, across: Scale, line: Sequence[tuple[float, int]]) -> None:
    """The levels of service as grey grounds, named where there is room."""
    ends = [*(at_s for at_s, _ in line[1:]), across.high]
    for (at_s, number), until_s in zip(line, ends, strict=True):
        left, right = across.px(at_s), across.px(min(until_s, across.high))
        svg.band(left, _TOP_PX, right - left, _BOTTOM_PX - _TOP_PX, _LEVEL_OPACITY[number])
        middle = (left + right) / 2
        for told in (_LEVELS[number], str(number)):
            if text_width_px(told, theme.SMALL_PX) > right - left:
                continue
            rows = [_TOP_PX + _EDGE_PX + step for step in (14, 30, 46, 62, 180)]
            places = [Place((middle, row), "middle") for row in rows]
            if put(svg, told, places, size_px=theme.SMALL_PX) is not None:
                break


def _levels_told(run: LiveLoad, level: DegradationStatus) -> list[str]:
    """The levels that the bands show, by number; where they are narrow, only it has room there."""
    return [f"level {_LEVELS[number]}" for number in sorted({n for _, n in _levels(run, level)})]


def _levels(run: LiveLoad, level: DegradationStatus) -> list[tuple[float, int]]:
    """The steps that were made since the load began, on the client's clock."""
    clock = run.calls[0].call.clock
    placed = [
        ((clock.to_local(round(change.at_s * 1e9)) - run.began_ns) / 1e9, change)
        for change in level.changes
    ]
    later = [(at_s, change) for at_s, change in placed if at_s >= 0]
    start = [(0.0, later[0][1].before if later else level.level)]
    until_s = seen_of(run).reached_s
    return [*start, *((at_s, change.after) for at_s, change in later if at_s < until_s)]


def _column(run: LiveLoad) -> dict[str, str]:
    delays_s, first_s = run.final_delays_s, run.first_results_s
    wer = run.word_error_rate
    trouble = ", ".join(
        str(run.ended(e)) for e in (CallEnding.REFUSED, CallEnding.BROKEN, CallEnding.STALLED)
    )
    limits = f"{ms(run.limits.final_delay_s):.0f} and {ms(run.limits.first_result_s):,.0f} ms"
    return {
        "calls attempted": str(len(run.calls)),
        "refused, broken, stalled": trouble,
        "most streams at once": str(run.peak_streams),
        "turns, without a final": f"{len(run.turns)}, {run.without_final}",
        "final delay p50 ms": percentile_ms(delays_s, 0.5),
        "final delay p95 ms": f"{percentile_ms(delays_s, 0.95)} {standing(len(delays_s))}".strip(),
        "first result p95 ms": f"{percentile_ms(first_s, 0.95)} {standing(len(first_s))}".strip(),
        "nothing new, p95 ms": percentile_ms(run.gaps_s, 0.95),
        f"good turns ({limits})": percent(run.good_share),
        "goodput per min": f"{run.goodput_per_min:.0f}",
        "word error rate": "-" if wer is None else percent(wer, 1),
        "sent late, p99 ms": f"{ms(run.lateness_s):.0f}",
        "cores: generator, machine": f"{run.generator_cores:.2f}, {run.machine_cores:.2f}",
        "generator the bottleneck": "yes: void" if run.generator_was_bottleneck else "no",
    }
