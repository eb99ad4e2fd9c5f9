"""What a caller says: clips with pauses to think between them, as one recording with its truth."""

import random
from collections.abc import Sequence

import numpy as np

from lab_kit.audio.sources.recordings import DEFAULT_CHUNK_S, PacedRecording
from lab_kit.core.call_record import Spoken
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip

SHORTEST_PAUSE_S = 0.5
"""Long enough to be an endpoint of its own, whatever endpointing is measured with."""
TAIL_S = 1.0
"""Silence at the end, so that the last word is followed by an endpoint too."""


def speaking(
    clips: Sequence[Clip],
    seconds: float,
    think_s: float,
    seed: int,
    chunk_s: float = DEFAULT_CHUNK_S,
) -> PacedRecording:
    """Clips in an order drawn from ``seed``, as many whole ones as fit into ``seconds``, or one.

    A caller is one voice in one room: all clips of a call come from the same source.

    Args:
        think_s: mean of the pauses between them, which are exponential above the shortest.

    Raises:
        InvalidParameter: no clips.
    """
    if not clips:
        raise InvalidParameter(
            "no clips", "something to say", "pass at least one clip, such as datasets.clips()"
        )
    chance = random.Random(seed)
    voice = chance.choice(clips).source
    own = [clip for clip in clips if clip.source == voice]
    pieces: list[np.ndarray] = []
    spoken: list[Spoken] = []
    at_s = 0.0
    while True:
        clip = chance.choice(own)
        if pieces and at_s + clip.duration_s + TAIL_S > seconds:
            break
        spoken += [Spoken(u.text, at_s + u.start_s, at_s + u.end_s) for u in clip.utterances()]
        pause = samples(SHORTEST_PAUSE_S + chance.expovariate(1 / max(think_s, 1e-6)))
        pieces += [clip.samples, np.zeros(pause, np.float32)]
        at_s += (len(clip.samples) + pause) / SAMPLE_RATE_HZ
    pieces[-1] = np.zeros(samples(TAIL_S), np.float32)
    return PacedRecording(f"caller {seed}", np.concatenate(pieces), tuple(spoken), chunk_s)
