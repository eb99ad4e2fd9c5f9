"""The people whom stored data is about, each with a key that all of it is sealed with.

A subject is named by whoever calls, and belongs to a tenant. Where a call names none, what is kept
of it is about the tenant itself. The name is kept while anything of the subject is, and goes with
it: it ought to say nothing to others, such as a customer's number.
"""

import re
from dataclasses import dataclass
from uuid import UUID, uuid4

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.database.rows import Rows

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
KEYS = "subjects"
"""The table where keys are: whoever destroys one has the table written anew."""
WRAPPED = "(SELECT wrapped FROM subjects WHERE subjects.number = subject) AS wrapped"
"""A column of every statement that reads what is sealed: the key of whom it is about."""
_HELD_BY = ("operations", "transcriptions", "uploads", "answers", "callbacks")
"""Tables that name a subject by its number."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One that something is kept of.

    Attributes:
        wrapped: its key, as `Sealer` takes it.
    """

    number: str
    wrapped: bytes


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


def subject_of(rows: Rows, tenant: TenantId, name: str | None) -> Subject:
    """A tenant's subject, with a key from now on; in the transaction that keeps something of it."""
    named = str(tenant), name or str(tenant)
    subject = _found(rows, *named)
    if subject is None:
        subject = Subject(str(uuid4()), rows.sealer.new_key())
        values = (subject.number, *named, subject.wrapped)
        rows.execute("INSERT INTO subjects VALUES (?, ?, ?, ?)", values)
    return subject


def subject_of_operation(rows: Rows, number: UUID) -> Subject:
    """Whom an operation is about; in a transaction in which it is there."""
    sql = f"SELECT subject, {WRAPPED} FROM operations WHERE number = ?"
    row = rows.execute(sql, (str(number),)).fetchone()
    return Subject(row["subject"], row["wrapped"])


def key_of(rows: Rows, number: str) -> bytes:
    """A subject's key."""
    row = rows.execute("SELECT wrapped FROM subjects WHERE number = ?", (number,)).fetchone()
    return rows.sealer.key_of(row["wrapped"])


def find(rows: Rows, tenant: str, name: str) -> str | None:
    """The number of a tenant's subject; None where nothing of it is kept."""
    subject = _found(rows, tenant, name)
    return None if subject is None else subject.number


def forget_unused(rows: Rows) -> int:
    """Destroy the keys of those of whom nothing is kept any more, and their names with them;
    returns how many."""
    held = " UNION ".join(
        f"SELECT subject FROM {table} WHERE subject IS NOT NULL" for table in _HELD_BY
    )
    return rows.execute(f"DELETE FROM subjects WHERE number NOT IN ({held})").rowcount


def check(rows: Rows) -> None:
    """Make sure that the keys can be unwrapped: one tells of all.

    Raises:
        StateUnusable: another root key wrapped them.
    """
    row = rows.execute("SELECT wrapped FROM subjects LIMIT 1").fetchone()
    if row is not None:
        rows.sealer.key_of(row["wrapped"])


def _found(rows: Rows, tenant: str, name: str) -> Subject | None:
    row = rows.execute(
        "SELECT number, wrapped FROM subjects WHERE tenant = ? AND name = ?", (tenant, name)
    ).fetchone()
    return None if row is None else Subject(row["number"], row["wrapped"])
