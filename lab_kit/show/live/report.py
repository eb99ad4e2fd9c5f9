"""What a live run shows: a frame with marks, which move or stay, and a table of percentiles.

The moving plot puts frame and marks together again and again, the still picture once. Ages and
delays are different intervals: only the delays are compared with the limit.
"""

from html import escape

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import wrapped
from lab_kit.show.draw.figures import NEVER, percentile_ms, percentile_told, standing
from lab_kit.show.draw.inks import FAINT, INK
from lab_kit.show.draw.layers import Dots, Layer, Lines, Triangles, Words, beside
from lab_kit.show.draw.limits import limit_level_of_frame
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.latency.transcript import final_html
from lab_kit.show.live.crowd import Others
from lab_kit.show.live.running import lately, so_far
from lab_kit.show.live.state import FRESHNESS_STEP_S, LiveState, with_gaps
from lab_kit.show.live.window import shown_s
from lab_kit.show.load.strips import LEFT_PX, RIGHT_PX, STRIP_PX, strip_frame, strip_scale

HIGHEST_MS = 600.0
"""Both ranges are fixed; a final that is later is drawn on the edge with its value."""
FRESHNESS_LABEL = "age of the newest text while someone speaks, ms (no limit)"

_TOP_PX, _HIGHEST_PX, _ZERO_PX = 26, 40, 180
_SPEECH_PX = 197
_STRIP_PX = 198
_BOTTOM_PX = _STRIP_PX + STRIP_PX


def report_verdict(state: LiveState) -> Verdict:
    """How many finals were within 300 ms, in a sentence."""
    finals = state.final_delays_s
    if not finals:
        return Verdict("No final came, so nothing can be said of its delay.", Sign.UNSAID)
    inside = sum(delay_s <= BUDGET_S for delay_s in finals)
    told = f"{inside} of {len(finals)} finals came within {ms(BUDGET_S):.0f} ms after {state.zero}"
    sign = Sign.INSIDE if inside == len(finals) else Sign.OVER
    return Verdict(f"{told}; p50 {percentile_told(finals, 0.5)}.", sign)


def running_verdict(state: LiveState, others: Others | None = None) -> Verdict:
    """How it stands, and the percentile of what came lately, with its window."""
    told = so_far(state.finals, state.reached_s, "finals")
    window = lately(state.finals, state.reached_s)
    if others is not None:
        theirs = others.final_delays_s
        window += f"; {others.streams} others speak, {others.refused} refused, p50 of all theirs, "
        window += f"n = {len(theirs)}: {percentile_told(theirs, 0.5)}"
    return Verdict(f"{told}.\n{window}", Sign.UNSAID)


def draw_report(state: LiveState, name: str, device: str, planned_s: float | None = None) -> Svg:
    """The picture of a run that is over, over the seconds that its plot showed last."""
    svg = live_frame(state, name, device, planned_s)
    for layer in live_layers(svg, state, planned_s):
        layer.draw(svg)
    return svg


