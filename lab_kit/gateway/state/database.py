"""What a server keeps, read and written on one thread: no two transactions ever meet.

By default it is an SQLite file in the server's folder, by a setting a PostgreSQL database; whoever
keeps something sees the same of both.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lab_kit.core.errors import SystemOverloaded
from lab_kit.database.postgres import PostgresStore
from lab_kit.database.rows import Rows, Store
from lab_kit.database.sealing import new_root
from lab_kit.database.sqlite import SqliteStore
from lab_kit.database.tables import Step, Tables

FILE = "state.sqlite"
MOST_WAITING = 1_024
"""Transactions: at a millisecond each a second of them, later than which nobody waits."""
_T = TypeVar("_T")


class Database:
    """The database; opened on the thread when it is first used.

    Args:
        folder: gives where its file is.
        forms: see `Tables`.
        root: gives what wraps subjects' keys; by default one that nobody keeps.
        url: of a PostgreSQL database, in place of the file; None for the file.

    Raises:
        NotInstalled: it needs a package that is not here.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        forms: Sequence[Sequence[Step]],
        root: Callable[[], bytes] = new_root,
        url: str | None = None,
    ) -> None:
        store: Store = SqliteStore(lambda: folder() / FILE) if url is None else PostgresStore(url)
        self._tables = Tables(store, forms, root)
        self._thread = ThreadPoolExecutor(1, "state")
        self._waiting = 0

    def read_now(self, work: Callable[[Rows], _T]) -> _T:
        """Do ``work`` and wait for it: before the server serves, or where none does.

        Raises:
            Exception: see `run`.
        """
        return self._thread.submit(self._tables.transact, work).result()

    async def run(self, work: Callable[[Rows], _T]) -> _T:
        """Do ``work`` in a transaction of its own: all of it is kept, or where it raises, nothing.

        Whoever stops waiting does not undo it.

        Raises:
            StateUnusable: the database cannot be used, or the disk is full.
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
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._tables.transact, work)
        done.add_done_callback(self._settled)
        return await asyncio.shield(done)

    async def erase(self, work: Callable[[Rows], _T]) -> _T:
        """As `run`; and what it deletes is gone from the disk afterwards, journal included.

        That is so of the file. Of PostgreSQL, see `rewrite`.

        Raises:
            Exception: see `run`.
        """
        found = await self.run(work)
        await self._on_thread(self._tables.empty_journal)
        return found

    async def rewrite(self, table: str) -> None:
        """Have nothing be left in a small table's file of what was deleted from it.

        The SQLite file has nothing of it after `erase`. PostgreSQL keeps it until the table is
        written anew, which is done now; and in its journal for longer.

        Raises:
            StateUnusable: the database cannot be used.
        """
        await self._on_thread(lambda: self._tables.rewrite(table))

    def close(self) -> None:
        """Finish what waits, then close it."""
        self._thread.submit(self._tables.close)
        self._thread.shutdown()

    async def _on_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _settled(self, done: "asyncio.Future[_T]") -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # looked at: nobody may be waiting for it any more
