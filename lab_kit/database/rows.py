"""What those who keep something see of the database, whichever it is.

Statements are written once, in the SQL that SQLite and PostgreSQL have in common: ``?`` or
``:name`` for values, ``INSERT … ON CONFLICT``, ``RETURNING``; text is compared byte by byte, and
truth is 0 or 1. What has to be sealed is sealed before a statement, and opened after it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lab_kit.database.sealing import Sealer


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


Values = Sequence[Any] | Mapping[str, Any]
"""For ``?``, or for ``:name``."""


class Statements(Protocol):
    """A connection that takes statements."""

    def execute(self, sql: str, parameters: Values = ..., /) -> Result:
        """One statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Result:
        """One statement, for each set of values."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """A transaction that is open.

    Attributes:
        statements: where they go.
        sealer: seals and opens the values that are about somebody.
    """

    statements: Statements
    sealer: Sealer

    def execute(self, sql: str, parameters: Values = ()) -> Result:
        """One statement."""
        return self.statements.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Result:
        """One statement, for each set of values; many rows are written so in one go."""
        return self.statements.executemany(sql, parameters)


class Store(Protocol):
    """A database that is one process's; used by one thread at a time.

    Attributes:
        errors: what its library raises.
    """

    errors: tuple[type[Exception], ...]

    @property
    def statements(self) -> Statements | None:
        """Where statements go; None while it is not open."""
        ...

    def connect(self) -> Statements:
        """Connect, and have it for this process alone.

        Raises:
            StateUnusable: another process has it.
            Exception: one of `errors`.
        """
        ...

    def form(self) -> int:
        """Which form its tables have; 0 where there are none."""
        ...

    def note_form(self, number: int) -> None:
        """The tables have that form from now on; in the transaction that is open."""
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
        """What was deleted is gone from the journal, where that is in this process's hands."""
        ...

    def rewrite(self, table: str) -> None:
        """What was deleted of a table is gone from its file; not in a transaction."""
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

    @property
    def where(self) -> str:
        """Which database it is, without secrets."""
        ...
