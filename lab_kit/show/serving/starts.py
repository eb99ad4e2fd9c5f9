"""Cold starts: one bar a recipe, cut into the phases before the first answer."""

from collections import Counter
from collections.abc import Sequence

from lab_kit.core.call_record import StageSpan
from lab_kit.core.table import Table
from lab_kit.core.units import ms, percent
from lab_kit.experiments.cold_start import ColdStart
from lab_kit.experiments.cold_start.worker import FIRST, PHASES
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.room import shortened, text_width_px
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX, _RIGHT_PX = 264, theme.WIDTH_PX - 78
_LEGEND_PX, _ROW_PX, _BAR_PX = 18, 32, 20


def cold_starts(starts: Sequence[ColdStart]) -> None:
    """Draw the starts under each other on one scale, and list their phases.

    Raises:
        ValueError: none to draw.
    """
    if not starts:
        raise ValueError("no starts to draw; measure one with cold_start.measure")
    table = tabulate_cold_starts(starts)
    show_drawing(draw_cold_starts(starts), table, Verdict(longest_verdict(starts)))


def longest_verdict(starts: Sequence[ColdStart]) -> str:
    """The quickest and the slowest start, and which phases were the longest, in sentences."""
    quick, slow = (choose(starts, key=lambda one: one.answer_s) for choose in (min, max))
    led = Counter(_longest(start).name for start in starts)
    phases = ", ".join(f"{name} in {count} of {len(starts)}" for name, count in led.most_common())
    told = f"{quick.recipe.name}: {quick.answer_s:.1f} s to the first answer"
    if slow is not quick:
        told += f"; {slow.recipe.name}: {slow.answer_s:.1f} s"
    return f"{told}. The longest phase is {phases}."


def draw_cold_starts(starts: Sequence[ColdStart]) -> Svg:
    """The picture; a phase that has room has its name in it, the longest of each its share."""
    top = _LEGEND_PX + 6
    bottom = top + _ROW_PX * len(starts)
    svg = Svg(
        bottom + 40,
        "How long from nothing to the first answer?",
        f"A bar for each of {len(starts)} starts, cut into phases.",
        list(dict.fromkeys(start.device for start in starts)),
    )
    scale = Scale(0, max(start.answer_s for start in starts) * 1.02, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, scale, top - 6, bottom, "seconds after somebody wanted an answer")
    for row, start in enumerate(starts):
        y = top + row * _ROW_PX
        name = shortened(start.recipe.name, _LEFT_PX - theme.MARGIN_PX - 8, theme.LABEL_PX)
        svg.text((theme.MARGIN_PX, y + 14), name)
        for phase in start.phases:
            left, right = scale.px(phase.start_s), scale.px(phase.end_s)
            title = f"{phase.name}: {phase.length_s:.2f} s"
            svg.bar(left, y, max(right - left, 0.5), _BAR_PX, _color(phase.name), title)
            told = _told(phase, start)
            if text_width_px(told, theme.SMALL_PX) + 10 <= right - left:
                ink = "#ffffff" if phase.name == FIRST else "#16191d"
                middle = ((left + right) / 2, y + 14)
                svg.text(middle, told, size_px=theme.SMALL_PX, anchor="middle", color=ink)
        end = (scale.px(start.answer_s) + 6, y + 14)
        svg.text(end, f"{start.answer_s:.2f} s", bold=True)
    _legend(svg, list(dict.fromkeys(phase.name for start in starts for phase in start.phases)))
    return svg


def tabulate_cold_starts(starts: Sequence[ColdStart]) -> Table:
    """Seconds of each phase, by its first word; the last column is what callers wait later on."""
    heads = (name.split()[0] for name in PHASES)
    rows = []
    for start in starts:
        lengths = {phase.name: f"{phase.length_s:.2f}" for phase in start.phases}
        phases = (lengths.get(name, "-") for name in PHASES)
        answer = f"{start.answer_s:.2f}"
        rows.append((start.recipe.name, *phases, answer, f"{ms(start.steady_s):.0f}"))
    each = "start; a phase, by its first word, in seconds"
    return Table(each, ("start", *heads, "answer, s", "later answers, ms"), rows)


def _longest(start: ColdStart) -> StageSpan:
    return max(start.phases, key=lambda phase: phase.length_s)


def _told(phase: StageSpan, start: ColdStart) -> str:
    """A phase's name, with its share if it is the longest of its start."""
    if phase is not _longest(start):
        return phase.name
    return f"{phase.name} {percent(phase.length_s / start.answer_s)}"


def _legend(svg: Svg, names: Sequence[str]) -> None:
    """All phases; a bar that is short has no room for their names."""
    x = float(theme.MARGIN_PX)
    for name in names:
        svg.bar(x, 0, 11, 11, _color(name), name)
        svg.text((x + 16, 10), name, role=FAINT, size_px=theme.SMALL_PX)
        x += 32 + text_width_px(name, theme.SMALL_PX)


def _color(phase: str) -> str:
    """The answer's own color for the first inference; the others' do not occur in requests."""
    if phase == FIRST:
        return theme.STAGE_COLORS["inference"]
    return theme.PHASE_COLORS[PHASES.index(phase)]
