"""What several workers on the same weights cost in memory: a copy each, or one mapping for all.

A worker that reads its weights owns them; one that maps the file uses the operating system's page
cache, which all workers on the machine have in common. What counts is the proportional share
(PSS): a page that two processes map counts half in each.

Source: the Linux kernel's documentation of /proc/PID/smaps.
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from lab_kit.core.errors import ServerFailed

_MODULE = "lab_kit.experiments.cold_start.memory_worker"


@dataclass(frozen=True, slots=True)
class WorkersMemory:
    """Workers that run at the same time.

    Attributes:
        is_mapped: they map the weights; else each has read its own copy.
        weights_bytes: the file's size.
        proportional_bytes: each worker's proportional share, weights and all else.
        load_s: how long each took to have its weights in place.
    """

    is_mapped: bool
    weights_bytes: int
    proportional_bytes: tuple[int, ...]
    load_s: tuple[float, ...]

    @property
    def total_bytes(self) -> int:
        """All workers together."""
        return sum(self.proportional_bytes)


def shared_memory(workers: int = 2) -> tuple[WorkersMemory, WorkersMemory]:
    """Run Whisper in ``workers`` processes, first with a copy each, then mapping one file.

    Raises:
        ServerFailed: a worker failed, or the system does not tell proportional shares.
    """
    with TemporaryDirectory(prefix="lab-weights-") as folder:
        file = f"{folder}/weights.pt"
        _finished(_launch("write", file))
        return _together(workers, file, "copy"), _together(workers, file, "map")


def _together(workers: int, file: str, how: str) -> WorkersMemory:
    """Start all, wait until all have inferred, then let each look at itself."""
    with ExitStack() as stack:
        running = [stack.enter_context(_launch(how, file)) for _ in range(workers)]
        loaded = [_line(worker) for worker in running]
        sizes = []
        for worker in running:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
            sizes.append(_line(worker)["proportional_bytes"])
        for worker in running:
            _finished(worker)
    return WorkersMemory(
        how == "map",
        loaded[0]["weights_bytes"],
        tuple(sizes),
        tuple(one["load_s"] for one in loaded),
    )


def _launch(how: str, file: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", _MODULE, how, file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _line(worker: "subprocess.Popen[str]") -> dict[str, Any]:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise ServerFailed(
            f"a worker ended with code {worker.wait()}",
            "a line of JSON",
            "read what the worker printed above",
        )
    return dict(json.loads(line))


def _finished(worker: "subprocess.Popen[str]") -> None:
    worker.communicate()
    if worker.returncode:
        raise ServerFailed(
            f"a worker ended with code {worker.returncode}",
            "0",
            "read what the worker printed above",
        )
