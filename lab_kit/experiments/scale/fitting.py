"""From what a machine was measured at to what its work costs: each number from one measurement.

Nothing is searched for: recordings alone on the machine give what encoding and a decoder pass cost,
few streams give what is beside them, and how much the rest takes follows from the account of the
processors. So what a model then says of more streams was not fitted to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.measure.percentiles import percentile
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.server import ServerRun, serve
from lab_kit.scale.sound import CallerSound

ROW_SHARE = 0.2
"""What another sequence adds to a decoder pass, in parts of the pass: over one core a pass of eight
took 2.3 times as long as one alone."""
TOKENS_A_WORD = 1.35
"""Of read English, by Moonshine's vocabulary."""


@dataclass(frozen=True, slots=True)
class Single:
    """A recording that was transcribed with nobody else there.

    Attributes:
        infer_s: time on the device.
    """

    audio_s: float
    words: int
    infer_s: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured, and the callers that it was measured with.

    Attributes:
        singles, pairs: the same recordings, alone and beside another.
        callers: of each plateau.
        cores: that the server may use; it has a worker for each.
    """

    singles: tuple[Single, ...]
    pairs: tuple[Single, ...]
    plateaus: tuple[Plateau, ...]
    callers: tuple[tuple[CallerSound, ...], ...]
    warm_up_s: float
    cores: int


def fit(measured: Calibration) -> ServerCosts:
    """The costs that this machine is described by.

    Raises:
        InvalidParameter: the streams were too short for a single turn.
    """
    encode, passes = _decoding(measured.singles)
    costs = ServerCosts(
        encode=encode,
        passes=passes,
        row=passes * ROW_SHARE,
        decode=0.0,
        caller=median(p.generator_cores * p.seconds / p.audio_s for p in measured.plateaus),
        contention=_contention(measured.singles, measured.pairs),
        cores=measured.cores,
        workers=measured.cores,
    )
    alone = [_run(measured, costs, number) for number in range(len(measured.plateaus))]
    first, run = measured.plateaus[0], alone[0]
    over_s = first.device_s - run.device_s
    costs = replace(costs, decode=max(0.0, over_s / (run.finals + run.interims)))
    runs = [_run(measured, costs, number) for number in range(len(measured.plateaus))]
    sound, idle = _beside(measured.plateaus, runs)
    costs = replace(costs, sound=sound, idle=idle)
    runs = [_run(measured, costs, number) for number in range(len(measured.plateaus))]
    return replace(costs, delay_s=_unexplained(measured.plateaus, runs))


def costs_table(costs: ServerCosts) -> Table:
    """What was found, a row a cost."""
    rows = [
        ("a second of sound, encoded", f"{ms(costs.encode):.2f}"),
        ("a decoder pass", f"{ms(costs.passes):.2f}"),
        ("a decode, whatever its length", f"{ms(costs.decode):.2f}"),
        ("a second of sound on the event loop", f"{ms(costs.sound):.1f}"),
        ("a second of nothing", f"{ms(costs.idle):.1f}"),
    ]
    full = f"With every core busy each takes {costs.contention:.2f} times as long."
    wire = f"Beside them {ms(costs.delay_s):.0f} ms a result were not explained."
    return Table("cost", ("", "CPU ms"), rows, (full, wire))


def _decoding(singles: Sequence[Single]) -> tuple[float, float]:
    """Seconds of encoding a second of window, and of a decoder pass; by least squares.

    Where longer recordings have more words in proportion, the two cannot be told apart, and one
    may come out below nothing: then they are shared as they were on another machine.
    """
    took_s = np.array([one.infer_s for one in singles])
    work = np.array([[one.audio_s, one.words * TOKENS_A_WORD + 1] for one in singles])
    encode, passes = np.linalg.lstsq(work, took_s, rcond=None)[0].tolist()
    if min(encode, passes) > 0:
        return encode, passes
    usual = ServerCosts()
    scale = median(took_s / (work @ np.array([usual.encode, usual.passes])))
    return usual.encode * scale, usual.passes * scale


def _contention(singles: Sequence[Single], pairs: Sequence[Single]) -> float:
    """How many times longer a recording takes while another one is transcribed, too."""
    longer = [pair.infer_s / one.infer_s for one, pair in zip(singles, pairs, strict=True)]
    return max(1.0, median(longer))


def _run(measured: Calibration, costs: ServerCosts, number: int) -> ServerRun:
    return serve(measured.callers[number], costs, warm_up_s=measured.warm_up_s)


def _beside(plateaus: Sequence[Plateau], runs: Sequence[ServerRun]) -> tuple[float, float]:
    """Processor seconds beside decoding: a second of sound, and a second of nothing."""
    beside_s = np.array(
        [p.server_cpu_s - run.decoding_cpu_s for p, run in zip(plateaus, runs, strict=True)]
    )
    work: NDArray[np.float64] = np.array([[p.audio_s, p.seconds] for p in plateaus])
    sound, idle = np.linalg.lstsq(work, beside_s, rcond=None)[0].tolist()
    if idle < 0 or sound < 0:
        return max(0.0, float(beside_s.sum() / work[:, 0].sum())), 0.0
    return sound, idle


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
