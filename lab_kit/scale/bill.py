"""What a day of nodes costs: reserved ones all day, the others by the hour, spot ones cheaper.

The prices are Amazon's own example for a c5.2xlarge (8 virtual processors) in US East, on demand
and in the mean of three zones' spot prices, a quarter each, as a node of the lab has two; "example
pricing and not current" says its page, read on 2026-11-30
(docs.amazonaws.cn/en_us/autoscaling/ec2/userguide/weights-spot-price-per-unit-hour-example.html).
What a year's commitment saves is the most that a reservation without payment ahead saves according
to OneUptime, 2026-01-30 (oneuptime.com/blog/post/2026-01-30-ri-vs-sp/view).
"""

from dataclasses import dataclass

import numpy as np

from lab_kit.scale.day import Day


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for one node and one hour."""

    on_demand: float = 0.34 / 4
    reserved: float = 0.34 / 4 * (1 - 0.36)
    spot: float = (0.180 + 0.191 + 0.170) / 3 / 4


@dataclass(frozen=True, slots=True)
class Bill:
    """Node-hours and dollars of one day."""

    reserved_h: float
    on_demand_h: float
    spot_h: float
    prices: Prices

    @property
    def dollars(self) -> float:
        """Of all of them."""
        prices = self.prices
        return (
            self.reserved_h * prices.reserved
            + self.on_demand_h * prices.on_demand
            + self.spot_h * prices.spot
        )


def bill(day: Day, prices: Prices | None = None) -> Bill:
    """What the day's mix costs.

    The price is the same everywhere; real ones differ by region.
    """
    mix, hours = day.world.mix, day.world.step_s / 3600
    reserved = mix.reserved_in(day.paid.shape[1])
    beyond = np.maximum(day.paid - reserved, 0)
    spot = np.floor(beyond * mix.spot_share)
    return Bill(
        reserved_h=float(reserved.sum() * hours * len(day.paid)),
        on_demand_h=float((beyond - spot).sum() * hours),
        spot_h=float(spot.sum() * hours),
        prices=prices or Prices(),
    )


def always_paid(day: Day, share: float = 1.0) -> tuple[int, ...]:
    """Nodes of each region that were paid for in at least that share of the day.

    Reserving them at 1.0 wastes nothing; at a share above reserved by on-demand price it still
    saves.
    """
    quantiles = np.quantile(day.paid, 1 - share, axis=0, method="lower")
    return tuple(int(nodes) for nodes in quantiles)
