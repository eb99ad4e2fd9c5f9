"""From a folder's journal into a ledger: batch by batch, each line once, files removed behind it.

How far a file was read is written in the transaction that writes what was read of it, so that
whoever is killed goes on where the ledger is. A line that has no break yet is still being written,
or was when its writer was killed, and was told to nobody.
"""

import fcntl
from contextlib import suppress
from pathlib import Path

from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import StateUnusable
from lab_kit.ledger.ledger import Ledger
from lab_kit.ledger.reading import BATCH_BYTES, batches, read_elsewhere

SUFFIX, SOURCE_FILE = ".jsonl", "source"
"""Of a journal's files, and the file that names who writes them."""
WRITING_US = 1_000_000
"""Longer than it takes from an event's time until it is written down."""
LOCK_FILE = "shipper"


class Shipper:
    """Ships one folder; the only one that does.

    Args:
        folder: of the journal, made if it is not there.

    Raises:
        StateUnusable: the folder cannot be used, or somebody ships it already.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / LOCK_FILE).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateUnusable(
                f"{folder} ({error})", "a folder that nobody else ships", "stop the other one"
            ) from error

    def close(self) -> None:
        """Let somebody else ship it."""
        self._lock.close()

    def ship(self) -> int:
        """Ship what is there now.

        Returns:
            How many events were new to the ledger.

        Raises:
            StateUnusable: the ledger cannot be written; nothing is lost by that.
        """
        begun_us = since_1970_us() - WRITING_US
        shipped = self._ledger.shipped()
        new = 0
        for file in sorted(self._folder.glob(f"*{SUFFIX}")):
            # asked before it is read: nothing is written into it after that
            is_over = not _is_written(file)
            new += self._ship_file(file, shipped.get(file.name, 0))
            if is_over:
                file.unlink()
                self._ledger.forget_file(file.name)
        with suppress(FileNotFoundError):
            self._ledger.reach((self._folder / SOURCE_FILE).read_text(), begun_us)
        return new

    def _ship_file(self, file: Path, begins: int) -> int:
        """Of much that waits, the next batch is read while one is written: in a process of its own,
        for in this one both would want the interpreter's lock."""
        if file.stat().st_size - begins <= BATCH_BYTES:
            return sum(map(self._ledger.take, batches(file, begins)))
        with read_elsewhere(file, begins) as read:
            return sum(map(self._ledger.take, read))


def _is_written(file: Path) -> bool:
    """Whether a process has it open for writing: it would hold a lock."""
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
