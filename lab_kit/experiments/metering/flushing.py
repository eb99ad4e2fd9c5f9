"""Three ways to write a line down, and what is left of each when the writer is killed.

Each writer is a process of its own that says how many lines it holds for written. It is killed
with SIGKILL in the middle of its work, and the file is read afterwards.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.errors import ServerFailed
from lab_kit.core.table import Table

WAYS = {
    "kept in the process": "its library collects lines, and hands over 8 KiB at a time",
    "handed to the system": "write(2) for each line, as the server does",
    "flushed to the disk": "write(2) and fdatasync(2) for each line",
}
_WORKER = "lab_kit.experiments.metering.flush_worker"
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Left:
    """What one writer left.

    Attributes:
        said: lines that it held for written when it was killed.
        found: of these, whole lines in the file.
        each_us: what a line took, at the median.
    """

    way: str
    said: int
    found: int
    each_us: float

    @property
    def lost(self) -> int:
        """Lines that it had told somebody about, and that are not there."""
        return max(0, self.said - self.found)


def killed_writers(lines: int = 500) -> list[Left]:
    """Kill a writer of each way after so many lines.

    Raises:
        ServerFailed: a writer ended by itself.
    """
    with tempfile.TemporaryDirectory(prefix="lab-flushing-") as folder:
        return [_killed(way, Path(folder) / f"{number}", lines) for number, way in enumerate(WAYS)]


def killed_writers_table(found: list[Left]) -> Table:
    """A row for each way."""
    rows = [
        (one.way, f"{one.said:,}", f"{one.found:,}", f"{one.lost:,}", f"{one.each_us:,.0f}")
        for one in found
    ]
    head = ("a line is", "told as written", "in the file", "lost", "µs a line, median")
    losing = [one.way for one in found if one.lost]
    kept = [one.way for one in found if not one.lost]
    notes = [
        f"Lost something: {', '.join(losing) or 'none'}. Lost nothing: {', '.join(kept) or 'none'}."
    ]
    return Table("writer", head, rows, notes)


def _killed(way: str, file: Path, lines: int) -> Left:
    command = [sys.executable, "-m", _WORKER, str(list(WAYS).index(way)), str(file), str(lines)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        said = worker.stdout.readline().split()  # it waits for its end after that
        worker.kill()
        worker.wait(_STOP_S)
    if len(said) != 2:
        raise ServerFailed(f"a writer that says {said}", "lines and microseconds", "run it again")
    return Left(way, int(said[0]), file.read_bytes().count(b"\n"), float(said[1]))
