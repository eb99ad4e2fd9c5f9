"""Tenants who send as many requests as each other: what they cost, and who stands out."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.access.flood import LEAST_WORKS, TIMES, Flooder
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_NAMES_PX = 130


def flood(found: Sequence[Flooder], guess: Guess | None = None) -> None:
    """Draw requests and compute of each tenant.

    Args:
        guess: how many times the compute of the cheapest the dearest took.
    """
    words = "" if guess is None else guess.against(_ratio(found))
    told = flood_verdict(found)
    show_drawing(draw_flood(found), tabulate_flood(found), Verdict(told.told, told.sign, words))


def flood_verdict(found: Sequence[Flooder]) -> Verdict:
    """How far apart they are, and whom the server marks."""
    least, most = _cheapest(found), _dearest(found)
    marked = [one.tenant for one in found if one.is_costly]
    told = f"As many requests each; {most.tenant} took {_ratio(found):.0f} times the compute of"
    told += f" {least.tenant}. "
    if marked:
        return Verdict(f"{told}The server marks {', '.join(marked)} as costly.", Sign.NONE)
    return Verdict(
        f"{told}The server marks nobody: that takes {LEAST_WORKS} requests of each and"
        f" {TIMES:g} times the usual cost.",
        Sign.NONE,
    )


def draw_flood(found: Sequence[Flooder]) -> Svg:
    """The picture: a row a tenant, three columns of bars."""
    sound_s = [one.sound_s * one.requests for one in found]
    quantities = [
        Quantity(
            "requests", [float(one.requests) for one in found], [f"{one.requests}" for one in found]
        ),
        Quantity("seconds of sound", sound_s, [f"{one:,.0f}" for one in sound_s]),
        Quantity(
            "compute-seconds",
            [one.compute_s for one in found],
            [f"{one.compute_s:.2f}" for one in found],
        ),
    ]
    svg = Svg(
        height_of(len(found), quantities),
        "The same number of requests: is it the same work?",
        "For each tenant bars for its requests, its sound and its compute.",
        ["one request after the other, all tenants at once"],
    )
    names = [one.tenant for one in found]
    compare_bars(svg, names, quantities, _NAMES_PX, found.index(_dearest(found)))
    return svg


def tabulate_flood(found: Sequence[Flooder]) -> Table:
    """One line a tenant."""
    rows = [
        (
            one.tenant,
            str(one.requests),
            f"{one.sound_s:g}",
            f"{one.compute_s:.3f}",
            f"{ms(one.each_s):.0f}",
            "costly" if one.is_costly else "-",
        )
        for one in found
    ]
    head = ("tenant", "requests", "sound of each, s", "compute s", "of each, ms", "marked")
    return Table("tenant", head, rows)


def _ratio(found: Sequence[Flooder]) -> float:
    least_s = _cheapest(found).compute_s
    return _dearest(found).compute_s / least_s if least_s else float("inf")


def _cheapest(found: Sequence[Flooder]) -> Flooder:
    return min(found, key=lambda one: one.compute_s)


def _dearest(found: Sequence[Flooder]) -> Flooder:
    return max(found, key=lambda one: one.compute_s)
