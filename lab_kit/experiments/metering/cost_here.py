"""What an hour of sound costs on the reader's own machine, from a stream that it has served."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.experiments.metering.one_stream import OneStream
from lab_kit.metering.economics import Machine, compute_second
from lab_kit.metering.schemes import HOUSE
from lab_kit.models.device import choose_device

_HOUR_S = 3_600
_LIVE = next(one for one in HOUSE.prices if one.name == "live sound")
HOUSE_HOUR = _LIVE.tiers[0].amount * _HOUR_S * 1_000_000 / _LIVE.per
"""What the house asks for an hour of live sound, in US dollars."""


@dataclass(frozen=True, slots=True)
class CostHere:
    """A stream that this machine has served, and what an hour of the machine costs.

    Attributes:
        utilisation: the part of all time in which its workers compute.
    """

    used: OneStream
    machine: Machine
    utilisation: float

    @property
    def compute_s(self) -> float:
        """That a second of the stream's sound took, of one worker."""
        compute_us = sum(event.amount.compute_us for event in self.used.events)
        return compute_us / max(1, self.used.billed_us)

    @property
    def sound_hour(self) -> Decimal:
        """What an hour of such sound costs, in US dollars."""
        each = compute_second(self.machine, self.utilisation)
        return each * Decimal(str(self.compute_s)) * _HOUR_S

    @property
    def table(self) -> Table:
        """From compute to an hour of sound, beside what the house asks for it."""
        each = compute_second(self.machine, self.utilisation)
        streams = self.machine.workers * self.utilisation / self.compute_s
        rows = [
            ("compute for a second of sound", f"{self.compute_s:.3f} s"),
            ("streams at once, at this utilisation", f"{streams:.1f}"),
            ("a compute-second", f"{each:.7f} USD"),
            ("an hour of sound costs", f"{self.sound_hour:.4f} USD"),
            ("the house asks for it", f"{HOUSE_HOUR:.4f} USD"),
        ]
        share = float(self.sound_hour / HOUSE_HOUR)
        which = "It brings less than it costs" if share > 1 else "It brings more than it costs"
        name, workers = self.machine.name, self.machine.workers
        note = f"{which}: {percent(share, 1)} of the price, on {name} with {workers} workers."
        return Table("figure", ("", ""), rows, [note])


def cost_here(used: OneStream, per_hour: str, utilisation: float = 0.3) -> CostHere:
    """What the sound of a stream cost that this machine served.

    Args:
        per_hour: what an hour of this machine costs, in US dollars.

    Raises:
        InvalidParameter: a price or a utilisation that is none.
    """
    here = choose_device()
    try:
        price = Decimal(per_hour)
    except InvalidOperation:
        raise InvalidParameter(
            f"{per_hour!r} an hour", 'US dollars, as "0.10"', "write it so"
        ) from None
    machine = Machine(here.name, price, here.workers)
    compute_second(machine, utilisation)
    return CostHere(used, machine, utilisation)
