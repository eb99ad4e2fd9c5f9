"""The look of every picture: one color a stage, one look for the 300 ms line, in all labs.

A color says what kind of thing it is, never whether it is good, and nothing is said by color alone:
every stage is also named. Each color has a counterpart on a dark page.
"""

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import (
    ENDPOINTING,
    INFERENCE,
    NETWORK_BACK,
    NETWORK_OUT,
    POSTPROCESSING,
    PREPROCESSING,
    QUEUE_WAIT,
)

SILENCE = "#b5891a"
NETWORK = "#35958f"
QUEUE = "#b03a00"
COMPUTE = "#1265c1"
SIDE_WORK = "#4f8fdc"
LANGUAGE = "#471a80"
SPEECH = "#8a4276"
NEUTRAL = "#7a828c"

STAGE_COLORS = {
    ENDPOINTING: SILENCE,
    NETWORK_OUT: NETWORK,
    PREPROCESSING: SIDE_WORK,
    QUEUE_WAIT: QUEUE,
    INFERENCE: COMPUTE,
    POSTPROCESSING: SIDE_WORK,
    NETWORK_BACK: NETWORK,
}
"""A color for each of `measure.calls.STAGES`. Out and back share one, as their place tells which;
work beside the model is a tint of the model's."""

_SERIES = (COMPUTE, QUEUE, NETWORK, LANGUAGE, SILENCE, SPEECH, NEUTRAL)

STAGE_TEXT_COLORS = {
    stage: "#ffffff" if color in (QUEUE, COMPUTE) else "#16191d"
    for stage, color in STAGE_COLORS.items()
}
"""What can be read on top of a stage's color."""

PHASE_COLORS = ("#8c8c8c", "#94805a", "#5b8896", "#a47fb5", "#b57f8c")
"""What happens before a server can answer: muted, for none of it is a request's stage."""


def series_colors(count: int | None = None) -> tuple[str, ...]:
    """Colors for things that are compared and are no stages; they repeat after seven."""
    return _SERIES if count is None else tuple(_SERIES[n % len(_SERIES)] for n in range(count))


FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
TITLE_PX = 16
TOTAL_PX = 15
VERDICT_PX = 13.5
VALUE_PX = 12.5
LABEL_PX = 12
SMALL_PX = 11
MARGIN_PX = 24

WIDTH_PX = 760
"""Fits JupyterLab's notebook column beside an open side bar at 1280 px."""

BUDGET_COLOR = "#c4122f"
BUDGET_COLOR_ON_DARK = "#ff6b7d"
BUDGET_DASH_PX = "6 4"
BUDGET_WIDTH_PX = 2

FRESHNESS_COLOR = COMPUTE

PAPER = "#ffffff"
INK = "#16191d"
FAINT_INK = "#565d66"
AXIS = "#8a929c"
GRID = "#e4e7eb"
OVER = "#fdf1f2"
"""The ground beyond a limit."""
PAPER_ON_DARK = "#16181d"
INK_ON_DARK = "#e9ecef"
FAINT_INK_ON_DARK = "#a5adb8"
AXIS_ON_DARK = "#6b7480"
GRID_ON_DARK = "#2b3038"
OVER_ON_DARK = "#261a1f"

ON_DARK = {
    SILENCE: "#f5d162",
    NETWORK: "#6fe8d2",
    QUEUE: "#f08a45",
    COMPUTE: "#6ba6fb",
    SIDE_WORK: "#4883d6",
    LANGUAGE: "#8560cb",
    SPEECH: "#d8709d",
    NEUTRAL: "#9aa3ae",
    **{color: color for color in PHASE_COLORS},
    BUDGET_COLOR: BUDGET_COLOR_ON_DARK,
    INK: INK_ON_DARK,
    FAINT_INK: FAINT_INK_ON_DARK,
    AXIS: AXIS_ON_DARK,
    GRID: GRID_ON_DARK,
    OVER: OVER_ON_DARK,
    PAPER: PAPER_ON_DARK,
}
"""What each color is on a dark page. A mark has a contrast of 3:1 with its paper, a text one of
4.5:1 (WCAG 2.2, 1.4.11 and 1.4.3); a test computes both."""

FINAL_STYLE = "color:var(--jp-content-font-color1, currentColor)"
"""Text that will not change: the ink of the page's own text, in any theme."""
STABLE_STYLE = FINAL_STYLE + ";opacity:.82"
INTERIM_STYLE = FINAL_STYLE + ";opacity:.6"
"""Text that may change is grey: the same ink, thinner, so that it works on a dark page too."""


def limit_label(start: str, end: str) -> str:
    """The words of the 300 ms line; it means nothing without the interval it is drawn for."""
    return f"limit {ms(BUDGET_S):.0f} ms: {start} → {end}"
