"""Whether a prediction held: each figure beside what was measured, and a word for it.

A figure passes that is within 15 % of the measured one or, for a percentile, within the interval
that so few turns leave it. A machine that others used meanwhile, or callers who were late
themselves, say nothing: such a point is inconclusive, whatever came out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.experiments.scale.predicting import Expected, Prediction
from lab_kit.measure.percentiles import percentile, percentile_interval

WITHIN = 0.15
OTHERS = 0.10
"""Share of the machine that others may take before it is called noisy."""
CROSSING_STREAMS = 4
"""That the crossing may be beside the two plateaus between which it was found."""


class Verdict(StrEnum):
    """What is said of a prediction."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Figure:
    """One predicted figure.

    Attributes:
        low, high: what a prediction may be.
    """

    name: str
    streams: int | None
    predicted: float
    measured: float
    low: float
    high: float
    is_void: bool

    @property
    def verdict(self) -> Verdict:
        """Of this figure."""
        if self.is_void:
            return Verdict.INCONCLUSIVE
        return Verdict.PASS if self.low <= self.predicted <= self.high else Verdict.FAIL


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every figure, and how busy others kept the machine at most."""

    figures: tuple[Figure, ...]
    others: float

    @property
    def verdict(self) -> Verdict:
        """Failed if one figure did, or else inconclusive if one is."""
        found = {figure.verdict for figure in self.figures}
        order = (Verdict.FAIL, Verdict.INCONCLUSIVE)
        return next((verdict for verdict in order if verdict in found), Verdict.PASS)

    def table(self) -> Table:
        """A row a figure."""
        rows = [
            (
                figure.name,
                "" if figure.streams is None else str(figure.streams),
                f"{figure.predicted:.4g}",
                f"{figure.measured:.4g}",
                f"{figure.low:.4g} to {figure.high:.4g}",
                str(figure.verdict),
            )
            for figure in self.figures
        ]
        head = ("", "streams", "predicted", "measured", "would pass", "verdict")
        note = f"{self.verdict}: others took up to {self.others:.0%} of the machine meanwhile."
        return Table("figure", head, rows, (note,))


def judge(prediction: Prediction, measured: Sequence[Plateau]) -> Judgement:
    """Hold each figure against the plateau of as many streams.

    Raises:
        ValueError: a plateau that nothing was predicted of.
    """
    expected = {one.streams: one for one in prediction.expected}
    missing = [plateau.streams for plateau in measured if plateau.streams not in expected]
    if missing:
        raise ValueError(f"nothing was predicted of {missing[0]} streams; predict it first")
    figures = [figure for p in measured for figure in _figures(expected[p.streams], p)]
    crossing = _crossing(prediction, measured)
    worst = max((plateau.others for plateau in measured), default=0.0)
    return Judgement((*figures, *([crossing] if crossing else [])), worst)


def _figures(expected: Expected, plateau: Plateau) -> list[Figure]:
    delays = [
        _figure(f"final delay p{share * 100:.0f}, ms", plateau, ms(said), ms(seen), low, high)
        for share, said in ((0.5, expected.p50_s), (0.95, expected.p95_s))
        for seen in (percentile(plateau.final_delays_s, share),)
        for low, high in (percentile_interval(plateau.final_delays_s, share),)
    ]
    others = [
        ("CPU s per audio s", expected.cpu_s_per_audio_s, plateau.cpu_s_per_audio_s),
        ("decodes per audio s", expected.decodes_per_audio_s, plateau.decodes_per_audio_s),
    ]
    return delays + [_figure(name, plateau, said, seen) for name, said, seen in others]


def _figure(
    name: str,
    plateau: Plateau,
    said: float,
    seen: float,
    low_s: float | None = None,
    high_s: float | None = None,
) -> Figure:
    low, high = seen * (1 - WITHIN), seen * (1 + WITHIN)
    if low_s is not None and high_s is not None:
        low, high = min(low, ms(low_s)), max(high, ms(high_s))
    return Figure(name, plateau.streams, said, seen, low, high, _is_void(plateau))


def _is_void(plateau: Plateau) -> bool:
    return plateau.others > OTHERS or plateau.generator_was_late


def _crossing(prediction: Prediction, measured: Sequence[Plateau]) -> Figure | None:
    """Where p95 crossed 300 ms, if it did between two plateaus or before the first."""
    late = [p for p in measured if percentile(p.final_delays_s, 0.95) > BUDGET_S]
    if not late or prediction.crossing is None:
        return None
    first = min(late, key=lambda plateau: plateau.streams)
    before = [p.streams for p in measured if p.streams < first.streams]
    low = max(before, default=0) - CROSSING_STREAMS
    return Figure(
        "streams at which p95 is beyond 300 ms",
        None,
        prediction.crossing,
        first.streams,
        low,
        first.streams + CROSSING_STREAMS,
        any(map(_is_void, measured)),
    )
