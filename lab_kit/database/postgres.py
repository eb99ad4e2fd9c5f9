"""A PostgreSQL database, for those who keep one anyway: looked after, backed up, apart from the
server.

Statements are those of SQLite, and are rewritten where the two differ. It belongs to one process at
a time, as the file does: a lock that ends with the connection says so. What PostgreSQL deletes
stays in its files until a table is written anew, in its journal until that is written over, and in
its back-ups; what has to be gone for good has to be encrypted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab_kit.core.errors import NotInstalled, StateUnusable
from lab_kit.database.rows import Values

if TYPE_CHECKING:
    import psycopg

_LOCK = 0x6C61625F6B6974
"""A number that no other program is likely to lock: lab_kit."""
_CONNECT_S = 10
_STATEMENT_MS = 10_000
"""Beyond it a caller would have hung up; and one thread does it all."""
_TYPES = {
    "BLOB": "BYTEA",
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    # compared as bytes, whatever language the database was made for
    "TEXT": 'TEXT COLLATE "C"',
}
_TYPE = re.compile(rf"\b({'|'.join(_TYPES)})\b")
_TABLE_END = re.compile(r"\)\s*STRICT(,\s*WITHOUT ROWID)?\s*$")
_QUOTED = re.compile(r"('(?:[^']|'')*')")
_NAMED = re.compile(r":(\w+)")


class PostgresStore:
    """The database; see `Store`.

    Args:
        url: such as ``postgresql://user:password@host/name``; never shown.
        is_shared: other processes use it, too, one transaction after the other.

    Raises:
        NotInstalled: without psycopg.
    """

    def __init__(self, url: str, *, is_shared: bool = False) -> None:
        try:
            import psycopg
        except ModuleNotFoundError as error:
            raise NotInstalled.extra("PostgreSQL", "psycopg", "postgres") from error
        self.errors: tuple[type[Exception], ...] = (psycopg.Error,)
        self._url = url
        self._is_shared = is_shared
        self._statements: PostgresStatements | None = None

    @property
    def statements(self) -> "PostgresStatements | None":
        """See `Store`; None too once the connection was lost, so that it is made again."""
        if self._statements is not None and self._statements.is_closed:
            self._statements = None
        return self._statements

    def connect(self) -> "PostgresStatements":
        """See `Store`."""
        import psycopg

        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            # a line that is dead is found out, too, while nothing is said on it
            tcp_user_timeout=_STATEMENT_MS,
            options=f"-c statement_timeout={_STATEMENT_MS}",
        )
        statements = PostgresStatements(connection)
        try:
            if not self._is_shared:
                self._take(statements)
            self._begin(statements)
            statements.execute("CREATE TABLE IF NOT EXISTS lab_form (number INTEGER NOT NULL)")
            statements.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._statements = statements
        return statements

    def form(self) -> int:
        """See `Store`."""
        found = self._open.execute("SELECT number FROM lab_form").fetchone()
        return 0 if found is None else int(found["number"])

    def note_form(self, number: int) -> None:
        """See `Store`."""
        self._open.execute("DELETE FROM lab_form")
        self._open.execute("INSERT INTO lab_form VALUES (?)", (number,))

    def begin(self) -> None:
        """See `Store`."""
        self._begin(self._open)

    def commit(self) -> None:
        """See `Store`."""
        self._open.execute("COMMIT")

    def roll_back(self) -> None:
        """See `Store`."""
        if self._statements is not None and not self._statements.is_closed:
            self._statements.execute("ROLLBACK")

    def empty_journal(self) -> None:
        """See `Store`: its journal is in the hands of whoever looks after it."""

    def rewrite(self, table: str) -> None:
        """See `Store`. A plain ``VACUUM`` would leave the bytes where they are, as free space."""
        self._open.execute(f"VACUUM FULL {table}")

    def close(self) -> None:
        """See `Store`."""
        statements, self._statements = self._statements, None
        if statements is not None:
            statements.close()

    def is_unusable(self, error: Exception) -> bool:
        """See `Store`."""
        import psycopg

        return isinstance(error, psycopg.OperationalError)

    def unusable(self, error: Exception) -> StateUnusable:
        """See `Store`; the driver's words may hold the address, which is not told."""
        return StateUnusable(
            f"{self.where}: {type(error).__name__}",
            "a PostgreSQL database that answers, and lets this user make tables",
            "see whether it runs; its own log says more",
        )

    @property
    def where(self) -> str:
        """See `Store`."""
        parts = urlsplit(self._url)
        return f"the database {parts.path.lstrip('/')} on {parts.hostname or 'this machine'}"

    def _take(self, statements: "PostgresStatements") -> None:
        """Have it for this process alone, as long as it is connected."""
        (is_ours,) = statements.execute("SELECT pg_try_advisory_lock(?)", (_LOCK,)).fetchone()
        if not is_ours:
            raise StateUnusable(
                f"{self.where}, which another server uses",
                "a database that no other server uses",
                "stop that one, or name another by --database",
            )

    def _begin(self, statements: "PostgresStatements") -> None:
        statements.execute("BEGIN")
        if self._is_shared:
            statements.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))

    @property
    def _open(self) -> "PostgresStatements":
        assert self._statements is not None
        return self._statements


