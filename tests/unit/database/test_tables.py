"""Tables in either database: the same of both, without a server, and many rows in one go."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from hang import HANG_S

from lab_kit.core.errors import StateUnusable
from lab_kit.database.postgres import PostgresStore
from lab_kit.database.rows import Rows, Store
from lab_kit.database.sqlite import SqliteStore
from lab_kit.database.tables import Tables

TABLE = (
    "CREATE TABLE things (name TEXT PRIMARY KEY, count INTEGER, share REAL, data BLOB)"
    " STRICT, WITHOUT ROWID"
)
INSERT = "INSERT INTO things VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
Make = Callable[..., Tables]


class Kind(StrEnum):
    ONE = "ONE"


@pytest.fixture
def make(tmp_path: Path, database_url: str | None) -> Iterator[Make]:
    """Opens the same database, once or several times."""
    made: list[Tables] = []

    def opened(*more: tuple[str, ...]) -> Tables:
        store: Store = SqliteStore(lambda: tmp_path / "things.sqlite")
        if database_url is not None:
            store = PostgresStore(database_url)
        made.append(Tables(store, ((TABLE,), *more)))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def put(tables: Tables, *values: object) -> None:
    tables.transact(lambda rows: rows.execute(INSERT, values))


def all_of(tables: Tables) -> list[tuple[object, ...]]:
    sql = "SELECT * FROM things ORDER BY name"
    return tables.transact(lambda rows: [tuple(row) for row in rows.execute(sql)])


def test_values_come_back_as_they_went(make: Make) -> None:
    tables = make()
    put(tables, "ä", 2**53 + 1, 0.1, b"\x00\xff")
    put(tables, Kind.ONE, True, None, b"")
    put(tables, "a'?:b%s", None, 3.0, None)
    assert all_of(tables) == [
        ("ONE", 1, None, b""),
        ("a'?:b%s", None, 3.0, None),
        ("ä", 2**53 + 1, 0.1, b"\x00\xff"),
    ]


def test_values_have_names_and_places(make: Make) -> None:
    tables = make()
    put(tables, "one", 7, None, None)

    def work(rows: Rows) -> None:
        sql = "SELECT count, name, 'a:b?' AS text FROM things WHERE name = :name AND count = :count"
        row = rows.execute(sql, {"name": "one", "count": 7}).fetchone()
        assert (row["count"], row["name"], row["text"]) == tuple(row) == (7, "one", "a:b?")
        count, *_ = row
        assert count == row[0] == 7
        assert rows.execute(sql, {"name": "two", "count": 7}).fetchone() is None

    tables.transact(work)


def test_text_is_compared_byte_by_byte(make: Make) -> None:
    tables = make()
    for name in ("b", "B", "a", "-a", "ä", "A"):
        put(tables, name, None, None, None)
    assert [name for name, *_ in all_of(tables)] == ["-a", "A", "B", "a", "b", "ä"]


def test_of_a_change_that_fails_nothing_is_kept(make: Make) -> None:
    tables = make()

    def half(rows: Rows) -> None:
        rows.execute(INSERT, ("half", None, None, None))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tables.transact(half)
    assert all_of(tables) == []


def test_many_rows_go_in_one_go_and_those_that_were_new_are_counted(make: Make) -> None:
    tables = make()
    batch = [(f"{number:04}", number, number / 2, b"x") for number in range(1_000)]

    def insert(rows: Rows) -> int:
        return rows.executemany(INSERT, batch).rowcount

    def broken(rows: Rows) -> None:
        twice = [("new", 1, 1.0, b"")] * 2
        rows.executemany("INSERT INTO things VALUES (?, ?, ?, ?)", twice)

    put(tables, "0007", 7, 3.5, b"x")
    assert tables.transact(insert) == 999
    assert tables.transact(insert) == 0
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        tables.transact(broken)
    assert all_of(tables) == batch


def test_what_was_written_is_there_for_the_next_and_for_one_at_a_time(make: Make) -> None:
    first, second = make(), make()
    put(first, "one", None, None, None)
    with pytest.raises(StateUnusable, match=r"(another|no other) server uses"):
        all_of(second)
    first.close()
    assert len(all_of(second)) == 1


def test_forms_follow_one_another_each_whole_or_not_at_all(make: Make) -> None:
    first = make()
    put(first, "one", 1, None, None)
    first.close()
    grown = ("ALTER TABLE things ADD COLUMN kind TEXT", "UPDATE things SET kind = 'old'")
    broken = make((*grown, "no statement"))
    with pytest.raises(StateUnusable):
        all_of(broken)
    broken.close()
    second = make(grown)
    assert all_of(second) == [("one", 1, None, None, "old")]
    second.close()
    with pytest.raises(StateUnusable, match="whose form is 2"):
        all_of(make())


def test_a_form_may_do_more_than_sql_can(make: Make) -> None:
    def seal(rows: Rows) -> None:
        wrapped = rows.sealer.new_key()
        rows.execute(INSERT, ("key", None, None, wrapped))
        rows.execute(INSERT, ("word", None, None, rows.sealer.seal(wrapped, "a word", b"secret")))

    tables = make((seal,))

    def opened(rows: Rows) -> bytes:
        (wrapped,), (sealed,) = rows.execute("SELECT data FROM things ORDER BY name")
        return rows.sealer.open(wrapped, "a word", bytes(sealed))

    assert tables.transact(opened) == b"secret"


def test_it_needs_neither_a_server_nor_an_event_loop(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from lab_kit.database.sqlite import SqliteStore\n"
        "from lab_kit.database.tables import Tables\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "tables = Tables(SqliteStore(lambda: file), (('CREATE TABLE events (id TEXT)',),))\n"
        "batch = [(str(one),) for one in range(1000)]\n"
        "insert = lambda rows: rows.executemany('INSERT INTO events VALUES (?)', batch)\n"
        "print(tables.transact(insert).rowcount)\n"
        "tables.close()\n"
        "print(*({'asyncio', 'fastapi', 'uvicorn'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "events.sqlite")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True)
    assert told.stdout == "1000\n\n"
