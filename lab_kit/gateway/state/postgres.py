"""A PostgreSQL database, for those who keep one anyway: looked after, backed up, apart from the
server.

Statements are those of SQLite, and are rewritten where the two differ. It belongs to one server at
a time, as the file does: a lock that ends with the connection says so. What PostgreSQL deletes
stays on its disk until it is vacuumed, and in its backups; what has to be gone for good has to be
encrypted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab_kit.core.errors import NotInstalled, StateUnusable
from lab_kit.gateway.state.forms import bring_forward
from lab_kit.gateway.state.rows import USED_BYTES

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
_JSON = re.compile(r"json_extract\((\w+), '\$\.([\w.]+)'\)")


class PostgresStore:
    """The database.

    Args:
        url: such as ``postgresql://user:password@host/name``; never shown.

    Raises:
        NotInstalled: without psycopg.
    """

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ModuleNotFoundError as error:
            raise NotInstalled.extra("PostgreSQL", "psycopg", "postgres") from error
        self.errors: tuple[type[Exception], ...] = (psycopg.Error,)
        self._url = url
        self._rows: PostgresRows | None = None

    @property
    def rows(self) -> "PostgresRows | None":
        """See `Store`; None too once the connection was lost, so that it is made again."""
        if self._rows is not None and self._rows.is_closed:
            self._rows = None
        return self._rows

    def open(self, forms: Sequence[Sequence[str]]) -> "PostgresRows":
        """See `Store`."""
        import psycopg

        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            # values become part of the statement here, quoted by the library: a value by itself has
            # no type that the server could tell
            cursor_factory=psycopg.ClientCursor,
            options=f"-c statement_timeout={_STATEMENT_MS}",
        )
        try:
            rows = PostgresRows(connection)
            (is_ours,) = rows.execute("SELECT pg_try_advisory_lock(?)", (_LOCK,)).fetchone()
            if not is_ours:
                raise StateUnusable(
                    f"{self._where}, which another server uses",
                    "a database that no other server uses",
                    "stop that one, or name another by --database",
                )
            rows.execute("CREATE TABLE IF NOT EXISTS lab_form (number INTEGER NOT NULL)")
            found = rows.execute("SELECT number FROM lab_form").fetchone()
            self._rows = rows
            bring_forward(self, rows, 0 if found is None else found["number"], forms, self._where)
        except BaseException:
            self._rows = None
            connection.close()
            raise
        return rows

    def note_form(self, number: int) -> None:
        """The tables have that form from now on."""
        self._open.execute("DELETE FROM lab_form")
        self._open.execute("INSERT INTO lab_form VALUES (?)", (number,))

    def begin(self) -> None:
        """See `Store`."""
        self._open.execute("BEGIN")

    def commit(self) -> None:
        """See `Store`."""
        self._open.execute("COMMIT")

    def roll_back(self) -> None:
        """See `Store`."""
        if self._rows is not None and not self._rows.is_closed:
            self._rows.execute("ROLLBACK")

    def empty_journal(self) -> None:
        """See `Store`: nothing is promised here."""

    def close(self) -> None:
        """See `Store`."""
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()

    def is_unusable(self, error: Exception) -> bool:
        """See `Store`."""
        import psycopg

        return isinstance(error, psycopg.OperationalError)

    def unusable(self, error: Exception) -> StateUnusable:
        """See `Store`; the driver's words may hold the address, which is not told."""
        return StateUnusable(
            f"{self._where}: {type(error).__name__}",
            "a PostgreSQL database that answers, and lets this user make tables",
            "see whether it runs; its own log says more",
        )

    @property
    def _where(self) -> str:
        parts = urlsplit(self._url)
        return f"the database {parts.path.lstrip('/')} on {parts.hostname or 'this machine'}"

    @property
    def _open(self) -> "PostgresRows":
        assert self._rows is not None
        return self._rows


class PostgresRow(tuple[Any, ...]):
    """A row whose values have names, too."""

    names: tuple[str, ...]

    def __getitem__(self, name: Any) -> Any:
        """A value by its name, or by its place."""
        return super().__getitem__(self.names.index(name) if isinstance(name, str) else name)


class PostgresRows:
    """Takes SQLite's statements."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    @property
    def is_closed(self) -> bool:
        """Whether the connection was lost."""
        return bool(self._connection.closed)

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> "PostgresResult":
        """One statement."""
        cursor = self._connection.execute(rewritten(sql).encode(), _values(parameters))
        return PostgresResult(cursor)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        """One statement, for each set of values."""
        with self._connection.cursor() as cursor:
            cursor.executemany(rewritten(sql).encode(), [_values(one) for one in parameters])

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
    if sql == USED_BYTES:
        return "SELECT COALESCE(SUM(OCTET_LENGTH(body)), 0) FROM answers"
    sql = sql.replace("%", "%%").replace("?", "%s")
    sql = _JSON.sub(lambda found: _path(*found.groups()), sql)
    if sql.lstrip().startswith(("CREATE TABLE", "ALTER TABLE")):
        sql = _TYPE.sub(lambda found: _TYPES[found.group()], _TABLE_END.sub(")", sql.strip()))
    return sql


def _path(column: str, path: str) -> str:
    return f"({column}::json #>> '{{{path.replace('.', ',')}}}')"


def _values(parameters: Sequence[Any]) -> list[Any]:
    return [_value(one) for one in parameters]


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return int(value) if isinstance(value, bool) else value
