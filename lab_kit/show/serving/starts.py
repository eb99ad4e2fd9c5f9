"""Cold starts: one bar a recipe, cut into the phases before the first answer."""

from collections.abc import Sequence

from lab_kit.core.units import ms
from lab_kit.experiments.cold_start import ColdStart
from lab_kit.experiments.cold_start.worker import FIRST, PHASES
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.svg import FAINT, Scale, Svg

_LEFT_PX, _RIGHT_PX = 244, theme.WIDTH_PX - 70
_TOP_PX, _ROW_PX, _BAR_PX = 84, 34, 20


def cold_starts(starts: Sequence[ColdStart]) -> None:
    """Draw the starts under each other on one scale, and list their phases.

    Raises:
        ValueError: none to draw.
    """
    if not starts:
        raise ValueError("no starts to draw; measure one with cold_start.measure")
    table = tabulate_cold_starts(starts)
    show_drawing(draw_cold_starts(starts), table, longest_verdict(starts))


def longest_verdict(starts: Sequence[ColdStart]) -> str:
    """Which phase was the longest of each start, one line a phase."""
    led: dict[str, list[str]] = {}
    for start in starts:
        phase = max(start.phases, key=lambda phase: phase.length_s)
        share = phase.length_s / start.answer_s
        led.setdefault(phase.name, []).append(f"{start.recipe.name} ({share:.0%})")
    return "\n".join(f"longest is {name}: {', '.join(of)}" for name, of in led.items())


def draw_cold_starts(starts: Sequence[ColdStart]) -> str:
    """The picture as SVG."""
    bottom = _TOP_PX + _ROW_PX * len(starts)
    svg = Svg(bottom + 48, f"From nothing to the first answer: {len(starts)} ways")
    scale = Scale(0, max(start.answer_s for start in starts) * 1.02, _LEFT_PX, _RIGHT_PX)
    svg.text((22, 28), "From nothing to the first answer", size_px=theme.TITLE_PX, bold=True)
    _legend(svg)
    svg.axis_below(scale, _TOP_PX - 6, bottom, "seconds after somebody wanted an answer")
    for row, start in enumerate(starts):
        top = _TOP_PX + row * _ROW_PX
        svg.text((22, top + 14), start.recipe.name)
        for phase in start.phases:
            left, right = scale.px(phase.start_s), scale.px(phase.end_s)
            title = f"{phase.name}: {phase.length_s:.2f} s"
            svg.bar(left, top, max(right - left, 0.5), _BAR_PX, _color(phase.name), title)
        svg.text((scale.px(start.answer_s) + 6, top + 14), f"{start.answer_s:.2f} s", bold=True)
    return svg.render()


def tabulate_cold_starts(starts: Sequence[ColdStart]) -> str:
    """Seconds of each phase, by its first word; the last column is what callers wait later on."""
    heads = (name.split()[0] for name in PHASES)
    rows: list[tuple[str, ...]] = [("start", *heads, "answer s", "later ms")]
    for start in starts:
        lengths = {phase.name: f"{phase.length_s:.2f}" for phase in start.phases}
        phases = (lengths.get(name, "-") for name in PHASES)
        answer = f"{start.answer_s:.2f}"
        rows.append((start.recipe.name, *phases, answer, f"{ms(start.steady_s):.0f}"))
    return columns(rows)


def _legend(svg: Svg) -> None:
    x = 22.0
    for name in PHASES:
        svg.bar(x, 46, 12, 12, _color(name), name)
        svg.text((x + 17, 57), name, role=FAINT, size_px=theme.SMALL_PX)
        x += 34 + 6.4 * len(name)


def _color(phase: str) -> str:
    """The answer's own color for the first inference; the others' do not occur in requests."""
    if phase == FIRST:
        return theme.STAGE_COLORS["inference"]
    return theme.PHASE_COLORS[PHASES.index(phase)]
