"""An audit log as a server leaves it, and ways to change it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab_kit.auditor import CHECKPOINTS_FILE, LOG_FILE
from lab_kit.governance.canonical import canonical
from lab_kit.governance.checkpoint import SEED_BYTES, Signer
from lab_kit.governance.record import Action, Entry, Head

SIGNER = Signer("lab_kit/audit/of-tests", bytes(range(SEED_BYTES)))
RECORDS, SIGNED_EVERY = 20, 5


def entries(count: int = RECORDS, tenant: str = "acme") -> list[Entry]:
    """A server that starts, and refuses one call after another."""
    about = {"reason": "UNAUTHENTICATED"}
    opened = Entry(Action.LOG_OPENED, 0, about={"origin": SIGNER.name})
    calls = [Entry(Action.CALL_REFUSED, n, tenant, about=about) for n in range(1, count)]
    return [opened, *calls]


def write(
    folder: Path, lines: Sequence[bytes], signer: Signer = SIGNER, every: int = SIGNED_EVERY
) -> None:
    """Write records, signed every so often and at the end."""
    folder.mkdir(exist_ok=True)
    (folder / LOG_FILE).write_bytes(b"".join(line + b"\n" for line in lines))
    head, notes = Head(), ""
    for line in lines:
        head = head.after(line)
        if head.tree.size % every == 0 or head.tree.size == len(lines):
            notes += signer.checkpoint(head.tree.size, head.tree.root)
    (folder / CHECKPOINTS_FILE).write_text(notes, "utf-8")


def lines_of(made: Sequence[Entry]) -> list[bytes]:
    """Each entry as its record."""
    head, lines = Head(), []
    for entry in made:
        lines.append(head.line(entry))
        head = head.after(lines[-1])
    return lines


def records(folder: Path) -> list[bytes]:
    return (folder / LOG_FILE).read_bytes().splitlines()


def put_records(folder: Path, lines: Sequence[bytes]) -> None:
    """Change the records, and leave the checkpoints as they are."""
    (folder / LOG_FILE).write_bytes(b"".join(line + b"\n" for line in lines))


def changed(line: bytes, **fields: Any) -> bytes:
    """A record with other fields, still in its one form."""
    return canonical({**json.loads(line), **fields})


def other_history(at: int) -> list[bytes]:
    """The same, but for one record, with all hashes as they must be then."""
    made = entries()
    made[at] = replace(made[at], tenant="somebody-else")
    return lines_of(made)
