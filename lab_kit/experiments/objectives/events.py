"""A load as raw events, one for each utterance somebody said: what any figure is made of."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from lab_kit.experiments.load.live_load import LiveLoad, turns_of


@dataclass(frozen=True, slots=True)
class SaidEvent:
    """One utterance and what came of it, in seconds of the run.

    Attributes:
        call: which call it is of, by a number.
        ended: how the call ended: complete, refused, broken or stalled.
        onset_s, end_s: when its first word was due to begin, and its last to end.
        first_s: when the first words of it came; None if none did.
        finals_s: when its finals came, in order; more than one where it was heard as several
            segments.
    """

    call: int
    ended: str
    onset_s: float
    end_s: float
    first_s: float | None
    finals_s: tuple[float, ...]


def raw_events(load: LiveLoad) -> list[dict[str, Any]]:
    """Every utterance that was offered, as a dict with the names of `SaidEvent`."""
    found = []
    for number, offered in enumerate(load.calls):
        for turn in turns_of(offered.call):
            spoken = turn.delays.spoken
            zero_s = (offered.call.started_ns - load.began_ns) / 1e9
            onset_s, end_s = zero_s + spoken.start_s, zero_s + spoken.end_s
            first_s = onset_s + turn.first_result_s
            final_s = end_s + turn.final_delay_s
            found.append(
                SaidEvent(
                    number,
                    offered.ending.value,
                    onset_s,
                    end_s,
                    first_s if math.isfinite(first_s) else None,
                    (final_s,) if math.isfinite(final_s) else (),
                )
            )
    return [asdict(one) for one in found]
