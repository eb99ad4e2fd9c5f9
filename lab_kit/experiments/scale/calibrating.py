"""Measures a server with few streams, so that a model can say what more of them will see."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from lab_kit.core.call_record import RequestCall
from lab_kit.datasets import Clip
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.scale.callers import callers_of
from lab_kit.experiments.scale.fitting import Calibration, Single
from lab_kit.experiments.scale.plateaus import (
    THINK_S,
    WARM_UP_S,
    Server,
    full_service_only,
    hold,
)
from lab_kit.models.device import usable_cores

STREAMS = (1, 8, 16)
TRIES = 3
"""Of each recording, of which the quickest counts: what a moment's other load added is no cost."""


class Transcriber(Server, Protocol):
    """A server that also takes recordings, such as a bench."""

    async def transcribe(self, clip: Clip) -> RequestCall: ...


async def calibrate(
    server: Transcriber,
    speech: Sequence[Clip],
    seconds: float,
    streams: Sequence[int] = STREAMS,
) -> Calibration:
    """Recordings one by one and in pairs, then so many streams, each for so long.

    Raises:
        ConnectionFailed: the server is not there.
        ModelStoreError: the weights of voice activity are missing.
    """
    singles = [await _quickest(server, clip) for clip in speech]
    pairs = [await _quickest(server, clip, beside=1) for clip in speech]
    async with full_service_only(server):
        plateaus = [await hold(server, count, seconds, list(speech)) for count in streams]
    heard = [
        tuple(callers_of(Stairs((count,), seconds), speech, THINK_S, count)) for count in streams
    ]
    return Calibration(
        singles=tuple(singles),
        pairs=tuple(pairs),
        plateaus=tuple(plateaus),
        callers=tuple(heard),
        warm_up_s=min(WARM_UP_S, seconds / 3),
        cores=usable_cores(),
    )


async def _quickest(server: Transcriber, clip: Clip, beside: int = 0) -> Single:
    """The clip's time on the device, with so many of the same at the same moment."""
    took_s = []
    for _ in range(TRIES):
        calls = await asyncio.gather(*(server.transcribe(clip) for _ in range(1 + beside)))
        took_s += [(c.remote_ns["finished"] - c.remote_ns["started"]) / 1e9 for c in calls]
    return Single(clip.duration_s, len(clip.words), min(took_s))
