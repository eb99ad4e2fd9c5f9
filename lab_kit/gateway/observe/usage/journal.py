"""Lines in files that only grow, written by one process and taken away by another.

A line is handed to the system before ``append`` returns, which takes some ten microseconds and
outlives the process however it ends. A thread has the disk flushed behind it: a power failure takes
`FLUSH_S` of lines. Whoever ships the lines reads them meanwhile, and removes a file once it has all
of it and nobody writes it any more: its writer holds a lock on it.
"""

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import StateUnusable

SUFFIX = ".jsonl"
FILE_BYTES = 8 * 2**20
"""Then the next file begins: some 15,000 lines, half a second of a shipper's work."""
MOST_BYTES = 2**30
"""Of all files, two million lines: hours of a busy server that nobody ships from. What is not
shipped by then keeps others from beginning."""
FLUSH_S = 0.2


class Journal:
    """The lines of one process.

    Args:
        folder: made if it is not there; others may write their own files into it.
        on_failure: told, on the thread, that the disk could not be flushed.
        file_bytes, most_bytes: see `FILE_BYTES` and `MOST_BYTES`.

    Attributes:
        is_full: more lies here unshipped than there may be.

    Raises:
        StateUnusable: the folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        on_failure: Callable[[OSError], None],
        *,
        file_bytes: int = FILE_BYTES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.folder = folder
        self.is_full = False
        self._on_failure = on_failure
        self._file_bytes, self._most_bytes = file_bytes, most_bytes
        self._number = 0
        self._first = f"{since_1970_ms():013d}-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor, self._end_bytes = self._next_file(), 0
        except OSError as error:
            raise StateUnusable(
                f"{folder} ({error})", "a folder that can be written to", "choose another one"
            ) from error
        self._is_torn, self._is_flushed = False, True
        self._ended: deque[int] = deque()
        self._stopped = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._flush_often, name="usage", daemon=True)
        self._thread.start()

    def append(self, line: bytes) -> None:
        """Hand a line to the system, all of it or nothing.

        Args:
            line: without its break.

        Raises:
            OSError: it cannot be done, and counts as not done.
        """
        data = line + b"\n"
        if self._end_bytes + len(data) > self._file_bytes and self._end_bytes:
            self._rotate()
        if self._is_torn:
            os.ftruncate(self._descriptor, self._end_bytes)
            self._is_torn = False
        if os.write(self._descriptor, data) != len(data):
            self._is_torn = True
            raise OSError("the disk has no room for a whole line")
        self._end_bytes += len(data)
        self._is_flushed = False

    def close(self) -> None:
        """Flush, and let go of the file; whoever ships may remove it then."""
        self._stopped.set()
        self._thread.join()
        self._flush()
        os.close(self._descriptor)

    def _rotate(self) -> None:
        following = self._next_file()
        self._ended.append(self._descriptor)  # the thread closes it: a flush may take long
        self._descriptor, self._end_bytes, self._is_torn = following, 0, False

    def _next_file(self) -> int:
        path = self.folder / f"{self._first}-{self._number:06d}{SUFFIX}"
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        # locked before it has its name: nobody finds a file that seems to have no writer
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        new.rename(path)
        self._number += 1
        return descriptor

    def _flush_often(self) -> None:
        while not self._stopped.wait(FLUSH_S):
            self._flush()
            self._look()

    def _flush(self) -> None:
        try:
            while self._ended:
                os.fdatasync(self._ended[0])
                os.close(self._ended.popleft())
            if not self._is_flushed:
                self._is_flushed = True
                os.fdatasync(self._descriptor)
        except OSError as error:
            self._is_flushed = False
            self._on_failure(error)

    def _look(self) -> None:
        """How much lies here, which whoever ships makes less."""
        try:
            names = [one for one in os.scandir(self.folder) if one.name.endswith(SUFFIX)]
            self.is_full = sum(_size_bytes(one) for one in names) > self._most_bytes
        except OSError as error:
            self._on_failure(error)


def _size_bytes(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # it was shipped meanwhile
        return 0
