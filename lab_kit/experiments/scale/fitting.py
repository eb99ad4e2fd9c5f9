"""From what a machine was measured at to what its work costs: each number from one measurement.

Nothing is searched for. The graphs by themselves give what encoding and a decoder pass cost,
silence what a stream costs in which nobody speaks, and few streams what is left for each decode.
All of it is the account of the processors, which other programs on the machine disturb far less
than they disturb a clock.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.scale.passes import PassCosts
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.measure.percentiles import percentile
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.server import ServerRun, serve
from lab_kit.scale.sound import CallerSound


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured, and the callers that it was measured with; times are of processors.

    Attributes:
        passes: what the model's graphs cost by themselves.
        contention: how many times as much the same work takes while all cores work.
        sound_cpu_s: for a second of a stream in which nobody speaks.
        idle_cpu_s: for a second in which nobody is there.
        callers: of each plateau.
        cores: that the server may use; it has a worker for each.
    """

    passes: PassCosts
    contention: float
    sound_cpu_s: float
    idle_cpu_s: float
    plateaus: tuple[Plateau, ...]
    callers: tuple[tuple[CallerSound, ...], ...]
    warm_up_s: float
    cores: int


def fit(measured: Calibration) -> ServerCosts:
    """The costs that this machine is described by.

    Raises:
        InvalidParameter: the streams were too short for a single turn.
    """
    costs = ServerCosts(
        **asdict(measured.passes),
        decode=0.0,
        sound=measured.sound_cpu_s,
        idle=measured.idle_cpu_s,
        caller=median(p.generator_cores * p.seconds / p.audio_s for p in measured.plateaus),
        contention=measured.contention,
        cores=measured.cores,
        workers=measured.cores,
    )
    costs = replace(costs, decode=_per_decode(measured.plateaus, _runs(measured, costs)))
    return replace(costs, delay_s=_unexplained(measured.plateaus, _runs(measured, costs)))


def costs_table(costs: ServerCosts) -> Table:
    """What was found, a row a cost."""
    rows = [
        ("a second of sound, encoded", f"{ms(costs.encode):.2f}"),
        ("a decoder pass", f"{ms(costs.passes):.2f}"),
        ("another sequence in it", f"{ms(costs.row):.2f}"),
        ("a decode, whatever its length", f"{ms(costs.decode):.2f}"),
        ("a second of sound on the event loop", f"{ms(costs.sound):.1f}"),
        ("a second of nothing", f"{ms(costs.idle):.1f}"),
    ]
    full = f"With every core busy each takes {costs.contention:.2f} times as long."
    wire = f"Beside them {ms(costs.delay_s):.0f} ms a result were not explained."
    return Table("cost", ("", "CPU ms"), rows, (full, wire))


def _runs(measured: Calibration, costs: ServerCosts) -> list[ServerRun]:
    """The model with the same callers."""
    return [serve(callers, costs, warm_up_s=measured.warm_up_s) for callers in measured.callers]


def _per_decode(plateaus: Sequence[Plateau], runs: Sequence[ServerRun]) -> float:
    """What a decode takes beside encoding and passes: what is left of the processors' account."""
    left_s = sum(p.server_cpu_s - run.server_cpu_s for p, run in zip(plateaus, runs, strict=True))
    return max(0.0, left_s / sum(run.finals + run.interims for run in runs))


def _unexplained(plateaus: Sequence[Plateau], runs: Sequence[ServerRun]) -> float:
    """What every result takes besides, by the medians: the wire and what nobody counted."""
    late = [
        percentile(p.final_delays_s, 0.5) - percentile(run.final_delays_s, 0.5)
        for p, run in zip(plateaus, runs, strict=True)
        if p.final_delays_s and run.final_delays_s
    ]
    if not late:
        raise no_turns(plateaus[0].seconds)
    return max(0.0, median(late))


def no_turns(seconds: float) -> InvalidParameter:
    """What is said of streams in which nobody came to the end of a sentence."""
    return InvalidParameter(
        f"streams of {seconds:g} s without a turn behind the warm-up",
        "one at least",
        "hold them for longer, 20 s say",
    )