def live_frame(state: LiveState, name: str, device: str, planned_s: float | None) -> Svg:
    """All of the picture but its marks."""
    svg = Svg(
        _BOTTOM_PX + 40,
        "How far did the text lag behind the voice?",
        f"{name}: a stem for each final by its delay, beneath it when speech was heard and the "
        "age of the newest text.",
        _notes(state, name, device, planned_s),
        lines=(2, 2),
    )
    across, up, ages = _scales(state, planned_s)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "seconds since the stream began")
    axis_left(svg, up, LEFT_PX, RIGHT_PX, "final delay, ms", name_y=14)
    line = theme.limit_label(state.zero.removeprefix("the "), _until(state))
    limit_level_of_frame(svg, up.px(ms(BUDGET_S)), LEFT_PX, RIGHT_PX, _TOP_PX, line)
    where = (LEFT_PX - 7, _SPEECH_PX + 4)
    svg.text(where, "speech", role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    strip_frame(svg, ages, FRESHNESS_LABEL)
    return svg


def _until(state: LiveState) -> str:
    """What the final delays count to; where nobody knows what is said, each final has one."""
    return "last final" if state.spoken else "final"


def live_layers(frame: Svg, state: LiveState, planned_s: float | None) -> list[Layer]:
    """A stem for each final, when speech was heard, and the ages of the newest text.

    Args:
        frame: `live_frame`; values are written where it has room.
    """
    across, up, ages = _scales(state, planned_s)
    runs = with_gaps([point for point in state.freshness if point.at_s >= across.low])
    aged = [
        [(across.px(p.at_s), ages.px(min(ms(p.delay_s), ages.high))) for p in run] for run in runs
    ]
    starts_s = [max(across.low, run[0].at_s - FRESHNESS_STEP_S) for run in runs]
    speech = [
        [(across.px(start_s), _SPEECH_PX), (across.px(run[-1].at_s), _SPEECH_PX)]
        for start_s, run in zip(starts_s, runs, strict=True)
    ]
    shown = [p for p in state.finals if p.at_s >= across.low and p.delay_s < NEVER]
    marks = [(across.px(p.at_s), up.px(min(max(0.0, ms(p.delay_s)), up.high))) for p in shown]
    pairs = list(zip(shown, marks, strict=True))
    inside = [mark for point, mark in pairs if point.delay_s <= BUDGET_S]
    beyond = [mark for point, mark in pairs if point.delay_s > BUDGET_S]
    told = [(mark, f"{ms(point.delay_s):,.0f}") for point, mark in pairs]
    return [
        Lines(aged, theme.FRESHNESS_COLOR),
        Lines(speech, theme.NEUTRAL, 7),
        Lines([_stem(mark, up) for mark in inside], theme.INK, 1.2),
        Lines([_stem(mark, up) for mark in beyond], theme.BUDGET_COLOR, 1.2),
        Dots(inside, theme.INK, 5),
        Triangles(beyond),
        Words(beside(frame, told), INK),
    ]


def now_layers(state: LiveState, planned_s: float | None) -> list[Layer]:
    """The upright of the present moment, which shows in silences that the run goes on."""
    across = _scales(state, planned_s)[0]
    x = across.px(min(state.reached_s, across.high))
    word = [((x + 5, _TOP_PX + 10), "now")] if x + 36 < theme.WIDTH_PX else []
    return [Lines([[(x, _TOP_PX), (x, _BOTTOM_PX)]], theme.INK), Words(word, INK)]


def _scales(state: LiveState, planned_s: float | None) -> tuple[Scale, Scale, Scale]:
    """Time, delays, ages."""
    across = Scale(*shown_s(state.reached_s, planned_s), LEFT_PX, RIGHT_PX)
    up = Scale(0, HIGHEST_MS, _ZERO_PX, _HIGHEST_PX)
    return across, up, strip_scale(_STRIP_PX, HIGHEST_MS)


def _stem(mark: Point, up: Scale) -> list[Point]:
    return [(mark[0], up.low_px), mark]


def tabulate(state: LiveState, name: str, device: str, others: Others | None = None) -> Table:
    """Percentiles of the whole run and of others beside it, then what was heard."""
    finals, ages = state.final_delays_s, state.freshness_s
    metrics = [
        ("final_delay_s", f"{state.zero} → {_until(state)}", finals, len(finals)),
        ("freshness_s", "age of the newest result's audio", ages, len(finals)),
    ]
    notes = [f"{name}; {device}"]
    if others is not None:
        theirs = others.final_delays_s
        interval = "the speaker stops → last final"
        metrics.append(("others' final_delay_s", interval, theirs, len(theirs)))
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


def _notes(state: LiveState, name: str, device: str, planned_s: float | None) -> list[str]:
    never = state.final_delays_s.count(NEVER)
    start_s, _ = shown_s(state.reached_s, planned_s)
    return [
        name,
        device,
        f"shown from {start_s:.0f} s on" if start_s else "",
        "● final",
        "▲ late",
        "▬ speech heard",
        f"{never} finals never came" if never else "",
    ]
