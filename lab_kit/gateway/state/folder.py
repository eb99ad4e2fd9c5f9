"""Where a server keeps what outlives a request: a folder that it is given, or one of its own.

Its own goes with it. Where the server was killed, the next one that makes such a folder removes it.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from lab_kit.core.errors import StateUnusable
from lab_kit.gateway.state.database import FILE

_PREFIX = "lab-state-"
_YOUNG_S = 60.0
"""A folder without a database in use may be one that is just being made."""


class StateFolder:
    """The folder.

    Args:
        given: kept at the end; None for one of the server's own, made when it is first used.
    """

    def __init__(self, given: Path | None = None) -> None:
        self._given = given
        self._made: Path | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it stays when the server ends."""
        return self._given is not None

    @property
    def is_used(self) -> bool:
        """Whether there is anything in it, or may be from before."""
        return self._given is not None or self._made is not None

    def path(self) -> Path:
        """The folder, which is there afterwards, and readable for nobody else.

        Raises:
            StateUnusable: it cannot be made.
        """
        if self._made is None:
            try:
                self._made = self._make()
            except OSError as error:
                raise StateUnusable(
                    f"the folder {self._given or tempfile.gettempdir()}: {error}",
                    "one that can be written",
                    "start the server with another --state folder",
                ) from error
        return self._made

    def remove(self) -> None:
        """Remove it where it is the server's own."""
        if self._given is None and self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
            self._made = None

    def _make(self) -> Path:
        if self._given is not None:
            self._given.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._given
        _remove_abandoned()
        return Path(tempfile.mkdtemp(prefix=_PREFIX))


def _remove_abandoned() -> None:
    """Remove the folders of servers that were killed; another user's stay."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            is_ours = folder.is_dir() and folder.stat().st_uid == os.getuid()
            is_old = time.time() - folder.stat().st_mtime > _YOUNG_S
            if is_ours and is_old and not _is_in_use(folder / FILE):
                shutil.rmtree(folder)
        except OSError:
            continue  # gone meanwhile, or not ours to remove: the next server looks again


def _is_in_use(file: Path) -> bool:
    """Whether a server holds the lock of its database."""
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=0.0, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return False
