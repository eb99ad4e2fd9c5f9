"""What is left of a live run: a picture of its points and a table of its percentiles."""

from html import escape

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import wrapped
from lab_kit.show.draw.figures import NEVER, percentile_ms, percentile_told, standing
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.table import Table
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.latency.transcript import final_html
from lab_kit.show.live.crowd import Others
from lab_kit.show.live.state import LiveState, Point, with_gaps

SHOWN_S = 60.0
"""The picture holds the end of the run; the table all of it."""

FRESHNESS_LABEL = "freshness: age of the newest result while someone speaks"

_LEFT_PX, _RIGHT_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX
_TOP_PX, _BOTTOM_PX = 26, 230


def report_verdict(state: LiveState) -> Verdict:
    """How many finals were within 300 ms, in a sentence."""
    finals = state.final_delays_s
    if not finals:
        return Verdict("No final came, so nothing can be said of its delay.", Sign.UNSAID)
    inside = sum(delay_s <= BUDGET_S for delay_s in finals)
    told = f"{inside} of {len(finals)} finals came within {ms(BUDGET_S):.0f} ms after {state.zero}"
    sign = Sign.INSIDE if inside == len(finals) else Sign.OVER
    return Verdict(f"{told}; p50 {percentile_told(finals, 0.5)}.", sign)


def draw_report(state: LiveState, name: str, device: str) -> Svg:
    """The points of the last `SHOWN_S` seconds, with the 300 ms line."""
    end_s = max([1.0, *(point.at_s for point in [*state.freshness, *state.finals])])
    start_s = max(0.0, end_s - SHOWN_S)
    fresh = [point for point in state.freshness if point.at_s >= start_s]
    finals = [p for p in state.finals if p.at_s >= start_s and p.delay_s < NEVER]
    highest = max([2 * ms(BUDGET_S), *(ms(p.delay_s) for p in [*fresh, *finals])]) * 1.05
    across = Scale(start_s, end_s * 1.02, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, highest, _BOTTOM_PX, _TOP_PX)
    svg = Svg(
        _BOTTOM_PX + 40,
        "How far did the text lag behind the voice?",
        f"{name}: a dot for each age of the newest result, a diamond for each final.",
        _notes(state, name, device, start_s),
    )
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "seconds since the stream began")
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "ms")
    for run in with_gaps(fresh):
        where = [_place(point, across, up) for point in run]
        svg.polyline(where, theme.FRESHNESS_COLOR, 1.5)
    svg.points((_place(point, across, up) for point in fresh), theme.FRESHNESS_COLOR, 2.2)
    svg.diamonds([_place(point, across, up) for point in finals])
    line = theme.limit_label(state.zero.removeprefix("the "), "final")
    limit_level(svg, up.px(ms(BUDGET_S)), _LEFT_PX, _RIGHT_PX, _TOP_PX, line, is_tinted=False)
    return svg


def tabulate(state: LiveState, name: str, device: str, others: Others | None = None) -> Table:
    """Percentiles of the whole run and of others beside it, then what was heard."""
    finals, ages = state.final_delays_s, state.freshness_s
    metrics = [
        ("final_delay_s", f"{state.zero} → final", finals, len(finals)),
        ("freshness_s", "age of the newest result's audio", ages, len(finals)),
    ]
    notes = [f"{name}; {device}"]
    if others is not None:
        theirs = others.final_delays_s
        metrics.append(("others' final_delay_s", "the speaker stops → final", theirs, len(theirs)))
        notes.append(
            f"beside it: up to {others.most_streams} streams of others; {others.refused} refused"
        )
    head = ("metric", "from → to", "p50 ms", "p95 ms", "within 300 ms", "")
    rows = []
    for metric, interval, values, count in metrics:
        within = sum(value <= BUDGET_S for value in values)
        p50, p95 = percentile_ms(values, 0.5), percentile_ms(values, 0.95)
        rows.append((metric, interval, p50, p95, f"{within} of {len(values)}", standing(count)))
    if standing(len(finals)):
        notes.append(f"indicative: too few to prove a p95 ({len(finals)} of 59 without a miss)")
    if not state.spoken:
        notes.append("nobody knows when this speaker stopped: delays count from the server's guess")
    heard = wrapped(f"heard: {' '.join(state.heard) or '-'}")
    return Table("metric", head, rows, ["", *notes, heard], left=2)


def words_told(state: LiveState, name: str, error: BaseException | None) -> str:
    """Every final of the run as a line of text, and what went wrong."""
    wrong = [] if error is None else [error_told(error)]
    return "\n".join([f"{name}:", *(state.heard or ["nothing was heard"]), *wrong])


def words_html(state: LiveState, name: str, error: BaseException | None) -> str:
    """The same as a page shows it."""
    lines = [f'<b style="{theme.FINAL_STYLE}">{escape(name)}</b>']
    lines += [final_html(text) for text in state.heard or ["nothing was heard"]]
    if error is not None:
        told = escape(error_told(error))
        lines.append(f'<span style="color:{theme.BUDGET_COLOR}">{told}</span>')
    return "".join(f"<div>{line}</div>" for line in lines)


def error_told(error: BaseException) -> str:
    """What ended a run before its time, in a line."""
    return f"{type(error).__name__}: {error}"


def final_label(state: LiveState) -> str:
    """The interval of the final delays, which depends on what is known."""
    return f"final delay: {state.zero} → final"


def summary_html(state: LiveState, device: str, others: Others | None = None) -> str:
    """The percentiles so far in one line, with those of others who call beside it."""
    count = len(state.finals)
    note = ", indicative" if count and standing(count) else ""
    told = [
        f"<b>final delay</b> {_so_far(state.final_delays_s)}",
        f"<b>freshness</b> {_so_far(state.freshness_s)}",
        f"{count} final{'' if count == 1 else 's'}{note}",
        escape(device),
    ]
    beside = ""
    if others is not None:
        theirs = f"{others.streams} others speak, final delay {_so_far(others.final_delays_s)}"
        beside = f"<br>{theirs}, {others.refused} refused"
    style = f"{theme.FINAL_STYLE};font-variant-numeric:tabular-nums"
    return f'<span style="{style}">{" &nbsp;·&nbsp; ".join(told)}{beside}</span>'


def _so_far(delays_s: list[float]) -> str:
    if not delays_s:
        return "none yet"
    return f"p50 {percentile_told(delays_s, 0.5)}, p95 {percentile_told(delays_s, 0.95)}"


def _notes(state: LiveState, name: str, device: str, start_s: float) -> list[str]:
    never = state.final_delays_s.count(NEVER)
    return [
        name,
        device,
        "" if start_s == 0 else f"the last {SHOWN_S:.0f} s",
        f"● {FRESHNESS_LABEL}",
        f"◆ {final_label(state)}",
        f"{never} finals never came" if never else "",
    ]


def _place(point: Point, across: Scale, up: Scale) -> tuple[float, float]:
    return across.px(point.at_s), up.px(max(0.0, ms(point.delay_s)))
