"""A prediction and what was measured: hollow beside filled, with what would have passed."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.scale.judging import Figure, Judgement, judge
from lab_kit.experiments.scale.judging import Verdict as Word
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.experiments.scale.predicting import Prediction
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT, _RIGHT, _TOP, _BOTTOM = 72, theme.WIDTH_PX - theme.MARGIN_PX, 44, 254
_SIGNS = {Word.PASS: Sign.INSIDE, Word.FAIL: Sign.OVER, Word.INCONCLUSIVE: Sign.UNSAID}
_MOST_MS = 3_000.0
"""Later is beyond anybody's patience, and stands at the edge."""
LIMIT = "limit 300 ms: end of speech → final text"


def prediction(said: Prediction, measured: Sequence[Plateau], guess: Guess | None = None) -> None:
    """Draw p95 of the final delay, as predicted and as measured.

    Args:
        guess: the measured p95 of the most streams, in ms.
    """
    found = judge(said, measured)
    last = max(_p95(found), key=lambda figure: figure.streams or 0)
    words = "" if guess is None else guess.against(last.measured, is_void=last.is_void)
    told = prediction_verdict(found)
    drawing = draw_prediction(said, found)
    show_drawing(drawing, _table(found), Verdict(told.told, told.sign, words))


def prediction_verdict(found: Judgement) -> Verdict:
    """Whether it held, and where it was farthest off."""
    worst = max(found.figures, key=lambda figure: abs(figure.predicted / figure.measured - 1))
    off = 100 * (worst.predicted / worst.measured - 1)
    of = "" if worst.streams is None else f" of {worst.streams} streams"
    told = f"{found.verdict}: farthest off was {worst.name}{of}, by {off:+.0f} %."
    if found.verdict is Word.INCONCLUSIVE:
        told += f" Others took up to {found.others:.0%} of the machine."
    failed = [one for one in found.figures if one.verdict is Word.FAIL]
    if failed:
        told += f" {len(failed)} of {len(found.figures)} figures failed."
    return Verdict(told, _SIGNS[found.verdict])


def draw_prediction(said: Prediction, found: Judgement) -> Svg:
    """The picture."""
    figures = sorted(_p95(found), key=lambda figure: figure.streams or 0)
    crossing = "none" if said.crossing is None else str(said.crossing)
    svg = Svg(
        _BOTTOM + 40,
        "Did more streams see what was predicted of them?",
        "Over the number of streams a hollow mark for the predicted and a filled one for the "
        "measured p95 of the final delay, with the range in which a prediction passes.",
        [
            "◇ predicted, ◆ measured p95; line: what passes",
            f"predicted to cross 300 ms at {crossing} streams",
            f"others took up to {found.others:.0%}",
        ],
    )
    told_ms = [value for f in figures for value in (f.predicted, f.measured)]
    most = max(ms(BUDGET_S) * 1.15, *(min(value, _MOST_MS) for value in told_ms))
    streams = [figure.streams or 0 for figure in figures]
    across = Scale(0, max(streams) * 1.1, _LEFT, _RIGHT)
    up = Scale(0, most * 1.08, _BOTTOM, _TOP)
    axis_below(svg, across, _TOP, _BOTTOM, "streams")
    axis_left(svg, up, _LEFT, _RIGHT, "final delay p95, ms", _TOP - 26)
    for figure in figures:
        x = across.px(figure.streams or 0)
        low, high = up.px(min(figure.low, up.high)), up.px(min(figure.high, up.high))
        svg.rule((x, low), (x, high), FAINT, 1.5)
        svg.diamonds([(x, up.px(min(figure.measured, up.high)))])
        svg.diamonds([(x - 14, up.px(min(figure.predicted, up.high)))], is_hollow=True)
    limit_level(svg, up.px(ms(BUDGET_S)), _LEFT, _RIGHT, _TOP, LIMIT)
    return svg


def _p95(found: Judgement) -> list[Figure]:
    return [figure for figure in found.figures if "p95, ms" in figure.name]


def _table(found: Judgement) -> Table:
    return found.table()
