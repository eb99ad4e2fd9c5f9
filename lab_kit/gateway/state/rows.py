"""What those who keep something see of the database, whichever it is.

Statements are written once, in the SQL that SQLite and PostgreSQL have in common: ``?`` for values,
``INSERT … ON CONFLICT``, ``RETURNING``; text is compared byte by byte, and truth is 0 or 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

USED_BYTES = (
    "SELECT (page_count - freelist_count) * page_size"
    " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
"""What is in use of an SQLite file; where there is none, what the kept answers hold."""


class Row(Protocol):
    """One row: values by name, or in order."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """All values."""
        ...


class Result(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Rows that it changed."""
        ...

    def fetchone(self) -> Any:
        """The next row; None where there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows."""
        ...


class Rows(Protocol):
    """A transaction that is open."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Result:
        """One statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        """One statement, for each set of values."""
        ...


class Store(Protocol):
    """A database that is one server's; used on one thread.

    Attributes:
        errors: what its library raises.
        rows: where statements go, once it is open.
    """

    errors: tuple[type[Exception], ...]

    @property
    def rows(self) -> Rows | None:
        """Where statements go; None while it is not open."""
        ...

    def open(self, forms: Sequence[Sequence[str]]) -> Rows:
        """Connect, and bring the tables to the last form.

        Raises:
            StateUnusable: they have a form that is not known here.
            Exception: one of `errors`.
        """
        ...

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self) -> None:
        """End it, kept."""
        ...

    def roll_back(self) -> None:
        """End it, undone; harmless where it has ended."""
        ...

    def empty_journal(self) -> None:
        """What was deleted is gone from the disk, as far as that is in the library's hands."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...

    def is_unusable(self, error: Exception) -> bool:
        """Whether an error says something of the database, and not of what was asked of it."""
        ...

    def unusable(self, error: Exception) -> Exception:
        """What a caller is told of it."""
        ...
