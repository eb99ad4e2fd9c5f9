"""What the model says of more streams than it was shown, written down before they are tried."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab_kit.audio.detect.vad import SpeechScorer
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.datasets import Clip
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.scale.callers import callers_of
from lab_kit.experiments.scale.fitting import no_turns
from lab_kit.experiments.scale.plateaus import (
    THINK_S,
    WARM_UP_S,
    Plateau,
    Server,
    full_service_only,
    hold,
)
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
        expected: of each number of streams that was asked for.
        crossing: the fewest streams at which p95 of the final delay is beyond 300 ms; None if that
            many were not tried.
    """

    costs: ServerCosts
    seconds: float
    expected: tuple[Expected, ...]
    crossing: int | None

    @property
    def places(self) -> int:
        """Streams that one server can be given before p95 of the final delay is beyond 300 ms."""
        return MOST_STREAMS if self.crossing is None else max(1, self.crossing - 1)

    def table(self) -> Table:
        """A row a number of streams."""
        rows = [
            (
                str(one.streams),
                f"{ms(one.p50_s):.0f}",
                f"{ms(one.p95_s):.0f}",
                f"{one.cpu_s_per_audio_s:.3f}",
                f"{one.decodes_per_audio_s:.2f}",
            )
            for one in self.expected
        ]
        told = (
            "is beyond it nowhere that was tried"
            if self.crossing is None
            else (f"is beyond it from {self.crossing} streams on")
        )
        head = ("", "p50 ms", "p95 ms", "CPU s per audio s", "decodes per audio s")
        note = f"Of the 300 ms: p95 of the final delay {told}."
        return Table("number of streams", head, rows, (note,))


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
        InvalidParameter: the streams are too short for a single turn.
    """

    def run(count: int) -> ServerRun:
        callers = callers_of(Stairs((count,), seconds), speech, THINK_S, count, new_scorer)
        served = serve(callers, costs, warm_up_s=min(WARM_UP_S, seconds / 3))
        if not served.final_delays_s:
            raise no_turns(seconds)
        return served

    expected = tuple(_expected(count, run(count)) for count in streams)
    return Prediction(costs, seconds, expected, _crossing(run))


async def tried(
    server: Server, prediction: Prediction, speech: Sequence[Clip], rounds: int = 1
) -> list[Plateau]:
    """Hold as many streams as were predicted, one number after the other, round by round.

    Raises:
        ConnectionFailed: the server is not there.
    """
    async with full_service_only(server):
        return [
            await hold(server, one.streams, prediction.seconds, list(speech))
            for _ in range(rounds)
            for one in prediction.expected
        ]


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
