"""One load, counted twice: at its callers from their stamps, and at the server by its own counters.

Both are right about what they see. What they see differs, and each row says in what.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.datasets import Clip
from lab_kit.experiments.load.call_plans import Stairs
from lab_kit.experiments.load.calling import call_all
from lab_kit.experiments.load.live_load import CallEnding, LiveLoad, TurnLimits
from lab_kit.experiments.objectives.counting import scrape
from lab_kit.experiments.objectives.server import Server
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import freshness_s, rtf
from lab_kit.measure.percentiles import percentile
from lab_kit.slo.histogram import quantile, share_within
from lab_kit.slo.terms import Sample

LIMITS = TurnLimits(final_delay_s=0.3, first_result_s=0.8)
"""Of a good turn: both are edges of the server's histograms."""
RIGHT_WER = 0.2
"""A turn of a canary is right with up to one wrong word in five."""
_CALM_S = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One indicator at both ends.

    Attributes:
        client, server: what it came to, in ``unit``; None where that end cannot know.
        why: in what the two differ.
    """

    name: str
    client: float | None
    server: float | None
    unit: str
    why: str


@dataclass(frozen=True)
class BothEnds:
    """The load, and what the server counted meanwhile.

    Attributes:
        grown: by how much each of the server's counters grew, by name and labels.
        peak: the server's own peak of open streams.
    """

    load: LiveLoad
    grown: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(repr=False)
    peak: float

    def counted(self, name: str, **labels: str) -> float:
        """How many the server counted of that name, whatever other labels they have."""
        wanted = set(labels.items())
        return sum(
            value
            for (at, found), value in self.grown.items()
            if at == name and wanted <= set(found)
        )

    def buckets(self, name: str) -> dict[float, float]:
        """One of the server's histograms, of all versions together."""
        found: dict[float, float] = {}
        for (at, labels), value in self.grown.items():
            if at == f"{name}_bucket":
                edge = float(dict(labels)["le"])
                found[edge] = found.get(edge, 0.0) + value
        return found

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every indicator."""
        return (*_delays(self), *_shares(self), *_amounts(self))

    @property
    def table(self) -> Table:
        """A line an indicator."""
        head = ("indicator", "at the callers", "at the server", "unit", "what differs")
        rows = [
            (one.name, _told(one.client, one.unit), _told(one.server, one.unit), one.unit, one.why)
            for one in self.rows
        ]
        return Table("indicator", head, rows, left=len(head))

    @property
    def right_in_time(self) -> tuple[float, float, float]:
        """Shares of turns: in time; right; both."""
        turns = self.load.turns
        in_time = [turn.is_good(self.load.limits) for turn in turns]
        right = [
            bool(turn.delays.heard)
            and word_error_rate(turn.delays.spoken.text, turn.delays.heard) <= RIGHT_WER
            for turn in turns
        ]
        both = [a and b for a, b in zip(in_time, right, strict=True)]
        return tuple(sum(each) / max(1, len(turns)) for each in (in_time, right, both))  # type: ignore[return-value]


async def both_ends(
    server: Server, clips: Sequence[Clip], callers: int = 4, seconds: float = 24.0
) -> BothEnds:
    """Have callers speak, and count at both ends.

    The clips' words are known, so that they are the canary set, too.

    Raises:
        LabError: the server cannot be reached.
    """
    before = _by_series(await scrape(server.url))
    load = await call_all(server, Stairs((callers,), seconds), clips, limits=LIMITS)
    await asyncio.sleep(_CALM_S)  # a stream is counted when it has ended
    after = await scrape(server.url)
    grown = {key: value - before.get(key, 0.0) for key, value in _by_series(after).items()}
    peak = max((one.value for one in after if one.name == "lab_streams_peak"), default=0.0)
    return BothEnds(load, grown, peak)


def _delays(both: BothEnds) -> tuple[Row, ...]:
    load = both.load
    ages = [age for call in load.served for age in freshness_s(call.call)]
    gaps = load.gaps_s
    return (
        Row(
            "final delay, p95",
            _p95(load.final_delays_s),
            _server_p95(both, "lab_final_delay_seconds"),
            "s",
            "network and reading; true end of speech against the detector's; a bucket's width",
        ),
        Row(
            "time to first result, p95",
            _p95(load.first_results_s),
            _server_p95(both, "lab_first_result_seconds"),
            "s",
            "the callers count by utterance, the server by segment",
        ),
        Row(
            "freshness, p95",
            _p95(ages),
            _server_p95(both, "lab_result_age_seconds"),
            "s",
            "the callers ask ten times a second, the server when it has just told something",
        ),
        Row(
            "gap between results, p95",
            _p95(gaps),
            None,
            "s",
            "the server counts what it told, not how long it was silent",
        ),
        Row(
            "jitter of gaps, p95 less p50",
            percentile(gaps, 0.95) - percentile(gaps, 0.5) if gaps else None,
            None,
            "s",
            "the same",
        ),
    )


def _shares(both: BothEnds) -> tuple[Row, ...]:
    load, ended = both.load, both.load.ended
    calls = len(load.calls)
    broken = ended(CallEnding.BROKEN) + ended(CallEnding.STALLED)
    served, failed, refused, left = (
        both.counted("lab_stream_outcomes_total", outcome=outcome)
        for outcome in ("served", "failed", "refused", "left")
    )
    known = served + failed + refused
    _, right, _ = both.right_in_time
    limit_s = load.limits.final_delay_s
    finals = both.buckets("lab_final_delay_seconds")
    return (
        Row(
            f"finals within {limit_s:g} s",
            sum(delay_s <= limit_s for delay_s in load.final_delays_s) / max(1, len(load.turns)),
            _or_none(finals, limit_s),
            "share",
            "a final that never came is late for its caller; the server has to count it by itself",
        ),
        Row(
            "availability",
            ended(CallEnding.COMPLETE) / max(1, calls),
            served / known if known else None,
            "share",
            "a caller who never got through is not in the server's figures",
        ),
        Row(
            "drop rate",
            broken / max(1, calls),
            failed / (served + failed + left) if served + failed + left else None,
            "share",
            f"the server cannot tell a lost line from a client that left ({left:g})",
        ),
        Row("canary turns right", right, None, "share", "a server does not know what was said"),
    )


def _amounts(both: BothEnds) -> tuple[Row, ...]:
    load = both.load
    minutes = load.plan.seconds / 60
    sound_s = sum(call.call.audio_s for call in load.served)
    counted_s = both.counted("lab_audio_seconds_total", kind="stream")
    rtfs = sum(rtf(call.call) * call.call.audio_s for call in load.served)
    in_time = both.buckets("lab_final_delay_seconds").get(load.limits.final_delay_s, 0.0)
    return (
        Row(
            "goodput",
            load.goodput_per_min,
            in_time / minutes,
            "per min",
            "the callers ask for first results in time, too; the server counts each by itself",
        ),
        Row(
            "real-time factor",
            rtfs / sound_s if sound_s else None,
            both.counted("lab_compute_seconds_total", kind="stream") / counted_s
            if counted_s
            else None,
            "s per s",
            "the server's has decodes that were dropped before they told anything",
        ),
        Row(
            "peak concurrency",
            float(load.peak_streams),
            both.peak,
            "streams",
            "counted at each change at both ends; of the last minute at the server",
        ),
    )


def _by_series(
    samples: Sequence[Sample],
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for one in samples}


def _p95(values: Sequence[float]) -> float | None:
    return percentile(values, 0.95) if values else None


def _server_p95(both: BothEnds, name: str) -> float | None:
    buckets = both.buckets(name)
    return quantile(buckets, 0.95) if buckets.get(math.inf) else None


def _or_none(buckets: dict[float, float], edge: float) -> float | None:
    return share_within(buckets, edge) if buckets.get(math.inf) else None


def _told(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if math.isinf(value):
        return "never"
    if unit == "share":
        return percent(value, 1)
    return f"{value:.3f}" if unit in ("s", "s per s") else f"{value:.0f}"
