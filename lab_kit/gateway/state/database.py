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
from lab_kit.gateway.state.postgres import PostgresStore
from lab_kit.gateway.state.rows import Rows, Store
from lab_kit.gateway.state.sqlite import SqliteStore

MOST_WAITING = 1_024
"""Transactions: at a millisecond each a second of them, later than which nobody waits."""
_T = TypeVar("_T")


class Database:
    """The database; opened on the thread when it is first used.

    Args:
        folder: gives where its file is.
        forms: the statements that make the first form of the tables, those that make the second of
            it, and so on.
        url: of a PostgreSQL database, in place of the file; None for the file.

    Raises:
        NotInstalled: it needs a package that is not here.
    """

    def __init__(
        self, folder: Callable[[], Path], forms: Sequence[Sequence[str]], url: str | None = None
    ) -> None:
        self._store: Store = SqliteStore(folder) if url is None else PostgresStore(url)
        self._forms = forms
        self._thread = ThreadPoolExecutor(1, "state")
        self._waiting = 0

    def open(self) -> None:
        """Open the file now, and find out whether it can be used.

        Raises:
            StateUnusable: it cannot.
        """
        self.read_now(lambda _: None)

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
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.empty_journal)
        return found

    def close(self) -> None:
        """Finish what waits, then close the file."""
        self._thread.submit(self._store.close)
        self._thread.shutdown()

    def _settled(self, done: "asyncio.Future[_T]") -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # looked at: nobody may be waiting for it any more

    def _transact(self, work: Callable[[Rows], _T]) -> _T:
        store = self._store
        try:
            rows = store.rows or store.open(self._forms)
            store.begin()
        except store.errors as error:
            raise store.unusable(error) from error
        try:
            found = work(rows)
            store.commit()
        except BaseException as error:
            self._undo()
            if isinstance(error, Exception) and store.is_unusable(error):
                raise store.unusable(error) from error
            raise
        return found

    def _undo(self) -> None:
        try:
            self._store.roll_back()
        except self._store.errors:
            self._store.close()  # nothing can be said to it any more; the next one connects again
