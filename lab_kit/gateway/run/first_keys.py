"""Keys for a server that does not run yet, in the folder that it will be started with."""

import os
from pathlib import Path

from lab_kit.gateway.door.api_keys import ApiKeys
from lab_kit.gateway.door.pepper import pepper
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.protocol.api_keys import MadeKey, NewKey


def make_key(folder: Path, new: NewKey) -> MadeKey:
    """Make a key, and keep its digest in a server's folder.

    Raises:
        InvalidParameter: a key that cannot be.
        StateUnusable: the folder cannot be used, or a server does.
    """
    database = Database(StateFolder(folder).path, FORMS)
    try:
        keys = ApiKeys(database, lambda: pepper(os.environ))
        keys.load()
        return keys.make_now(new)
    finally:
        database.close()
