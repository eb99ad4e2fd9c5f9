"""What inks there are, and what becomes of them on a dark page."""

from collections.abc import Iterable

from lab_kit.show.draw import theme

INK = "lk-ink"
FAINT = "lk-faint"
BUDGET = "lk-budget"
PAPER = "lk-page"

LIGHT = {
    INK: theme.INK,
    FAINT: theme.FAINT_INK,
    BUDGET: theme.BUDGET_COLOR,
    PAPER: theme.PAPER,
}


def style(colors: Iterable[str]) -> str:
    """Rules for a page that prefers dark; without them the attributes' light colors hold."""
    inks = [
        f".{role}{{fill:{theme.ON_DARK[color]}}}.{role}-line{{stroke:{theme.ON_DARK[color]}}}"
        for role, color in LIGHT.items()
    ]
    for color in colors:
        dark, name = theme.ON_DARK[color], color.lstrip("#")
        inks.append(f".lk-fill-{name}{{fill:{dark}}}.lk-stroke-{name}{{stroke:{dark}}}")
    on_marks = f".lk-on-ffffff{{fill:{theme.INK}}}"
    ground = (
        f".lk-paper{{fill:{theme.PAPER_ON_DARK};stroke:{theme.GRID_ON_DARK}}}"
        f".lk-strip{{fill:{theme.PAPER_ON_DARK}}}.lk-over{{fill:{theme.OVER_ON_DARK}}}"
        f".lk-halo{{stroke:{theme.PAPER_ON_DARK}}}.lk-grid{{stroke:{theme.GRID_ON_DARK}}}"
        f".lk-axis{{stroke:{theme.AXIS_ON_DARK}}}"
    )
    figures = "text{font-variant-numeric:tabular-nums}"
    dark = f"{ground}{on_marks}{''.join(inks)}"
    return f"{figures}@media (prefers-color-scheme:dark){{{dark}}}"
