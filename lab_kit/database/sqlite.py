"""One SQLite file.

Its journal is written ahead and flushed before a transaction counts as done, so what a caller was
told survives the process, and the machine. The file belongs to one process at a time; a second one
is refused when it opens it.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from lab_kit.core.errors import StateUnusable

_OTHERS_S = 10.0
"""For others' transactions, each of which takes a fraction of a second."""
_CACHE_KB, _CHECKPOINT_PAGES = 65_536, 10_000
"""With the usual 2 MB and 1,000, events were written half as fast."""


class SqliteStore:
    """The file; see `Store`.

    Args:
        file: gives where it is, when it is first opened.
        is_shared: other processes use it, too, one transaction after the other. It holds nothing of
            a person, so that what is deleted need not be overwritten, and much is written at once.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, file: Callable[[], Path], *, is_shared: bool = False) -> None:
        self._file = file
        self._is_shared = is_shared
        self._connection: sqlite3.Connection | None = None

    @property
    def statements(self) -> sqlite3.Connection | None:
        """See `Store`."""
        return self._connection

    def connect(self) -> sqlite3.Connection:
        """See `Store`."""
        # a statement that is kept would keep what it was given, such as a subject's name
        connection = sqlite3.connect(
            self._file(),
            timeout=_OTHERS_S if self._is_shared else 0.0,
            isolation_level=None,
            cached_statements=0,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def form(self) -> int:
        """See `Store`."""
        (form,) = self._open.execute("PRAGMA user_version").fetchone()
        return int(form)

    def note_form(self, number: int) -> None:
        """See `Store`."""
        self._open.execute(f"PRAGMA user_version = {number}")

    def begin(self) -> None:
        """See `Store`."""
        self._open.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """See `Store`."""
        self._open.execute("COMMIT")

    def roll_back(self) -> None:
        """See `Store`."""
        if self._open.in_transaction:  # a full disk may have ended it already
            self._open.execute("ROLLBACK")

    def empty_journal(self) -> None:
        """See `Store`."""
        self._open.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def rewrite(self, table: str) -> None:
        """See `Store`: it was overwritten as it was deleted."""

    def close(self) -> None:
        """See `Store`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def is_unusable(self, error: Exception) -> bool:
        """See `Store`."""
        return isinstance(error, sqlite3.OperationalError)

    def unusable(self, error: Exception) -> StateUnusable:
        """See `Store`."""
        is_taken = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        return StateUnusable(
            f"{self.where}: {error}",
            "a folder that no other server uses" if is_taken else "a file that can be written",
            "start the server with another --state folder"
            if is_taken
            else "see whether the disk is full, or the folder another user's",
        )

    @property
    def where(self) -> str:
        """See `Store`."""
        return str(self._file())

    @property
    def _open(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        if not self._is_shared:
            # held from the first change to the end: it says that the folder has its server
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # what was deleted is overwritten: transcripts go when their callers say so
            connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if self._is_shared:
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
