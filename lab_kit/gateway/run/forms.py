"""The forms that a server's database has had, each as what makes it of the one before.

A new version of the lab adds a form at the end, and never changes one that was published: a file
from before is brought forward when it is opened, one from a later version is refused.
"""

from lab_kit.core.errors import InterruptedTooOften
from lab_kit.gateway.door import key_table, tenants, token_keys
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
_WRAPPED = "(SELECT wrapped FROM subjects WHERE subjects.number = subject)"
_OF_TENANT = "(SELECT number FROM subjects WHERE subjects.tenant = {0}.tenant)"
_SEAL_WHAT_IS_THERE = (
    """
    INSERT INTO subjects
    SELECT lower(hex(randomblob(16))), tenant, tenant, new_key() FROM (
        SELECT tenant FROM operations
        UNION SELECT tenant FROM transcriptions
        UNION SELECT tenant FROM answers
    )
    """,
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
    f"UPDATE operations SET made_order = sealed({_WRAPPED}, 'order ' || number, made_order)",
    "UPDATE segments SET segment ="
    f" sealed({_WRAPPED}, 'segment ' || number || '/' || place, segment)",
    f"UPDATE answers SET body = sealed({_WRAPPED}, 'answer ' || tenant || '/' || key, body)",
    """
    UPDATE callbacks SET subject = (
        SELECT subject FROM operations WHERE message = 'msg_' || replace(number, '-', '')
    )
    """,
    f"UPDATE callbacks SET body = sealed({_WRAPPED}, 'message ' || message, body)"
    " WHERE subject IS NOT NULL",
    # of these nobody knows any more whom they are about
    "DELETE FROM callbacks WHERE subject IS NULL",
)
FORMS = (
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
)
