"""The same live streams by several schemes, and what a minimum adds to a short one."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.experiments.metering.prices import SHORT_S, Bid, length_for, surcharge
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_NAMES_PX = 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, theme.WIDTH_PX - theme.MARGIN_PX, 30, 190
_LEAST_S, _MOST_S = 3.0, 30.0
_STEP_S = 0.25


def schemes(found: Sequence[Bid], what: str = "a month", guess: Guess | None = None) -> None:
    """Draw what the same live streams would cost by each scheme.

    Args:
        what: the streams are.
        guess: how many times the cheapest the dearest is.
    """
    words = "" if guess is None else guess.against(_ratio(found))
    told = schemes_verdict(found)
    drawing = draw_schemes(found, what)
    show_drawing(drawing, tabulate_schemes(found), Verdict(told.told, told.sign, words))


def schemes_verdict(found: Sequence[Bid]) -> Verdict:
    """How far apart they are, and who prices most beyond what was used."""
    cheapest, dearest = found[0], found[-1]
    most = max(found, key=lambda one: one.more)
    told = f"{dearest.name} would be {_ratio(found):,.1f} times {cheapest.name}. "
    if most.more <= 0:
        return Verdict(f"{told}None prices more than was used.", Sign.NONE)
    return Verdict(
        f"{told}{most.name} prices most beyond what was used: {percent(most.more)} more.", Sign.NONE
    )


def draw_schemes(found: Sequence[Bid], what: str) -> Svg:
    """The picture: a row a scheme."""
    totals = [float(one.total) for one in found]
    more = [100 * one.more for one in found]
    quantities = [
        Quantity("USD, list price", totals, [f"{one:,.2f}" for one in totals]),
        Quantity("priced beyond used, %", more, [f"{one:,.1f}" for one in more]),
    ]
    svg = Svg(
        height_of(len(found), quantities),
        f"What would {what} cost by each provider's rules?",
        "For each scheme bars for the amount, and for how much more is priced than was used.",
        ["live streams alone, without features", "list prices, as read on the days in the sources"],
    )
    most = max(range(len(found)), key=lambda at: found[at].more)
    compare_bars(svg, [one.name for one in found], quantities, _NAMES_PX, most)
    return svg


def tabulate_schemes(found: Sequence[Bid]) -> Table:
    """One line a scheme."""
    rows = [
        (
            one.name,
            f"{one.total:,.4f}",
            f"{one.used_s:,.0f}",
            f"{one.priced_s:,.0f}",
            percent(one.more, 1),
            str(one.unpriced),
        )
        for one in found
    ]
    head = ("", "USD", "used s", "priced s", "more", "without a price")
    return Table("scheme", head, rows)


def minimum(share: float = 0.36) -> None:
    """Draw how much more is priced of one live stream than its sound, by its length.

    Args:
        share: whose length is marked.
    """
    told = minimum_verdict(share)
    show_drawing(draw_minimum(share), tabulate_minimum(), told)


def minimum_verdict(share: float) -> Verdict:
    """At which length so much more is priced."""
    length_s = length_for(share)
    return Verdict(
        f"A minimum of {SHORT_S:g} s prices {percent(share)} more for a stream of {length_s:.2f} s,"
        f" and {percent(surcharge(_LEAST_S))} more for one of {_LEAST_S:g} s.",
        Sign.NONE,
    )


def draw_minimum(share: float) -> Svg:
    """The picture."""
    svg = Svg(
        _BOTTOM + 40,
        "What does a minimum add to a request?",
        "A falling line: how much more is priced than used, over the length of a request.",
        ["Amazon's rule: whole seconds, at least 15 of them, for each request"],
    )
    across = Scale(0, _MOST_S, _LEFT, _RIGHT)
    up = Scale(0, 100 * surcharge(_LEAST_S), _BOTTOM, _TOP)
    axis_below(svg, across, _TOP, _BOTTOM, "seconds of sound of one request")
    axis_left(svg, up, _LEFT, _RIGHT, "% more priced than used", _TOP - 14)
    count = round((_MOST_S - _LEAST_S) / _STEP_S)
    lengths = [_LEAST_S + _STEP_S * number for number in range(count + 1)]
    line = [(across.px(one), up.px(100 * surcharge(one))) for one in lengths]
    svg.polyline(line, theme.COMPUTE)
    length_s = length_for(share)
    x, y = across.px(length_s), up.px(100 * surcharge(length_s))
    svg.points([(x, y)], theme.QUEUE, 5)
    told = f"{100 * share:.0f} % more at {length_s:.2f} s"
    put(svg, told, [Place((x + 12, y - 10)), Place((x + 12, y - 26))], bold=True)
    return svg


def tabulate_minimum() -> Table:
    """One line a length."""
    rows = [
        (f"{length:g} s", f"{100 * surcharge(length):,.1f}")
        for length in (1.0, 2.0, 5.0, 10.0, 11.03, 15.0, 20.5, 30.0, 60.5)
    ]
    return Table("length of a request", ("", "% more priced than used"), rows)


def _ratio(found: Sequence[Bid]) -> float:
    least = float(found[0].total)
    return float(found[-1].total) / least if least else float("inf")
