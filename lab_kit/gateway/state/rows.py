"""What those who keep something see of the database, whichever it is.

Statements are written once, in the SQL that SQLite and PostgreSQL have in common: ``?`` or
``:name`` for values, ``INSERT … ON CONFLICT``, ``RETURNING``; text is compared byte by byte, and
truth is 0 or 1. What has to be sealed is sealed before a statement, and opened after it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lab_kit.gateway.state.sealing import Sealer


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
