"""The people whom stored data is about, each with a key that all of it is sealed with.

A subject is named by whoever calls, and belongs to a tenant. Where a call names none, what is kept
of it is about the tenant itself. The name is kept while anything of the subject is, and goes with
it: it ought to say nothing to others, such as a customer's number.
"""

import re
import sqlite3
from uuid import uuid4

from lab_kit.core.errors import InvalidParameter, StateUnusable
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.gateway.state.sealing import ROOT_VARIABLE

SUBJECT = "x-subject"
"""The header, and gRPC's metadata, by which a call says whom its sound and words are about."""
TABLES = (
    """
    CREATE TABLE subjects (
        number TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        wrapped BLOB NOT NULL,
        UNIQUE (tenant, name)
    ) STRICT
    """,
)
LONGEST_SUBJECT = 128
_NAME = re.compile(rf"[!-~]{{1,{LONGEST_SUBJECT}}}")
_HELD_BY = ("operations", "transcriptions", "uploads", "answers", "callbacks")
"""Tables that name a subject by its number."""


def subject_named(told: str | None) -> str | None:
    """A subject's name from a header; None where there is none.

    Raises:
        InvalidParameter: it cannot be one.
    """
    if told is not None and not _NAME.fullmatch(told):
        raise InvalidParameter(
            f"{SUBJECT}: {shown(told)}",
            f"1 to {LONGEST_SUBJECT} visible ASCII characters without spaces",
            "send a name of your own for the person, such as a customer's number",
        )
    return told


def subject_of(rows: sqlite3.Connection, tenant: TenantId, name: str | None) -> str:
    """The number of a tenant's subject, with a key from now on; in the transaction that keeps
    something of it."""
    named = str(tenant), name or str(tenant)
    rows.execute(
        "INSERT INTO subjects VALUES (?, ?, ?, new_key()) ON CONFLICT DO NOTHING",
        (str(uuid4()), *named),
    )
    return str(_found(rows, *named))


def key_of(rows: sqlite3.Connection, number: str) -> bytes:
    """A subject's key."""
    row = rows.execute(
        "SELECT key_of(wrapped) AS key FROM subjects WHERE number = ?", (number,)
    ).fetchone()
    return bytes(row["key"])


def find(rows: sqlite3.Connection, tenant: str, name: str) -> str | None:
    """The number of a tenant's subject; None where nothing of it is kept."""
    return _found(rows, tenant, name)


def forget_unused(rows: sqlite3.Connection) -> None:
    """Destroy the keys of those of whom nothing is kept any more, and their names with them."""
    held = " UNION ".join(
        f"SELECT subject FROM {table} WHERE subject IS NOT NULL" for table in _HELD_BY
    )
    rows.execute(f"DELETE FROM subjects WHERE number NOT IN ({held})")


def check(rows: sqlite3.Connection) -> None:
    """Make sure that the keys can be unwrapped: one tells of all.

    Raises:
        StateUnusable: another root key wrapped them.
    """
    try:
        rows.execute("SELECT key_of(wrapped) FROM subjects LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:  # what a function raised, without its words
        raise StateUnusable(
            f"subjects' keys that the key in {ROOT_VARIABLE} did not wrap",
            "the key that the folder was used with before",
            f"set {ROOT_VARIABLE} to it, or start the server with another --state folder",
        ) from error


def _found(rows: sqlite3.Connection, tenant: str, name: str) -> str | None:
    row = rows.execute(
        "SELECT number FROM subjects WHERE tenant = ? AND name = ?", (tenant, name)
    ).fetchone()
    return None if row is None else row["number"]
