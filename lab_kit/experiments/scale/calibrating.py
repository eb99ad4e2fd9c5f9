"""Measures a server with few streams, so that a model can say what more of them will see."""

import asyncio
from collections.abc import Sequence

import numpy as np
import psutil

from lab_kit import client
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.units import samples
from lab_kit.datasets import Clip
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.scale.callers import callers_of
from lab_kit.experiments.scale.contention import contention
from lab_kit.experiments.scale.fitting import Calibration
from lab_kit.experiments.scale.passes import pass_costs
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
SILENT, IDLE_S = 8, 3.0


async def calibrate(
    server: Server,
    speech: Sequence[Clip],
    seconds: float,
    streams: Sequence[int] = STREAMS,
) -> Calibration:
    """The graphs by themselves, silence, then so many streams, each for so long.

    Raises:
        ConnectionFailed: the server is not there.
        ModelStoreError: the weights of voice activity are missing.
    """
    passes = pass_costs(speech)
    async with full_service_only(server):
        idle_cpu_s = await _idle(server, IDLE_S)
        sound_cpu_s = await _silence(server, seconds / 2) - idle_cpu_s / SILENT
        plateaus = [await hold(server, count, seconds, list(speech)) for count in streams]
    heard = [
        tuple(callers_of(Stairs((count,), seconds), speech, THINK_S, count)) for count in streams
    ]
    return Calibration(
        passes=passes,
        contention=contention(usable_cores()),
        sound_cpu_s=max(0.0, sound_cpu_s),
        idle_cpu_s=idle_cpu_s,
        plateaus=tuple(plateaus),
        callers=tuple(heard),
        warm_up_s=min(WARM_UP_S, seconds / 3),
        cores=usable_cores(),
    )


async def _idle(server: Server, seconds: float) -> float:
    """Processor time of the server in a second in which nobody is there."""
    before_s = _cpu_s(server)
    await asyncio.sleep(seconds)
    return (_cpu_s(server) - before_s) / seconds


async def _silence(server: Server, seconds: float) -> float:
    """Processor time of the server for a second of a stream in which nobody speaks."""
    quiet = PacedRecording("silence", np.zeros(samples(seconds), np.float32))
    before_s = _cpu_s(server)
    await asyncio.gather(
        *(client.stream(server.url, quiet, OPTIONS, server.key) for _ in range(SILENT))
    )
    return (_cpu_s(server) - before_s) / (SILENT * seconds)


def _cpu_s(server: Server) -> float:
    """Processor time of the server until now."""
    spent = psutil.Process(server.pid).cpu_times()
    return float(spent.user + spent.system)
