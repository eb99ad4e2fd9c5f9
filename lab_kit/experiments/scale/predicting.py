"""What the model says of more streams than it was shown, written down before they are tried."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab_kit.audio.detect.vad import SpeechScorer
from lab_kit.core.units import BUDGET_S
from lab_kit.datasets import Clip
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.scale.callers import callers_of
from lab_kit.experiments.scale.plateaus import THINK_S, WARM_UP_S
from lab_kit.measure.percentiles import percentile
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.server import ServerRun, serve

STREAMS = (24, 32, 42)
MOST_STREAMS = 160
"""Beyond it two cores are several times full, whatever they are."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What so many streams are expected to see and to cost."""

    streams: int
    p50_s: float
    p95_s: float
    cpu_s_per_audio_s: float
    decodes_per_audio_s: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """All of it, with what it was made from.

    Attributes:
        crossing: the fewest streams at which p95 of the final delay is beyond 300 ms; None if that
            many were not tried.
    """

    costs: ServerCosts
    seconds: float
    expected: tuple[Expected, ...]
    crossing: int | None


def predict(
    costs: ServerCosts,
    speech: Sequence[Clip],
    seconds: float,
    streams: Sequence[int] = STREAMS,
    new_scorer: Callable[[], SpeechScorer] | None = None,
) -> Prediction:
    """Have the same callers speak to the model as will speak to the server.

    Raises:
        ModelNotLoaded: Silero's graph is not installed, and no scorer was given.
    """

    def run(count: int) -> ServerRun:
        callers = callers_of(Stairs((count,), seconds), speech, THINK_S, count, new_scorer)
        return serve(callers, costs, warm_up_s=min(WARM_UP_S, seconds / 3))

    expected = tuple(_expected(count, run(count)) for count in streams)
    return Prediction(costs, seconds, expected, _crossing(run))


def keep(prediction: Prediction, file: Path) -> None:
    """Write it down.

    Raises:
        OSError: the file cannot be written.
    """
    file.write_text(json.dumps(asdict(prediction), indent=1) + "\n", "utf-8")


def _expected(streams: int, run: ServerRun) -> Expected:
    return Expected(
        streams=streams,
        p50_s=percentile(run.final_delays_s, 0.5),
        p95_s=percentile(run.final_delays_s, 0.95),
        cpu_s_per_audio_s=run.cpu_s_per_audio_s,
        decodes_per_audio_s=run.decodes_per_audio_s,
    )


def _crossing(run: Callable[[int], ServerRun]) -> int | None:
    """By halving, as more streams are not better served than fewer."""

    def is_late(streams: int) -> bool:
        return percentile(run(streams).final_delays_s, 0.95) > BUDGET_S

    good, late = 0, MOST_STREAMS
    if not is_late(late):
        return None
    while late - good > 1:
        middle = (good + late) // 2
        good, late = (good, middle) if is_late(middle) else (middle, late)
    return late
