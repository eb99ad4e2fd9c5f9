"""How much longer work takes while every core works: cores share memory, and often their units.

Two virtual processors may be one core's two threads. Then each gets more than half of it and less
than all, and the system's account shows it as more processor time for the same work.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

VALUES, ROUNDS = 200_000, 400
"""As much as a window's activations, so that it lies in a core's own memory; a tenth of a second
and more, which the system's account can tell."""
TRIES = 3


def contention(cores: int) -> float:
    """How many times as much processor time the same work takes on all cores as on one."""
    alone_s = min(_work_s() for _ in range(TRIES))
    with ThreadPoolExecutor(cores) as pool:
        beside = [
            max(found.result() for found in [pool.submit(_work_s) for _ in range(cores)])
            for _ in range(TRIES)
        ]
    return max(1.0, min(beside) / alone_s)


def _work_s() -> float:
    """Processor time of this thread for some arithmetic, in which numpy holds no lock."""
    values = np.linspace(-1, 1, VALUES, dtype=np.float32)
    began_s = time.thread_time()
    for _ in range(ROUNDS):
        np.exp(values)
    return time.thread_time() - began_s
