"""Threads that a server does not start itself: numpy's spin for work on cores that it needs."""

import os
import subprocess
import sys

import pytest
from hang import HANG_S

NAME = "OPENBLAS_NUM_THREADS"
COUNT = """
import os
import lab_kit.gateway.run.process
import numpy
numpy.ones((900, 900)) @ numpy.ones((900, 900))
print(len(os.listdir("/proc/self/task")))
"""


def threads(**chosen: str) -> int:
    """How many a process has that is ready to serve and has multiplied matrices."""
    rest = {name: value for name, value in os.environ.items() if name != NAME}
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=rest | chosen,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_S,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread")
def test_numpy_gets_none_unless_somebody_wants_them() -> None:
    assert threads() == threads(**{NAME: "1"}) < threads(**{NAME: "2"})
