"""Starts a process by a recipe and takes its time apart."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_kit.core.call_record import StageSpan
from lab_kit.core.errors import ServerFailed
from lab_kit.core.units import seconds
from lab_kit.experiments.cold_start.recipes import MOONSHINE, WHISPER, Recipe
from lab_kit.experiments.cold_start.worker import DEVICE, FIRST, PHASES
from lab_kit.measure.percentiles import percentile
from lab_kit.models.store.store import ModelStore

STEADY = 5
"""Inferences after the first; their median is what callers get later on."""
_MODULE = ("-m", "lab_kit.experiments.cold_start.worker")


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One start.

    Attributes:
        phases: one after the other, from the moment that somebody wanted an answer.
        steady_s: median of the inferences after the first.
        device: where the model really ran, as on a plot.
    """

    recipe: Recipe
    phases: tuple[StageSpan, ...]
    steady_s: float
    device: str

    @property
    def answer_s(self) -> float:
        """From wanting an answer to having it."""
        return self.phases[-1].end_s

    @property
    def ready_s(self) -> float:
        """From nothing to a process that could answer, but never has."""
        return self.phases[-1].start_s

    @property
    def first_s(self) -> float:
        """The first inference, which somebody waits for unless it is made before anybody comes."""
        return self.phases[-1].length_s


def measure(recipe: Recipe, gpu: str | None = None) -> ColdStart:
    """Start a process by the recipe, and stop it.

    Args:
        gpu: run on the GPU of this name; default where `choose_device` says.

    Raises:
        ServerFailed: it did not come to an answer; what it said is in the error.
        ModelStoreError: its weights are not here; run ``lab models pull``.
    """
    with ExitStack() as stack:
        if recipe.is_disk_cold:
            _drop_from_page_cache(recipe)
        folder = stack.enter_context(tempfile.TemporaryDirectory()) if recipe.is_build_new else None
        worker = stack.enter_context(_Worker.started(recipe.runtime, folder, gpu))
        lengths_ns = worker.answer()
        device = str(lengths_ns.pop(DEVICE))
        if recipe.is_waiting:
            lengths_ns = {FIRST: worker.ask()}
        steady_s = percentile([seconds(worker.ask()) for _ in range(STEADY)], 0.5)
    return ColdStart(recipe, tuple(_in_a_row(lengths_ns)), steady_s, device)


class _Worker:
    """The process, from the parent's side."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    @contextmanager
    def started(
        cls, runtime: str, build_folder: str | None, gpu: str | None
    ) -> Iterator["_Worker"]:
        environment = dict(os.environ)
        if build_folder is not None:
            # here and not above: the worker imports this module, and should not pay for that one
            from lab_kit.models.store.kept import FOLDER_VARIABLE

            environment[FOLDER_VARIABLE] = build_folder
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with log.open("w") as errors:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        *_MODULE,
                        runtime,
                        "--began-ns",
                        str(time.perf_counter_ns()),
                        *(() if gpu is None else ("--gpu", gpu)),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env=environment,
                    start_new_session=True,
                )
            try:
                yield cls(process, log)
            finally:
                process.communicate()  # closes its input, which ends it

    def ask(self) -> int:
        """Want one answer; the nanoseconds until it was there."""
        assert self._process.stdin is not None
        began_ns = time.perf_counter_ns()
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.answer()
        return time.perf_counter_ns() - began_ns

    def answer(self) -> dict[str, Any]:
        """Its next line.

        Raises:
            ServerFailed: it ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
            raise ServerFailed("the process ended before it answered", "an answer", said)
        return dict(json.loads(line))


def _in_a_row(lengths_ns: dict[str, int]) -> Iterator[StageSpan]:
    end_s = 0.0
    for name in PHASES:
        if lengths_ns.get(name):
            start_s, end_s = end_s, end_s + seconds(lengths_ns[name])
            yield StageSpan(name, start_s, end_s)


def _drop_from_page_cache(recipe: Recipe) -> None:
    """Ask the operating system to forget the weights; where it cannot be asked, say so.

    Raises:
        ServerFailed: there is no such request here, so a cold disk cannot be measured.
    """
    if not hasattr(os, "posix_fadvise"):
        raise ServerFailed(
            f"a start from a cold disk on {sys.platform}",
            "a system that can be asked to forget a file",
            "leave this recipe out here",
        )
    model = MOONSHINE if recipe.runtime == MOONSHINE else WHISPER
    for path in ModelStore().path(model).paths.values():
        with path.open("rb") as file:
            # pages that are not on disk yet could not be dropped
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
