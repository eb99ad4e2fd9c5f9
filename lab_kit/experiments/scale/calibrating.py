"""Measures a server with few streams, so that a model can say what more of them will see."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import psutil

from lab_kit import client
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import RequestCall
from lab_kit.core.units import samples
from lab_kit.datasets import Clip
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.scale.callers import callers_of
from lab_kit.experiments.scale.contention import contention
from lab_kit.experiments.scale.fitting import Calibration, Single
from lab_kit.experiments.scale.plateaus import (
    OPTIONS,
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
SILENT, IDLE_S = 8, 3.0


class Transcriber(Server, Protocol):
    """A server that also takes recordings, such as a bench."""

    async def transcribe(self, clip: Clip) -> RequestCall: ...


async def calibrate(
    server: Transcriber,
    speech: Sequence[Clip],
    seconds: float,
    streams: Sequence[int] = STREAMS,
) -> Calibration:
    """Recordings one by one, silence, then so many streams, each for so long.

    Raises:
        ConnectionFailed: the server is not there.
        ModelStoreError: the weights of voice activity are missing.
    """
    singles = [await _quickest(server, clip) for clip in speech]
    async with full_service_only(server):
        idle_cpu_s = await _idle(server, IDLE_S)
        sound_cpu_s = await _silence(server, seconds / 2) - idle_cpu_s / SILENT
        plateaus = [await hold(server, count, seconds, list(speech)) for count in streams]
    heard = [
        tuple(callers_of(Stairs((count,), seconds), speech, THINK_S, count)) for count in streams
    ]
    return Calibration(
        singles=tuple(singles),
        contention=contention(usable_cores()),
        sound_cpu_s=max(0.0, sound_cpu_s),
        idle_cpu_s=idle_cpu_s,
        plateaus=tuple(plateaus),
        callers=tuple(heard),
        warm_up_s=min(WARM_UP_S, seconds / 3),
        cores=usable_cores(),
    )


async def _quickest(server: Transcriber, clip: Clip) -> Single:
    """The clip's time on the device."""
    took_s = []
    for _ in range(TRIES):
        call = await server.transcribe(clip)
        took_s.append((call.remote_ns["finished"] - call.remote_ns["started"]) / 1e9)
    return Single(clip.duration_s, len(clip.words), min(took_s))


async def _idle(server: Transcriber, seconds: float) -> float:
    """Processor time of the server in a second in which nobody is there."""
    before_s = _cpu_s(server)
    await asyncio.sleep(seconds)
    return (_cpu_s(server) - before_s) / seconds


async def _silence(server: Transcriber, seconds: float) -> float:
    """Processor time of the server for a second of a stream in which nobody speaks."""
    quiet = PacedRecording("silence", np.zeros(samples(seconds), np.float32))
    before_s = _cpu_s(server)
    await asyncio.gather(
        *(client.stream(server.url, quiet, OPTIONS, server.key) for _ in range(SILENT))
    )
    return (_cpu_s(server) - before_s) / (SILENT * seconds)


def _cpu_s(server: Transcriber) -> float:
    """Processor time of the server until now."""
    spent = psutil.Process(server.pid).cpu_times()
    return float(spent.user + spent.system)
