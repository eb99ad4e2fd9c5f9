"""Every policy of placement with the same calls; and whether two models and a theory agree."""

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.scale.cluster import Placed, erlang_b, place, poisson_calls
from lab_kit.scale.counts import refused_by_counts
from lab_kit.scale.placement import Least, every_placement

SERVERS, MEAN_S, SECONDS, WARM_UP_S, SEED = 60, 180.0, 3_600.0, 900.0, 14
FILL = 0.9
"""Streams that are offered, in parts of all places: full enough that it matters who goes where."""

PLACEMENTS = tuple(policy.name for policy in every_placement())
"""The policies' names, as pictures have them."""


def placed_by_each(places: int, report_s: float = 0.0, fill: float = FILL) -> list[Placed]:
    """An hour of calls on sixty servers, placed by each policy.

    Args:
        places: streams that each server can hold.
        report_s: how often servers say how many they hold; 0 for at every moment.

    Raises:
        InvalidParameter: no places, or no calls.
    """
    calls = poisson_calls(fill * SERVERS * places / MEAN_S, MEAN_S, SECONDS, SEED)
    return [
        place(calls, [places] * SERVERS, policy, report_s=report_s, warm_up_s=WARM_UP_S)
        for policy in every_placement(SEED)
    ]


def models_table(streams: int = 10_000, places: int = 9_800) -> Table:
    """What is refused of so many streams, by events, by counts, and by Erlang's formula."""
    rate_per_s, servers = streams / MEAN_S, 10
    calls = poisson_calls(rate_per_s, MEAN_S, SECONDS, SEED)
    by_events = place(calls, [places // servers] * servers, Least(), warm_up_s=WARM_UP_S)
    by_counts = refused_by_counts(
        rate_per_s, MEAN_S, places, SECONDS, warm_up_s=WARM_UP_S, seed=SEED
    )
    rows = [
        ("events: each stream on its server", percent(by_events.refused_share, 2)),
        ("counts: so many in a region", percent(by_counts, 2)),
        ("Erlang's formula", percent(erlang_b(streams, places), 2)),
    ]
    return Table("model", ("", f"refused of {streams:,} streams, {places:,} places"), rows)
