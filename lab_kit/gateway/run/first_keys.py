"""Keys for a server that does not run yet, in the folder that it will be started with."""

import os
from functools import partial
from pathlib import Path

from lab_kit.database.sealing import ROOT_KEY
from lab_kit.gateway.door.api_keys import ApiKeys
from lab_kit.gateway.door.pepper import PEPPER
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.observe.audit.log import AUDIT_FOLDER, AUDIT_KEY, AuditLog
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.protocol.api_keys import MadeKey, NewKey


def make_key(folder: Path, new: NewKey, database_url: str | None = None) -> MadeKey:
    """Make a key, and keep its digest in a server's folder, or in its PostgreSQL database.

    Raises:
        InvalidParameter: a key that cannot be.
        StateUnusable: the folder cannot be used, or a server does.
    """
    # what an earlier version kept may be sealed now, as the server would have done
    root = partial(ROOT_KEY.of, os.environ)
    database = Database(StateFolder(folder).path, FORMS, root, database_url)
    log = AuditLog(folder / AUDIT_FOLDER, lambda: AUDIT_KEY.of(os.environ), Metrics())
    try:
        keys = ApiKeys(database, lambda: PEPPER.of(os.environ), Audit(log))
        keys.load()
        log.open()
        return keys.make_now(new)
    finally:
        log.close()
        database.close()
