"""How many streams are wanted, where and when: a day as it is lived in each region's own hours.

The shape is an assumption, and said to be: little at night, most in the afternoon. What a flash
crowd adds is above it and in nobody's forecast.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab_kit.scale.geography import REGIONS, Region

DAY_S = 86_400.0
NIGHT, PEAK_HOUR = 0.15, 15.0
"""What the quietest hour has of the busiest, and when that is."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many at once: so many times the usual, in one region, from one hour of UTC to another."""

    region: str
    from_hour: float
    hours: float
    times: float


@dataclass(frozen=True, slots=True)
class Demand:
    """A day's calls.

    Attributes:
        streams: in the day, everywhere, without crowds.
        mean_s: length of one; exponential.
    """

    streams: int
    mean_s: float = 180.0
    regions: tuple[Region, ...] = REGIONS
    crowds: tuple[Crowd, ...] = ()

    def usual_per_s(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Arrivals per second without crowds: (moments, regions) float64."""
        clocks = np.array([region.utc_hours for region in self.regions])
        hours = (at_s[:, None] / 3600 + clocks) % 24
        shape = NIGHT + (1 - NIGHT) * (1 + np.cos((hours - PEAK_HOUR) * np.pi / 12)) / 2
        mean = (1 + NIGHT) / 2  # of the shape, over a day
        shares = np.array([region.share for region in self.regions])
        return np.asarray(shape / mean * shares / shares.sum() * self.streams / DAY_S)

    def per_s(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Arrivals per second: (moments, regions) float64."""
        rates = self.usual_per_s(at_s)
        names = [region.name for region in self.regions]
        for crowd in self.crowds:
            since_h = (at_s / 3600 - crowd.from_hour) % 24
            rates[since_h < crowd.hours, names.index(crowd.region)] *= crowd.times
        return rates

    def usual_streams(self, at_s: float) -> NDArray[np.float64]:
        """That would be open without crowds, if all were served: (regions,) float64.

        Source: Little's law, with the rate of one call's length before.
        """
        return np.asarray(self.usual_per_s(np.array([at_s - self.mean_s]))[0] * self.mean_s)
