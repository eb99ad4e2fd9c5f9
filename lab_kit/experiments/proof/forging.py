"""An audit log as a folder of its own, and what somebody who can write there might do to it.

Records are written and hashed by their descriptions, with nothing of the server's: so is whoever
forges them.

Source: RFC 8785; RFC 9162, 2.1; C2SP, signed-note and tlog-checkpoint, 2024.
"""

import copy
import json
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments.proof.server import Server
from lab_kit.experiments.proof.tree import path_of

SEED_VARIABLE = "LAB_AUDIT_KEY"
_LOG, _CHECKPOINTS = "log.jsonl", "checkpoints"
_NOTE_LINES = 5
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was taken from a server, and can be changed without harm.

    Attributes:
        key: the verifier key, which is no secret.
        notes: the signed checkpoints, oldest first.
    """

    key: str
    lines: tuple[bytes, ...]
    notes: tuple[str, ...]

    @property
    def records(self) -> list[Record]:
        """The records, as copies that may be changed."""
        return [json.loads(line) for line in self.lines]

    def with_records(self, records: Sequence[Record]) -> "Log":
        """The same with other records."""
        return replace(self, lines=tuple(map(line_of, records)))

    def written(self) -> Path:
        """A new folder with it, as `lab_kit.auditor` reads one."""
        folder = Path(tempfile.mkdtemp(prefix="lab-log-"))
        (folder / _LOG).write_bytes(b"".join(line + b"\n" for line in self.lines))
        (folder / _CHECKPOINTS).write_text("".join(self.notes), "utf-8")
        return folder


def line_of(record: Record) -> bytes:
    """A record in its one form, without a line break."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def hash_of(line: bytes) -> str:
    """What the next record has to hold."""
    return sha256(b"\x00" + line).hexdigest()


async def taken(server: Server) -> tuple[Log, str]:
    """A server's log as it is now, and a signed checkpoint of it, to be saved elsewhere.

    Raises:
        LabError: the server keeps none, or cannot be reached.
    """
    signed = await server.operator.audit_checkpoint()
    notes = _notes((server.audit_folder / _CHECKPOINTS).read_text("utf-8"))
    # while a server writes, checkpoints first: the other way round, signed records would be missing
    lines = (server.audit_folder / _LOG).read_bytes().split(b"\n")[:-1]
    return Log(signed.verifier_key, tuple(lines), notes), signed.checkpoint


def unchained(records: Sequence[Record]) -> int | None:
    """The first record that does not hold the hash of the one before it; None where all do.

    This looks at the chain alone, as a naive verifier would.
    """
    before = None
    for number, record in enumerate(records):
        if record.get("previous") != before or record.get("number") != number:
            return number
        before = hash_of(line_of(record))
    return None


def chained(records: Sequence[Record]) -> list[Record]:
    """The records with all numbers and hashes computed anew."""
    before, made = None, []
    for number, record in enumerate(records):
        made.append({**copy.deepcopy(record), "number": number, "previous": before})
        before = hash_of(line_of(made[-1]))
    return made


# -- what somebody might do ----------------------------------------------------------------------


def rewritten(log: Log, server: Server) -> Log:
    """One record tells of another tenant."""
    records = log.records
    records[_middle(log)]["tenant"] = "somebody-else"
    return log.with_records(records)


def rewritten_and_chained(log: Log, server: Server) -> Log:
    """The same, and all later hashes are computed anew."""
    return log.with_records(chained(rewritten(log, server).records))


def reordered(log: Log, server: Server) -> Log:
    """Two records change places, and all later hashes are computed anew."""
    records, at = log.records, _middle(log)
    records[at], records[at + 1] = records[at + 1], records[at]
    return log.with_records(chained(records))


def cut_off(log: Log, server: Server) -> Log:
    """The last records are gone."""
    return log.with_records(log.records[: _middle(log)])


def cut_off_with_checkpoints(log: Log, server: Server) -> Log:
    """The last records are gone, and the checkpoints that tell of them."""
    short = cut_off(log, server)
    notes = tuple(one for one in log.notes if size_of(one) <= len(short.lines))
    return replace(short, notes=notes)


def forked(log: Log, server: Server) -> Log:
    """Another history, signed with the server's own key; the old checkpoints are gone."""
    other = rewritten_and_chained(log, server)
    seed = bytes.fromhex(server.secrets[SEED_VARIABLE])
    return replace(other, notes=(signed_note(other, seed),))


FORGERIES: dict[str, Callable[[Log, Server], Log]] = {
    "a record rewritten": rewritten,
    "rewritten, all later hashes anew": rewritten_and_chained,
    "two records exchanged, hashes anew": reordered,
    "the end cut off": cut_off,
    "the end cut off, checkpoints too": cut_off_with_checkpoints,
    "another history, signed with the server's key": forked,
}


def signed_note(log: Log, seed: bytes) -> str:
    """A checkpoint of a log by whoever has the signing key."""
    name, key_id, _ = log.key.split("+", 2)
    root = path_of(log.lines, 0).root.hash
    text = f"{name}\n{len(log.lines)}\n{b64encode(root).decode()}\n"
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    told = b64encode(bytes.fromhex(key_id) + signature).decode()
    return f"{text}\n\N{EM DASH} {name} {told}\n"


def size_of(note: str) -> int:
    """How many records a checkpoint tells of."""
    return int(note.split("\n")[1])


def root_of(note: str) -> bytes:
    """The root that a checkpoint tells of."""
    return b64decode(note.split("\n")[2])


def _middle(log: Log) -> int:
    """Behind an older checkpoint where there is one, and before the newest.

    Raises:
        InvalidParameter: the log is too short to be forged.
    """
    newest = size_of(log.notes[-1]) if log.notes else 0
    if newest < 4:
        raise InvalidParameter(
            f"a log whose newest checkpoint is of {newest} records",
            "a few more",
            "call the server, and take its log again",
        )
    older = max((size for note in log.notes if (size := size_of(note)) < newest - 2), default=0)
    return max(older, newest // 2)


def _notes(text: str) -> tuple[str, ...]:
    lines = text.splitlines(keepends=True)
    whole = len(lines) - len(lines) % _NOTE_LINES
    return tuple("".join(lines[at : at + _NOTE_LINES]) for at in range(0, whole, _NOTE_LINES))
