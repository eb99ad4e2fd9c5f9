"""SQLite's statements in PostgreSQL's words."""

import pytest

from lab_kit.database.postgres import rewritten
from lab_kit.gateway.run.forms import FORMS


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("SELECT * FROM a WHERE b = ? AND c = ?", "SELECT * FROM a WHERE b = %s AND c = %s"),
        ("SELECT '100%'", "SELECT '100%%'"),
        ("SELECT '?:b%', :now_ms, a", "SELECT '?:b%%', %(now_ms)s, a"),
        (
            "CREATE TABLE a (b TEXT, c INTEGER, d REAL, e BLOB) STRICT, WITHOUT ROWID",
            'CREATE TABLE a (b TEXT COLLATE "C", c BIGINT, d DOUBLE PRECISION, e BYTEA)',
        ),
        ("ALTER TABLE a ADD COLUMN b INTEGER", "ALTER TABLE a ADD COLUMN b BIGINT"),
        ("INSERT INTO a VALUES ('INTEGER')", "INSERT INTO a VALUES ('INTEGER')"),
    ],
)
def test_what_differs_is_rewritten(said: str, meant: str) -> None:
    assert rewritten(said) == meant


def test_nothing_of_sqlites_own_is_left_in_the_tables() -> None:
    statements = [step for form in FORMS for step in form if isinstance(step, str)]
    assert len(statements) > 20
    for made in map(rewritten, statements):
        assert not any(word in made for word in ("STRICT", "ROWID", "BLOB", "AUTOINCREMENT"))
