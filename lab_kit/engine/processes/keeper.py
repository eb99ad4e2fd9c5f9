"""Keeps so many engine processes alive: starts them, ends those that hang, replaces the ended.

It never speaks with them. A process that is warm puts its socket into the folder and touches it
with every pulse; one that does not is killed. How callers get over what is between is the `group`'s
affair.
"""

import logging
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic

from lab_kit.core.errors import LabError, ServerFailed

_log = logging.getLogger(__name__)

MODULE = "lab_kit.engine.processes.process"
LOOK_S = 0.05
START_S = 60.0
"""As long as a server may take to be ready: a cold disk, or a graph to be compiled."""
HUNG_S = 3.0
"""Longer than groups wait, who only leave it; this kills it."""
FAILED_STARTS = 3
"""So many, one after the other, that ended before they were ready: the next would, too."""
STOP_S = 10.0


@dataclass(slots=True)
class Process:
    """One engine process.

    Attributes:
        beat: of its socket, when it last differed; 0 until there is one.
        beat_s: when that was seen.
    """

    process: "subprocess.Popen[bytes]"
    socket: Path
    beat: int = 0
    beat_s: float = 0.0


class Keeper:
    """Starts at once, on a thread of its own.

    Args:
        folder: where the sockets are; nobody else may read it, and `stop` removes it.
        arguments: of `MODULE`, but for its socket.
        processes: how many there are to be, those that stand by included.
        ended: called, on the keeper's thread, when one has ended that was not asked to.
        gave_up: likewise, when starting failed too often.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        processes: int,
        ended: Callable[[], None],
        gave_up: Callable[[LabError], None],
    ) -> None:
        self._folder = folder
        self._arguments = arguments
        self._wanted = processes
        self._tell_ended = ended
        self._gave_up = gave_up
        self._numbers = count(1)
        self._processes: list[Process] = []
        self._failed_starts = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._thread.start()

    @property
    def pids(self) -> dict[str, int]:
        """Of the processes, by their sockets' names, the oldest first."""
        return {one.socket.name: one.process.pid for one in list(self._processes)}

    def stop(self) -> None:
        """End all processes; returns when they have."""
        self._stopping.set()
        self._thread.join()
        for one in self._processes:
            one.process.terminate()
        for one in self._processes:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(STOP_S)
            _end(one)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        looked_s = monotonic()
        while not self._stopping.is_set():
            now_s = monotonic()
            # a keeper that was late itself has not seen what happened meanwhile
            self._look(now_s, is_late=now_s - looked_s > HUNG_S / 2)
            looked_s = now_s
            if self._failed_starts >= FAILED_STARTS:
                self._give_up()
                return
            self._stopping.wait(LOOK_S)

    def _look(self, now_s: float, *, is_late: bool) -> None:
        for one in list(self._processes):
            if one.process.poll() is not None:
                self._ended(one)
            elif is_late:
                one.beat_s = now_s
            elif self._is_hung(one, now_s):
                _log.error("engine process %d hangs; it is killed", one.process.pid)
                one.process.kill()
        while len(self._processes) < self._wanted and self._failed_starts < FAILED_STARTS:
            self._processes.append(self._start(now_s))

    def _is_hung(self, one: Process, now_s: float) -> bool:
        try:
            beat = one.socket.stat().st_mtime_ns
        except FileNotFoundError:  # not ready yet, or it leaves and answers what it was asked
            return now_s - one.beat_s > START_S
        if beat != one.beat:
            one.beat, one.beat_s = beat, now_s
            self._failed_starts = 0
        return now_s - one.beat_s > HUNG_S

    def _start(self, now_s: float) -> Process:
        socket = self._folder / f"{next(self._numbers):06}.sock"
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *self._arguments, "--socket", str(socket)],
            stdin=subprocess.PIPE,
        )
        return Process(process, socket, beat_s=now_s)

    def _ended(self, one: Process) -> None:
        status = one.process.returncode
        (_log.info if status == 0 else _log.error)(
            "engine process %d ended with %d; another is started", one.process.pid, status
        )
        if status != 0:
            self._tell_ended()
        self._failed_starts += one.beat == 0
        self._processes.remove(one)
        _end(one)

    def _give_up(self) -> None:
        error = ServerFailed(
            f"{FAILED_STARTS} engine processes ended before they were ready",
            "one that loads the version",
            "see the server's log for what they said",
        )
        _log.critical("%s", error)
        self._gave_up(error)


def _end(one: Process) -> None:
    """Leave nothing of it: a socket that nobody answers would be tried."""
    one.process.kill()
    one.process.wait()
    if one.process.stdin is not None:
        one.process.stdin.close()
    one.socket.unlink(missing_ok=True)
