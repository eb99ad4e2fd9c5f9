"""The forms that a server's database has had, each as what makes it of the one before.

A new version of the lab adds a form at the end, and never changes one that was published: a file
from before is brought forward when it is opened, one from a later version is refused.
"""

from lab_kit.gateway.door import key_table, tenants, token_keys
from lab_kit.gateway.state import answers, subjects
from lab_kit.gateway.transcriptions import kept_uploads, operations
from lab_kit.gateway.webhooks import callbacks, webhooks

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
    ),
)
