"""What serving costs of each dollar that a tenant brings, and of requests of each length."""

import math
from collections.abc import Sequence

from lab_kit.experiments.metering import Margins, Served, losing
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_NAMES_PX = 130


def margins(found: Margins, guess: Guess | None = None) -> None:
    """Draw tenants, and lengths of requests.

    Args:
        guess: the tenant that brings least of what it costs.
    """
    words = "" if guess is None else guess.against(_worst(found.tenants).name)
    told = margins_verdict(found)
    show_drawing(draw_margins(found), found.table, Verdict(told.told, told.sign, words))


def margins_verdict(found: Margins) -> Verdict:
    """Who loses money, and which requests do."""
    tenants, lengths = losing(found.tenants), losing(found.lengths)
    at = f"with the machine busy {100 * found.utilisation:.0f} % of the time"
    if not tenants:
        worst = _worst(found.tenants)
        told = f"Nobody costs more than they bring, {at}; {worst.name} comes nearest."
        return Verdict(told, Sign.INSIDE)
    told = f"{_listed(tenants)} cost more than they bring, {at}."
    if len(tenants) == 1:
        told = f"{tenants[0]} costs more than it brings, {at}."
    if lengths:
        told += f" Of all requests, those of {_listed(lengths)} do."
    return Verdict(told, Sign.OVER)


def draw_margins(found: Margins) -> Svg:
    """The picture: a row a tenant, then a row a range of lengths."""
    rows = [*found.tenants, *found.lengths]
    shares = [100 * _share(one) for one in rows]
    finite = [one for one in shares if math.isfinite(one)]
    quantities = [
        Quantity(
            "requests", [float(one.requests) for one in rows], [f"{one.requests:,}" for one in rows]
        ),
        Quantity(
            "brings, USD",
            [float(one.revenue) for one in rows],
            [f"{one.revenue:,.2f}" for one in rows],
        ),
        Quantity(
            "costs, % of what it brings",
            shares,
            [f"{one:,.0f}" if math.isfinite(one) else "all" for one in shares],
            most=max(finite, default=1.0),
        ),
    ]
    svg = Svg(
        height_of(len(rows), quantities),
        "Whom does it cost more to serve than they pay?",
        "For each tenant, then for each range of lengths, requests, revenue, and cost as a share.",
        [found.machine.name, f"{found.machine.per_hour} USD an hour"],
    )
    names = [one.name for one in rows]
    compare_bars(svg, names, quantities, _NAMES_PX, rows.index(_worst(found.tenants)))
    return svg


def _share(one: Served) -> float:
    return float(one.cost / one.revenue) if one.revenue else math.inf


def _worst(tenants: Sequence[Served]) -> Served:
    return max(tenants, key=_share)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
