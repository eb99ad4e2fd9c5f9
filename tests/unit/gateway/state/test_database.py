"""What a server keeps: whole transactions, one server a file, and nothing of what was erased."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from lab_kit.core.errors import StateUnusable
from lab_kit.database.rows import Rows
from lab_kit.gateway.state import folder as folders
from lab_kit.gateway.state.database import FILE, Database
from lab_kit.gateway.state.folder import StateFolder

TABLE = "CREATE TABLE IF NOT EXISTS words (word TEXT) STRICT"


def opened(folder: Path) -> Database:
    return Database(lambda: folder, ((TABLE,),))


async def write(database: Database, word: str) -> None:
    await database.run(lambda rows: rows.execute("INSERT INTO words VALUES (?)", (word,)))


async def words(database: Database) -> list[str]:
    found = await database.run(lambda rows: rows.execute("SELECT word FROM words").fetchall())
    return [row["word"] for row in found]


async def test_what_was_written_is_there_for_the_next_server(tmp_path: Path) -> None:
    first = opened(tmp_path)
    await write(first, "kept")
    first.close()
    second = opened(tmp_path)
    assert await words(second) == ["kept"]
    second.close()


async def test_of_a_change_that_fails_nothing_is_kept(tmp_path: Path) -> None:
    database = opened(tmp_path)

    def half(rows: Rows) -> None:
        rows.execute("INSERT INTO words VALUES ('half')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(half)
    assert await words(database) == []
    database.close()


async def test_who_stops_waiting_undoes_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)
    await words(database)
    writing = asyncio.create_task(write(database, "sent"))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert await words(database) == ["sent"]
    database.close()


async def test_a_second_server_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    await write(first, "mine")
    with pytest.raises(StateUnusable, match=r"no other server uses.*another --state folder"):
        await words(second)
    first.close()
    assert await words(second) == ["mine"]
    second.close()


async def test_a_file_of_an_earlier_form_is_brought_forward_with_what_it_holds(
    tmp_path: Path,
) -> None:
    before = opened(tmp_path)
    await write(before, "kept")
    before.close()
    second = ("ALTER TABLE words ADD COLUMN language TEXT", "UPDATE words SET language = 'en'")
    third = ("CREATE INDEX by_language ON words (language)",)
    for forms in (((TABLE,), second), ((TABLE,), second, third), ((TABLE,), second, third)):
        after = Database(lambda: tmp_path, forms)
        found = await after.run(lambda rows: rows.execute("SELECT * FROM words").fetchall())
        assert [tuple(row) for row in found] == [("kept", "en")]
        after.close()


async def test_a_form_that_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    before = opened(tmp_path)
    await write(before, "kept")
    before.close()
    broken = Database(
        lambda: tmp_path, ((TABLE,), ("ALTER TABLE words ADD COLUMN a TEXT", "no statement"))
    )
    with pytest.raises(StateUnusable):
        broken.read_now(lambda _: None)
    broken.close()
    again = opened(tmp_path)
    assert await words(again) == ["kept"]
    again.close()


async def test_a_file_of_another_form_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    database = opened(tmp_path)
    with pytest.raises(StateUnusable, match="whose form is 99"):
        await words(database)
    database.close()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 40)
    database = opened(tmp_path)
    with pytest.raises(StateUnusable, match=FILE):
        await words(database)
    database.close()


async def test_what_was_erased_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    database = opened(tmp_path)
    for number in range(50):
        await write(database, f"secret-word-{number}")
    assert b"secret-word" in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    await database.erase(lambda rows: rows.execute("DELETE FROM words"))
    assert b"secret-word" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    database.close()


async def test_a_servers_own_folder_goes_with_it(tmp_path: Path) -> None:
    state = StateFolder()
    assert not state.is_used
    folder = state.path()
    assert state.is_used
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0
    state.remove()
    assert not folder.exists()
    given = StateFolder(tmp_path / "given")
    given.path()
    given.remove()
    assert (tmp_path / "given").is_dir()


async def test_the_folder_of_a_server_that_was_killed_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    abandoned, used = StateFolder(), StateFolder()
    database = Database(used.path, ((TABLE,),))
    await write(database, "at work")
    assert abandoned.path() != used.path()
    # neither is young any more
    monkeypatch.setattr(folders.time, "time", lambda: 2 * 10**9 + time.perf_counter())
    StateFolder().path()
    assert used.path().is_dir()
    assert not abandoned.path().exists()
    database.close()
