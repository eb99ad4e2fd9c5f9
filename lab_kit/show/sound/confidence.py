"""Confidence against being right: a point for each range of confidence, beside the diagonal."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.measure.confidence import (
    ConfidenceRange,
    JudgedWord,
    calibration_error,
    confidence_ranges,
)
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.guesses import guess_point
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

DOUBTFUL = 0.5
"""What the reader guesses the share of right words below."""
_CALIBRATED = 0.05
"""A mean distance up to this is told as calibrated; a hundred words cannot tell finer."""
_ENOUGH_WORDS = 10
"""In a range, before anything is said of it alone."""
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX - 12, 30, 260
_COLOR = theme.series_colors(1)[0]


def confidence(words: Sequence[JudgedWord], guess: Guess | None = None) -> None:
    """Draw the share of right words in each range of confidence, and list the counts.

    Args:
        guess: the share of right words that the reader expected below `DOUBTFUL`, in %.

    Raises:
        ValueError: there are no words.
    """
    share = share_right_below(words)
    against = guess.against(100 * share) if guess is not None and share is not None else ""
    show_drawing(
        draw_confidence(words, None if guess is None else guess.number),
        tabulate_confidence(words),
        Verdict(verdict(words), guess=against),
    )


def share_right_below(words: Sequence[JudgedWord]) -> float | None:
    """The share of right words among those below `DOUBTFUL`; None where there are none."""
    doubtful = [word.is_right for word in words if word.confidence < DOUBTFUL]
    return sum(doubtful) / len(doubtful) if doubtful else None


def draw_confidence(words: Sequence[JudgedWord], guess_percent: float | None = None) -> Svg:
    """The picture; a point's area grows with the words it stands for."""
    ranges = confidence_ranges(words)
    svg = Svg(
        _BOTTOM_PX + 40,
        "Is it right when it is sure?",
        "For each range of the model's confidence the share of its words that were said.",
        [f"{len(words)} words", "a larger dot stands for more of them"],
    )
    across = Scale(0, 1, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, 100, _BOTTOM_PX, _TOP_PX)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "the model's confidence in a word")
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "of the words were said, %")
    svg.rule((across.px(0), up.px(0)), (across.px(1), up.px(100)), FAINT, 1, "2 4")
    most = max(each.words for each in ranges)
    where = [(across.px(each.confidence), up.px(100 * each.share_right)) for each in ranges]
    svg.polyline(where, _COLOR, 2)
    for at, each in zip(where, ranges, strict=True):
        svg.points([at], _COLOR, 4 + 7 * (each.words / most) ** 0.5)
    if guess_percent is not None:
        share = share_right_below(words)
        outcome = None if share is None else 100 * share
        guess_point(
            svg, across.px(DOUBTFUL / 2), up, guess_percent, lambda value: f"{value:.3g} %", outcome
        )
    dotted = [Place((across.px(x) + 12, up.px(100 * x) + 14)) for x in (0.2, 0.4, 0.6, 0.75)]
    put(svg, "as sure as right (calibrated)", dotted, role=FAINT, size_px=theme.SMALL_PX)
    return svg


def tabulate_confidence(words: Sequence[JudgedWord]) -> Table:
    """One line a range."""
    head = ("confidence", "mean", "words", "right", "share right")
    rows = []
    for each in confidence_ranges(words):
        share = percent(each.share_right)
        mean = f"{each.confidence:.2f}"
        rows.append((_named(each), mean, str(each.words), str(each.right), share))
    return Table("range of confidence", head, rows)


def verdict(words: Sequence[JudgedWord]) -> str:
    """What came out, in sentences."""
    ranges = confidence_ranges(words)
    error = calibration_error(ranges)
    total = sum(each.words for each in ranges)
    bias = sum(each.words * (each.confidence - each.share_right) for each in ranges) / total
    differ = f"Confidence and truth differ by {100 * error:.1f} points on average"
    if error <= _CALIBRATED:
        told = f"{differ}: it may be read as a chance."
    else:
        too = "too sure of itself" if bias > 0 else "surer than it says"
        told = f"{differ}; the model is {too}."
    told += _farthest(ranges)
    share = share_right_below(words)
    if share is None:
        return f"{told} No word was below {DOUBTFUL}: add noise, or more clips."
    count = sum(word.confidence < DOUBTFUL for word in words)
    return f"{told} Of the {count} words below {DOUBTFUL}, {percent(share)} were right."


def _farthest(ranges: Sequence[ConfidenceRange]) -> str:
    """The range that is most off, where the average hides it; empty where none is."""
    known = [each for each in ranges if each.words >= _ENOUGH_WORDS]
    if not known:
        return ""
    worst = max(known, key=lambda each: abs(each.confidence - each.share_right))
    points = 100 * (worst.share_right - worst.confidence)
    if abs(points) <= 200 * _CALIBRATED:
        return ""
    side = "more" if points > 0 else "fewer"
    return (
        f" But from {_named(worst)} {side} words are right than it says,"
        f" by {abs(points):.0f} points of {worst.words} words."
    )


def _named(each: ConfidenceRange) -> str:
    return f"{each.low:.2f} to {each.high:.2f}"
