"""What the model's graphs cost by themselves: encoding, and decoder passes of one and of several.

Timed in this process, where the runtime computes on the calling thread: that thread's processor
time stays the same when others use the machine, which no clock does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import Moonshine, warm_up
from lab_kit.models.store.store import ModelStore

WINDOW_S = 3.0
"""About what is decoded in the middle of a sentence; encoding costs in proportion to it."""
TOGETHER, DRAFTED, TRIES = 4, 10, 15
"""Sequences in a shared pass, tokens of a draft, and times that each is computed."""


@dataclass(frozen=True, slots=True)
class PassCosts:
    """Processor seconds.

    Attributes:
        encode: for each second of window.
        passes: for a decoder pass of one sequence.
        row: for each further sequence in it.
        drafted: for each drafted token that is checked in it.
    """

    encode: float
    passes: float
    row: float
    drafted: float


def pass_costs(speech: Sequence[Clip]) -> PassCosts:
    """Time the graphs that the server serves.

    Raises:
        ModelStoreError: the weights are missing.
    """
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, choose_device())
    warm_up(model)
    sound = np.concatenate([clip.samples for clip in speech])[: round(WINDOW_S * SAMPLE_RATE_HZ)]
    encoded = model.encode(sound)
    draft = tuple(range(100, 100 + DRAFTED))
    encode_s = _cpu_s(lambda: model.encode(sound))
    one_s = _cpu_s(lambda: model.prefill([encoded], ()))
    several_s = _cpu_s(lambda: model.prefill([encoded] * TOGETHER, ()))
    drafted_s = _cpu_s(lambda: model.prefill([encoded], draft))
    return PassCosts(
        encode=encode_s / (len(sound) / SAMPLE_RATE_HZ),
        passes=one_s,
        row=max(0.0, several_s - one_s) / (TOGETHER - 1),
        drafted=max(0.0, drafted_s - one_s) / DRAFTED,
    )


def _cpu_s(work: Callable[[], object]) -> float:
    """Processor time of this thread, the median of several."""
    took_s = []
    for _ in range(TRIES):
        began_s = time.thread_time()
        work()
        took_s.append(time.thread_time() - began_s)
    return median(took_s)
