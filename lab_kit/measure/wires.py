"""What a wire costs, as figures of one call; and how late audio reached the server."""

from dataclasses import dataclass

from lab_kit.core.call_record import StreamCall
from lab_kit.core.events import Final, Interim
from lab_kit.measure.calls import utterance_delays
from lab_kit.measure.percentiles import percentile


@dataclass(frozen=True, slots=True)
class WireFigures:
    """One call over one wire; None where a result never came, or nobody counted.

    Attributes:
        setup_s: first step of connecting until audio could be sent.
        up_bytes_per_s, down_bytes_per_s: seen on the wire, per second of audio, set-up included.
        first_result_s, final_delay_s: median over the utterances.
    """

    wire: str
    setup_s: float
    up_bytes_per_s: float | None
    down_bytes_per_s: float | None
    first_result_s: float | None
    final_delay_s: float | None


def wire_figures(call: StreamCall) -> WireFigures:
    """The figures of a call."""
    delays = utterance_delays(call)
    traffic = call.traffic
    return WireFigures(
        wire=call.wire,
        setup_s=call.setup_s,
        up_bytes_per_s=None if traffic is None else traffic.up_bytes / call.audio_s,
        down_bytes_per_s=None if traffic is None else traffic.down_bytes / call.audio_s,
        first_result_s=_median([d.first_result_s for d in delays]),
        final_delay_s=_median([d.final_delay_s for d in delays]),
    )


def audio_lags_s(call: StreamCall) -> list[tuple[float, float]]:
    """For each result: the audio that it needed, and how late that reached the server, in seconds.

    Zero is when the sound was due. Only moments that led to a result are seen.
    """
    seen = [r.event.timing for r in call.received if isinstance(r.event, Interim | Final)]
    return [
        (
            timing.trigger_audio_s,
            (call.clock.to_local(timing.received_ns) - call.due_ns(timing.trigger_audio_s)) / 1e9,
        )
        for timing in seen
    ]


def stall_s(call: StreamCall) -> float | None:
    """How much later than usual the latest audio came: its lag above the median; None if unseen.

    Delay moves every lag, a stall only some: this is what waiting behind a lost packet costs.
    """
    lags = [lag_s for _, lag_s in audio_lags_s(call)]
    return max(lags) - percentile(lags, 0.5) if lags else None


def _median(delays_s: list[float | None]) -> float | None:
    """None counts as infinitely late."""
    if not delays_s:
        return None
    ordered = [float("inf") if delay is None else delay for delay in delays_s]
    value = percentile(ordered, 0.5)
    return None if value == float("inf") else value
