"""One stream's trace: what each stage did, when; and what it took against its budget."""

from dataclasses import replace

from lab_kit.core.spans import Span, Trace
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.measure.calls import (
    ENDPOINTING,
    INFERENCE,
    NETWORK_BACK,
    NETWORK_OUT,
    POSTPROCESSING,
    PREPROCESSING,
    QUEUE_WAIT,
)
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.guesses import guess_name
from lab_kit.show.draw.labels import name_mark
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.stream.stages import RULES, Stage

COLORS = {
    Stage.DECODE: theme.STAGE_COLORS[PREPROCESSING],
    Stage.SEGMENT: theme.STAGE_COLORS[ENDPOINTING],
    Stage.TURN: theme.STAGE_COLORS[NETWORK_OUT],
    Stage.BATCH: theme.STAGE_COLORS[QUEUE_WAIT],
    Stage.INFER: theme.STAGE_COLORS[INFERENCE],
    Stage.POSTPROCESS: theme.STAGE_COLORS[POSTPROCESSING],
    Stage.SEND: theme.STAGE_COLORS[NETWORK_BACK],
}
"""The waterfall's colors: the same work under the pipeline's own names. What has no work of its own
there, the turn, takes the color of what is no work here, the way to the server."""
_LEFT_PX, _RIGHT_PX = 118, theme.WIDTH_PX - theme.MARGIN_PX
_TOP_PX, _LANE_PX, _BAR_PX = 4, 34, 18
_THINNEST_PX = 0.6


def stages(
    trace: Trace, title: str = "One stream, stage by stage", guess: Guess | None = None
) -> None:
    """Draw a stream's spans, a lane a stage, and list what the stages took.

    Args:
        guess: the stage that the reader expected to have the longest piece of work.
    """
    verdict, longest = stages_verdict(trace), _longest(trace)
    if guess is not None and longest is not None:
        verdict = replace(verdict, guess=guess.against(longest.name))
    drawing = draw_stages(trace, title, "" if guess is None else guess.choice)
    show_drawing(drawing, tabulate_stages(trace), verdict)


def stages_verdict(trace: Trace) -> Verdict:
    """Which stage took longest at once, and how often one took more than its budget."""
    lengths_s = {stage: trace.lengths_s(stage) for stage in RULES}
    ran = {stage: max(each) for stage, each in lengths_s.items() if each}
    if not ran:
        return Verdict("No stage did anything in this stream.", Sign.UNSAID)
    longest = max(ran, key=lambda stage: ran[stage])
    over = {
        stage: (count, len(lengths_s[stage]))
        for stage, rule in RULES.items()
        if (count := sum(length_s > rule.budget_s for length_s in lengths_s[stage]))
    }
    told = f"The longest piece of work was in {longest.value}: {ms(ran[longest]):,.0f} ms. "
    if not over:
        return Verdict(f"{told}Every stage kept to its own budget.", Sign.INSIDE)
    times = ", ".join(f"{stage.value} {count} of {n}" for stage, (count, n) in over.items())
    return Verdict(f"{told}Pieces over their budget: {times}.", Sign.OVER)


def draw_stages(trace: Trace, title: str, said: str = "") -> Svg:
    """The picture; the longest piece of work has its length beside it.

    Args:
        said: the stage that the reader guessed.
    """
    bottom = _TOP_PX + _LANE_PX * len(RULES)
    svg = Svg(
        bottom + 40,
        "Which stage worked when, and which took longest?",
        f"{title}: a lane for each stage, a bar for each piece of its work.",
        [title, f"trace {trace.trace_id}"],
    )
    ends_s = [span.end_s - trace.root.start_s for span in trace.spans]
    across = Scale(0, max([0.1, *ends_s]), _LEFT_PX, _RIGHT_PX)
    axis_below(svg, across, _TOP_PX, bottom, "seconds since the stream was opened")
    for lane, stage in enumerate(RULES):
        top = _TOP_PX + lane * _LANE_PX + (_LANE_PX - _BAR_PX) / 2
        name_at = (_LEFT_PX - 8, top + _BAR_PX - 5)
        svg.text(name_at, stage.value, anchor="end")
        if stage.value == said:
            guess_name(svg, stage.value, name_at, "end")
        for span in trace.named(stage):
            left = across.px(span.start_s - trace.root.start_s)
            width = max(_THINNEST_PX, across.px(span.length_s) - across.px(0))
            told = f"{stage.value}: {ms(span.length_s):.1f} ms"
            svg.bar(left, top, width, _BAR_PX, COLORS[stage], told)
    longest = _longest(trace)
    if longest is not None:
        lane = next(at for at, stage in enumerate(RULES) if stage.value == longest.name)
        right = across.px(longest.start_s + longest.length_s - trace.root.start_s)
        middle = _TOP_PX + (lane + 0.5) * _LANE_PX
        name_mark(svg, (right, middle), f"{ms(longest.length_s):,.0f} ms")
    return svg


def _longest(trace: Trace) -> Span | None:
    """The longest piece of work of all stages; None if none did anything."""
    spans = [span for stage in RULES for span in trace.named(stage)]
    return max(spans, key=lambda span: span.length_s, default=None)


def tabulate_stages(trace: Trace) -> Table:
    """A line a stage: how often, how long, against what it may take."""
    head = ("stage", "times", "p50 ms", "p95 ms", "longest ms", "budget ms", "over")
    rows = []
    for stage, rule in RULES.items():
        lengths_s = trace.lengths_s(stage)
        over = sum(length_s > rule.budget_s for length_s in lengths_s)
        rows.append(
            (
                stage.value,
                str(len(lengths_s)),
                percentile_ms(lengths_s, 0.5),
                percentile_ms(lengths_s, 0.95),
                percentile_ms(lengths_s, 1.0),
                f"{ms(rule.budget_s):.0f}",
                str(over) if over else "",
            )
        )
    events = ", ".join(sorted(set(trace.root.events))) or "nothing"
    return Table("stage", head, rows, [f"noted on the stream: {events}"])
