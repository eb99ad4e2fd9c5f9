"""One stream's trace: what each stage did, when; and what it took against its budget."""

from lab_kit.core.spans import Trace
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
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.svg import FAINT, Scale, Svg
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
_LEFT_PX, _RIGHT_PX = 118, theme.WIDTH_PX - 30
_TOP_PX, _LANE_PX, _BAR_PX = 64, 34, 20
_THINNEST_PX = 0.6


def stages(trace: Trace, title: str = "One stream, stage by stage") -> None:
    """Draw a stream's spans, a lane a stage, and list what the stages took."""
    show_drawing(draw_stages(trace, title), tabulate_stages(trace))


def draw_stages(trace: Trace, title: str) -> str:
    """The picture as SVG."""
    bottom = _TOP_PX + _LANE_PX * len(RULES)
    svg = Svg(bottom + 50, title)
    svg.text((22, 28), title, size_px=theme.TITLE_PX, bold=True)
    svg.text((22, 46), f"trace {trace.trace_id}", role=FAINT)
    across = Scale(0, max(trace.root.length_s, 0.1), _LEFT_PX, _RIGHT_PX)
    svg.axis_below(across, _TOP_PX, bottom, "seconds since the stream was opened")
    for lane, stage in enumerate(RULES):
        top = _TOP_PX + lane * _LANE_PX + (_LANE_PX - _BAR_PX) / 2
        svg.text((_LEFT_PX - 8, top + _BAR_PX - 5), stage.value, anchor="end")
        for span in trace.named(stage):
            left = across.px(span.start_s - trace.root.start_s)
            width = max(_THINNEST_PX, across.px(span.length_s) - across.px(0))
            told = f"{stage.value}: {ms(span.length_s):.1f} ms"
            svg.bar(left, top, width, _BAR_PX, COLORS[stage], told)
    return svg.render()


def tabulate_stages(trace: Trace) -> str:
    """A line a stage: how often, how long, against what it may take."""
    rows = [("stage", "times", "p50 ms", "p95 ms", "longest ms", "budget ms", "over")]
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
    return columns(rows) + f"\nnoted on the stream: {events}"
