"""The look of every picture: one color a stage, one look for the 300 ms line, in all labs.

The stage colors are the palette of Okabe and Ito, which readers with any of the common color
deficiencies can tell apart; nothing is said by color alone, every stage is also named.
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

STAGE_COLORS = {
    ENDPOINTING: "#56b4e9",
    NETWORK_OUT: "#e69f00",
    PREPROCESSING: "#f0e442",
    QUEUE_WAIT: "#d55e00",
    INFERENCE: "#0072b2",
    POSTPROCESSING: "#cc79a7",
    NETWORK_BACK: "#009e73",
}
"""A color for each of `measure.calls.STAGES`. Source: Okabe, Ito, Color Universal Design, 2008."""

_SERIES = (
    INFERENCE,
    NETWORK_OUT,
    NETWORK_BACK,
    QUEUE_WAIT,
    ENDPOINTING,
    POSTPROCESSING,
    PREPROCESSING,
)

STAGE_TEXT_COLORS = {
    stage: "#ffffff" if stage in (INFERENCE, QUEUE_WAIT, NETWORK_BACK) else "#1a1a1a"
    for stage in STAGE_COLORS
}
"""What can be read on top of a stage's color."""

PHASE_COLORS = ("#8c8c8c", "#b5a27f", "#7fa8b5", "#a47fb5", "#b57f8c")
"""What happens before a server can answer: muted, for none of it is a request's stage."""


def series_colors(count: int | None = None) -> tuple[str, ...]:
    """Colors for things that are compared and are no stages; they repeat after seven."""
    colors = tuple(STAGE_COLORS[stage] for stage in _SERIES)
    return colors if count is None else tuple(colors[n % len(colors)] for n in range(count))


FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
TITLE_PX = 15
LABEL_PX = 12
SMALL_PX = 11

WIDTH_PX = 760
"""Fits JupyterLab's notebook column beside an open side bar at 1280 px."""

BUDGET_COLOR = "#b00020"
BUDGET_COLOR_ON_DARK = "#ff7a85"
BUDGET_DASH_PX = "6 4"
BUDGET_WIDTH_PX = 1.5

FRESHNESS_COLOR = "#0072b2"
PREDICTION_COLOR = "#a0468a"
PREDICTION_COLOR_ON_DARK = "#e3a1d3"

PAPER = "#ffffff"
INK = "#1a1a1a"
FAINT_INK = "#5f6368"
GRID = "#e3e5e8"
PAPER_ON_DARK = "#1b1d21"
INK_ON_DARK = "#eceef0"
FAINT_INK_ON_DARK = "#a9aeb5"
GRID_ON_DARK = "#3a3e45"

FINAL_STYLE = "color:var(--jp-content-font-color1, #1a1a1a)"
"""Text that will not change: the page's own black."""
STABLE_STYLE = FINAL_STYLE + ";opacity:.82"
INTERIM_STYLE = FINAL_STYLE + ";opacity:.6"
"""Text that may change is grey: the same ink, thinner, so that it works on a dark page too."""


def budget_label(zero: str) -> str:
    """The words beside the 300 ms line; it means nothing without the interval it is drawn for."""
    return f"{ms(BUDGET_S):.0f} ms after {zero}"
