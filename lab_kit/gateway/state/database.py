"""One SQLite file, read and written on one thread: no two transactions ever meet.

Its journal is written ahead and flushed before a transaction counts as done, so what a caller was
told survives the process, and the machine. The file belongs to one server at a time; a second one
is refused when it opens it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lab_kit.core.errors import StateUnusable, SystemOverloaded
from lab_kit.gateway.state.rows import Rows
from lab_kit.gateway.state.sealing import Sealer, new_root

FILE = "state.sqlite"
MOST_WAITING = 1_024
"""Transactions: at a millisecond each a second of them, later than which nobody waits."""
Step = str | Callable[[Rows], None]
"""Of a form: a statement, or what does more than SQL can."""
_T = TypeVar("_T")


class Database:
    """The file; opened on the thread when it is first used.

    Args:
        folder: gives where it is.
        forms: the steps that make the first form of the tables, those that make the second of it,
            and so on.
        root: gives what wraps subjects' keys; by default one that nobody keeps.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        forms: Sequence[Sequence[Step]],
        root: Callable[[], bytes] | None = None,
    ) -> None:
        self._folder = folder
        self._sealer = Sealer(root or new_root)
        self._forms = forms
        self._thread = ThreadPoolExecutor(1, "state")
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0

    def read_now(self, work: Callable[[Rows], _T]) -> _T:
        """Do ``work`` and wait for it: before the server serves, or where none does.

        Raises:
            Exception: see `run`.
        """
        return self._thread.submit(self._transact, work).result()

    async def run(self, work: Callable[[Rows], _T]) -> _T:
        """Do ``work`` in a transaction of its own: all of it is kept, or where it raises, nothing.

        Whoever stops waiting does not undo it.

        Raises:
            StateUnusable: the file cannot be used, or the disk is full.
            SystemOverloaded: too much waits.
            Exception: whatever ``work`` raises.
        """
        if self._waiting >= MOST_WAITING:
            raise SystemOverloaded(
                f"{self._waiting} changes wait to be written",
                f"fewer than {MOST_WAITING}",
                "try again after the stated delay",
            )
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        done.add_done_callback(self._settled)
        return await asyncio.shield(done)

    async def erase(self, work: Callable[[Rows], _T]) -> _T:
        """As `run`; and what it deletes is gone from the disk afterwards, journal included.

        Raises:
            Exception: see `run`.
        """
        found = await self.run(work)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._empty_journal)
        return found

    def close(self) -> None:
        """Finish what waits, then close the file."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _settled(self, done: "asyncio.Future[_T]") -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # looked at: nobody may be waiting for it any more

    def _transact(self, work: Callable[[Rows], _T]) -> _T:
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            found = work(Rows(connection, self._sealer))
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:  # a full disk may have ended it already
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise self._unusable(error) from error
            raise
        return found

    def _empty_journal(self) -> None:
        if self._connection is not None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # a statement that is kept would keep what it was given, such as a subject's name
            connection = sqlite3.connect(
                self._folder() / FILE, timeout=0.0, isolation_level=None, cached_statements=0
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        # held from the first change to the end: it says that the folder has its server
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # what was deleted is overwritten: transcripts go when their callers say so
        connection.execute("PRAGMA secure_delete = ON")
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if form > len(self._forms):
            raise StateUnusable(
                f"{self._folder() / FILE}, whose form is {form}",
                f"form {len(self._forms)}, as this version of the lab writes it, or an earlier one",
                "start a later version, or this one with another --state folder",
            )
        for number, steps in enumerate(self._forms[form:], start=form + 1):
            self._bring_forward(connection, number, steps)

    def _bring_forward(
        self, connection: sqlite3.Connection, number: int, steps: Sequence[Step]
    ) -> None:
        """To form ``number``, or where that fails, not at all."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in steps:
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(Rows(connection, self._sealer))
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _unusable(self, error: sqlite3.Error) -> StateUnusable:
        is_taken = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        return StateUnusable(
            f"{self._folder() / FILE}: {error}",
            "a folder that no other server uses" if is_taken else "a file that can be written",
            "start the server with another --state folder"
            if is_taken
            else "see whether the disk is full, or the folder another user's",
        )
