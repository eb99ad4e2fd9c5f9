"""The forms that a server's database has had, each as what makes it of the one before.

A new version of the lab adds a form at the end, and never changes one that was published: a file
from before is brought forward when it is opened, one from a later version is refused.
"""

import json

from lab_kit.core.errors import InterruptedTooOften
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.database.tables import Step
from lab_kit.gateway.door import key_table, sound, tenants, token_keys
from lab_kit.gateway.meters import metered
from lab_kit.gateway.state import answers, subjects
from lab_kit.gateway.transcriptions import kept_uploads, operations
from lab_kit.gateway.webhooks import callbacks, webhooks
from lab_kit.protocol.error_body import ErrorEnvelope

_NOT_SEALED = InterruptedTooOften(
    "a recording that was kept by a version of the server that did not seal it",
    "one that came after the server was changed",
    "send it again",
)
_ERROR = ErrorEnvelope.of(_NOT_SEALED, None).error.model_dump_json().replace("'", "''")
_OF_TENANT = "(SELECT number FROM subjects WHERE subjects.tenant = {0}.tenant)"


def _name_tenants(rows: Rows) -> None:
    """Nobody was named before: what is there is about its tenant."""
    tenants = rows.execute(
        "SELECT tenant FROM operations UNION SELECT tenant FROM transcriptions"
        " UNION SELECT tenant FROM answers"
    )
    for row in tenants.fetchall():
        subjects.subject_of(rows, TenantId(row["tenant"]), None)


def _seal(rows: Rows, table: str, column: str, context: str, *key: str) -> None:
    """Seal a column, of one row after the other.

    Args:
        context: with places for what the key's columns hold.
    """
    where = " AND ".join(f"{name} = ?" for name in key)
    sql = f"SELECT {column} AS value, {subjects.WRAPPED} FROM {table} WHERE {where}"
    for named in rows.execute(f"SELECT {', '.join(key)} FROM {table}").fetchall():
        row = rows.execute(sql, tuple(named)).fetchone()
        sealed = rows.sealer.seal(row["wrapped"], context.format(*named), row["value"])
        rows.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (sealed, *named))


def _seal_all(rows: Rows) -> None:
    _seal(rows, "operations", "made_order", "order {}", "number")
    _seal(rows, "segments", "segment", "segment {}/{}", "number", "place")
    _seal(rows, "answers", "body", "answer {}/{}", "tenant", "key")
    _seal(rows, "callbacks", "body", "message {}", "message")


_SEAL_WHAT_IS_THERE: tuple[Step, ...] = (
    _name_tenants,
    # their sound is not sealed, and goes when the server begins
    "DELETE FROM uploads",
    "DELETE FROM segments WHERE number NOT IN (SELECT number FROM transcriptions)",
    f"UPDATE operations SET state = 'FAILED', error = '{_ERROR}'"
    " WHERE state IN ('RECEIVING', 'QUEUED', 'RUNNING')",
    *(
        f"UPDATE {table} SET subject = {_OF_TENANT.format(table)}"
        for table in ("operations", "transcriptions", "answers")
    ),
    "UPDATE segments SET subject ="
    " (SELECT subject FROM transcriptions WHERE transcriptions.number = segments.number)",
    """
    UPDATE callbacks SET subject = (
        SELECT subject FROM operations WHERE message = 'msg_' || replace(number, '-', '')
    )
    """,
    # of these nobody knows any more whom they are about
    "DELETE FROM callbacks WHERE subject IS NULL",
    _seal_all,
)


def _note_providers(rows: Rows) -> None:
    """In whose words operations were asked for was looked for in what is sealed now."""
    found = rows.execute(f"SELECT number, made_order, {subjects.WRAPPED} FROM operations")
    for row in found.fetchall():
        foreign = json.loads(operations.opened_order(rows, row))["foreign"]
        if foreign is not None:
            named = (foreign["provider"], row["number"])
            rows.execute("UPDATE operations SET provider = ? WHERE number = ?", named)


def _note_keeping(rows: Rows) -> None:
    """What settings say of how long things are kept was read out of them by each statement."""
    for row in rows.execute("SELECT name, settings FROM tenants").fetchall():
        tenants.put(rows, row["name"], tenants.read_settings(row["settings"]))


FORMS: tuple[tuple[Step, ...], ...] = (
    (
        *operations.TABLES,
        *kept_uploads.TABLES,
        *answers.TABLES,
        *webhooks.TABLES,
        *callbacks.TABLES,
    ),
    (
        *key_table.TABLES,
        *tenants.TABLES,
        *token_keys.TABLES,
        *subjects.TABLES,
        *operations.SEALED,
        *kept_uploads.SEALED,
        *answers.SEALED,
        *callbacks.SEALED,
        *_SEAL_WHAT_IS_THERE,
    ),
    (
        # what opened values inside of SQL, in files that had the second form
        "DROP VIEW IF EXISTS opened_operations",
        "DROP VIEW IF EXISTS opened_segments",
        "DROP VIEW IF EXISTS keeping",
        *operations.PROVIDED,
        _note_providers,
        *tenants.KEEPING,
        _note_keeping,
        *sound.TABLES,
    ),
    metered.TABLES,
)
