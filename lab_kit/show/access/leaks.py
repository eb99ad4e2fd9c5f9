"""How much personal data is found, by kind, in what was said and in what was recognized of it."""

from lab_kit.core.table import Table
from lab_kit.experiments.access.leaks import Leaks
from lab_kit.measure.guess import Guess
from lab_kit.measure.leaks import Figures, overall
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

ALL = "all kinds"
_NAMES_PX, _GAP_PX, _COUNT_PX, _ROW_PX, _TOP_PX = 124, 28, 62, 28, 44
COLOR = theme.COMPUTE


def leaks(found: Leaks, guess: Guess | None = None) -> None:
    """Draw recall and precision of each kind.

    Args:
        guess: recall over all kinds in what was recognized, in percent.
    """
    words = ""
    if guess is not None:
        recall = overall(dict(found.heard)).recall
        words = guess.against(float("nan") if recall is None else 100 * recall)
    told = leaks_verdict(found)
    show_drawing(draw_leaks(found), tabulate_leaks(found), Verdict(told.told, Sign.NONE, words))


def leaks_verdict(found: Leaks) -> Verdict:
    """What is found of all, and the kind that gets out most."""
    said, heard = (overall(dict(by_kind)) for by_kind in (found.said, found.heard))
    told = f"Found whole: {_percent(said.recall)} of {said.spans} as said,"
    told += f" {_percent(heard.recall)} of {heard.spans} as recognized."
    ranked = {kind: one.recall for kind, one in found.heard.items() if one.recall is not None}
    if not ranked or min(ranked.values()) == 1:
        return Verdict(told, Sign.NONE)
    worst = min(ranked, key=lambda kind: ranked[kind])
    spans = found.heard[worst].spans
    least = f"Least, {_percent(ranked[worst])} of {spans}: {worst.replace('_', ' ')}."
    return Verdict(f"{told} {least}", Sign.NONE)


def draw_leaks(found: Leaks) -> Svg:
    """The picture: a row a kind, recall and precision on an axis each."""
    rows = _rows(found)
    bottom = _TOP_PX + _ROW_PX * len(rows)
    svg = Svg(
        bottom + 40,
        "Personal data: what is found, and what is found in vain?",
        "For each kind recall and precision, of what was said, hollow, and recognized, filled.",
        ["held-out sentences", found.how_heard],
    )
    left = theme.MARGIN_PX + _NAMES_PX
    room = (svg.width_px - theme.MARGIN_PX - _COUNT_PX - left - _GAP_PX) / 2
    end = legend(svg, [("as recognized", COLOR)], 12, theme.MARGIN_PX)
    svg.text((end, 12), "○ as said", role=FAINT)
    for name, column in (("recall", 0), ("precision", 1)):
        start = left + column * (room + _GAP_PX)
        across = Scale(0, 100, start, start + room - 8)
        axis_below(svg, across, _TOP_PX, bottom, f"{name}, %")
        svg.text((start, _TOP_PX - 8), name, bold=True)
        for row, (_, said, heard) in enumerate(rows):
            y = _TOP_PX + _ROW_PX * (row + 0.5)
            _pair(svg, across, y, *(getattr(one, name) for one in (said, heard)))
    count = svg.width_px - theme.MARGIN_PX
    svg.text((count, _TOP_PX - 8), "spans", role=FAINT, anchor="end")
    for row, (kind, said, _) in enumerate(rows):
        y = _TOP_PX + _ROW_PX * (row + 0.5) + 4
        svg.text((theme.MARGIN_PX, y), kind.replace("_", " "), bold=row == 0)
        svg.text((count, y), str(said.spans), anchor="end")
    return svg


def tabulate_leaks(found: Leaks) -> Table:
    """One line a kind."""
    rows = [
        (
            kind.replace("_", " "),
            str(said.spans),
            *(_percent(one) for one in (said.recall, heard.recall)),
            *(_percent(one) for one in (said.precision, heard.precision)),
            *(_percent(one) for one in (said.leak_rate, heard.leak_rate)),
        )
        for kind, said, heard in _rows(found)
    ]
    head = ("kind", "spans", "recall, said", "recognized", "precision, said", "recognized",
            "letters that leak, said", "recognized")  # fmt: skip
    return Table("kind", head, rows, [f"Recognized: {found.how_heard}."])


def _rows(found: Leaks) -> list[tuple[str, Figures, Figures]]:
    kinds = sorted({*found.said, *found.heard})
    each = [
        (str(kind), found.said.get(kind, Figures()), found.heard.get(kind, Figures()))
        for kind in kinds
    ]
    return [(ALL, overall(dict(found.said)), overall(dict(found.heard))), *each]


def _pair(svg: Svg, across: Scale, y: float, said: float | None, heard: float | None) -> None:
    """Both, joined; what there is none of has no mark."""
    marks = [(across.px(100 * one), y) for one in (said, heard) if one is not None]
    svg.polyline(marks, COLOR, 1.5)
    if said is not None:
        svg.points([(across.px(100 * said), y)], COLOR, 5, is_hollow=True)
    if heard is not None:
        svg.points([(across.px(100 * heard), y)], COLOR, 3.6)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
