"""The lines of a journal's file, in batches; of a long file, by a process of its own.

A line that has no break yet is not read.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab_kit.ledger.ledger import Batch, Strange
from lab_kit.metering.event import NoUsageEvent, Values, read_values

BATCH_BYTES = 4_194_304
"""Read and written at a time, some 7,000 events: each transaction costs a flush of the disk."""
LONGEST_LINE_BYTES = 65_536
"""An event has some hundred bytes."""


def batches(file: Path, begins: int) -> Iterator[Batch]:
    """What begins there, in batches of whole lines."""
    with file.open("rb") as opened:
        while True:
            opened.seek(begins)
            data = opened.read(BATCH_BYTES)
            whole = data[: data.rfind(b"\n") + 1]
            if not whole and len(data) >= LONGEST_LINE_BYTES:
                whole = data  # no line of ours: as a strange one it does not hold up the others
            if not whole:
                return
            yield _batch(file.name, begins, whole)
            begins += len(whole)


@contextmanager
def read_elsewhere(file: Path, begins: int) -> Iterator[Iterator[Batch]]:
    """The same, read by another process while whoever has a batch writes it.

    Raises:
        EOFError, pickle.UnpicklingError: the process was killed, or failed.
    """
    command = [sys.executable, "-m", __name__, str(file), str(begins)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = process.stdout
        try:
            yield iter(lambda: pickle.load(output), None)
        finally:
            output.close()  # it ends, for nobody reads what it writes
            process.terminate()


def _batch(name: str, begins: int, data: bytes) -> Batch:
    rows: list[Values] = []
    strange: list[Strange] = []
    at = begins
    for line in data.removesuffix(b"\n").split(b"\n"):
        try:
            rows.append(read_values(line))
        except NoUsageEvent as error:
            strange.append(Strange(at, line[:LONGEST_LINE_BYTES], str(error)))
        at += len(line) + 1
    return Batch(name, begins + len(data), rows, strange)


def main() -> None:
    """Write each batch of the file that is named, and at last None."""
    output = sys.stdout.buffer
    for batch in batches(Path(sys.argv[1]), int(sys.argv[2])):
        pickle.dump(batch, output, pickle.HIGHEST_PROTOCOL)
        output.flush()
    pickle.dump(None, output)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)  # whoever asked is gone