class PostgresRow(tuple[Any, ...]):
    """A row whose values have names, too."""

    names: tuple[str, ...]

    def __getitem__(self, name: Any) -> Any:
        """A value by its name, or by its place."""
        return super().__getitem__(self.names.index(name) if isinstance(name, str) else name)


class PostgresStatements:
    """Takes SQLite's statements."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    @property
    def is_closed(self) -> bool:
        """Whether the connection was lost."""
        return bool(self._connection.closed)

    def execute(self, sql: str, parameters: Values = (), /) -> "PostgresResult":
        """One statement."""
        import psycopg

        # values become part of the statement here, quoted by the library: a value by itself has no
        # type that the server could tell
        cursor = psycopg.ClientCursor(self._connection)
        cursor.execute(rewritten(sql).encode(), _values(parameters))
        return PostgresResult(cursor)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> "PostgresResult":
        """One statement, for each set of values: they go off together, and no answer is waited for
        before the last."""
        cursor = self._connection.cursor()
        cursor.executemany(rewritten(sql).encode(), [_values(one) for one in parameters])
        return PostgresResult(cursor)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


class PostgresResult:
    """What a statement gave."""

    def __init__(self, cursor: "psycopg.Cursor[Any]") -> None:
        self._cursor = cursor
        names = tuple(column.name for column in cursor.description or ())
        self._kind = type("Row", (PostgresRow,), {"names": names})

    @property
    def rowcount(self) -> int:
        """Rows that it changed."""
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        """The next row; None where there is none."""
        row = self._cursor.fetchone()
        return None if row is None else self._kind(row)

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        """The rows."""
        return map(self._kind, self._cursor.fetchall())


def rewritten(sql: str) -> str:
    """A statement in PostgreSQL's words."""
    pieces = _QUOTED.split(sql.replace("%", "%%"))
    # every second one is a quoted text, where signs mean themselves
    pieces[::2] = [_NAMED.sub(r"%(\1)s", one.replace("?", "%s")) for one in pieces[::2]]
    made = "".join(pieces)
    if made.lstrip().startswith(("CREATE TABLE", "ALTER TABLE")):
        made = _TYPE.sub(lambda found: _TYPES[found.group()], _TABLE_END.sub(")", made.strip()))
    return made


def _values(parameters: Values) -> Any:
    if isinstance(parameters, Mapping):
        return {name: _value(one) for name, one in parameters.items()}
    return [_value(one) for one in parameters]


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return int(value) if isinstance(value, bool) else value
