"""What is kept of a person, and what a copy of it is worth once their key is destroyed.

The copy is read as a thief would, by the formats alone: the database's tables, RFC 3394 for the
wrapped key, AES-GCM for what is sealed. Nothing of the server's is used but its secrets.
"""

import asyncio
import json
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from lab_kit import client
from lab_kit.client.requests import read_as, refused
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.proof.server import Server
from lab_kit.experiments.retention.entries import server_of
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.operations import Operation
from lab_kit.protocol.subjects import ErasedOfSubject, KeptOfSubject
from lab_kit.protocol.tenants import TenantSettings

ROOT_VARIABLE = "LAB_SUBJECT_KEY"
_WAIT_S, _LOOK_S = 60.0, 0.25
_SEALED = "sealed:"
_NONCE_BYTES, _ROOT_BYTES = 12, 32
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of all that a server keeps, as a back-up would be; it goes with this process."""

    held: "tempfile.TemporaryDirectory[str]"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return Path(self.held.name) / "state"


@dataclass(frozen=True, slots=True)
class Opening:
    """A try to read what is sealed.

    Attributes:
        holding: what whoever tries has, as a phrase.
        told: the words; empty where they stay sealed.
        why: why they do.
    """

    holding: str
    told: str
    why: str = ""


async def keep(server: Server, key: str, subject: str, clip: Clip, ttl_s: float = 86_400.0) -> str:
    """Have a recording of somebody transcribed and kept; returns the text.

    Raises:
        LabError: the server refused.
    """
    address = replace(server.address, key=key)
    async with server_of(address) as asking:
        answer = await asking.post(
            "/v1/transcriptions",
            params={"ttl_s": f"{ttl_s:g}"},
            content=clip.pcm16,
            headers={"content-type": "audio/l16;rate=16000", "x-subject": subject},
        )
    if not answer.is_success:
        raise refused(answer)
    operations = client.Operations(address.url, key)
    done = await operations.wait(read_as(Operation, answer.content).name, _WAIT_S)
    return (await operations.result(done)).text


async def expired(server: Server, tenant: str, subject: str, clip: Clip, tier_s: float) -> Table:
    """Keep a recording of somebody for a day, cut the tenant's tier, and look until it is gone.

    Args:
        tenant: one of its own, since the tier holds for all that is kept.

    Raises:
        LabError: the server refused.
        TimeoutError: it was still there after a minute.
    """
    key = (await server.operator.make_key(NewKey(tenant))).key
    await server.operator.set_tenant(tenant, TenantSettings())
    await keep(server, key, subject, clip)
    await server.operator.set_tenant(tenant, TenantSettings(retention_s=tier_s))
    begun_s = time.perf_counter()
    async with asyncio.timeout(_WAIT_S):
        while (await server.operator.kept_of(tenant, subject)).items:
            await asyncio.sleep(_LOOK_S)
    gone_s = time.perf_counter() - begun_s
    await server.operator.audit_checkpoint()  # what has happened until now is in the log then
    gone = [one async for one in server.operator.audit_records(tenant=tenant, action="data")]
    rows = [
        ("the tier, once it was kept", f"{tier_s:.1f} s"),
        ("gone after", f"{gone_s:.1f} s"),
        ("the log says", f"{gone[-1].about['kind']}: {gone[-1].about['why']}"),
    ]
    return Table("thing told", ("", ""), rows, left=2)


def kept_table(kept: KeptOfSubject) -> Table:
    """A row for each thing that is kept of a person."""
    rows = [
        (one.store, one.create_time or "-", one.expire_time or "-", str(one.size_bytes or "-"))
        for one in kept.items
    ]
    held = "under a legal hold" if kept.is_held else "under no legal hold"
    notes = [f"{len(rows)} things of {kept.subject}, tenant {kept.tenant}, {held}."]
    return Table("thing", ("in", "since", "until", "bytes"), rows, notes, left=3)


def erased_table(erased: ErasedOfSubject) -> Table:
    """What was erased, what was not, and whether the key is destroyed."""
    rows = [
        ("erased", _counted(erased.erased)),
        ("held", _counted(erased.held)),
        ("key destroyed", "yes" if erased.is_key_destroyed else "no"),
    ]
    return Table("answer", ("", ""), rows, left=2)


def copied(server: Server) -> Copied:
    """Copy the folder, as it is now."""
    made = Copied(tempfile.TemporaryDirectory(prefix="lab-copy-"))
    shutil.copytree(server.state_folder, made.folder)
    return made


def openings(server: Server, copy: Copied, subject: str) -> tuple[Opening, ...]:
    """Try to read the first that a copy holds of somebody's words, with more and less at hand."""
    root = bytes.fromhex(server.secrets[ROOT_VARIABLE])
    number, place, key_name, sealed = _first_segment(copy.folder, subject)
    context = f"segment {number}/{place}"
    now = copied(server)  # the server does not let others read its database
    from_copy, from_server = (_wrapped(one.folder, key_name) for one in (copy, now))
    now.held.cleanup()
    tries = {
        "the copy alone": (from_copy, bytes(_ROOT_BYTES)),
        "the sealed words, the secret, and the server as it is": (from_server, root),
        "the whole copy, and the secret": (from_copy, root),
    }
    return tuple(
        _opened(holding, wrapped, secret, context, sealed)
        for holding, (wrapped, secret) in tries.items()
    )


def readable(tried: tuple[Opening, ...]) -> int:
    """How many of the tries read the words."""
    return sum(bool(one.told) for one in tried)


def openings_table(*several: tuple[str, tuple[Opening, ...]]) -> Table:
    """A row for each try, with when it was."""
    rows = [
        (when, one.holding, one.told[:_SHOWN_CHARS] or f"sealed: {one.why}")
        for when, tried in several
        for one in tried
    ]
    return Table("try", ("when", "whoever has", "reads"), rows, left=3)


def _opened(
    holding: str, wrapped: bytes | None, root: bytes, context: str, sealed: bytes
) -> Opening:
    if wrapped is None:
        return Opening(holding, "", "the key is gone")
    try:
        key = aes_key_unwrap(root, wrapped)
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        told = AESGCM(key).decrypt(nonce, rest, context.encode())
    except (InvalidUnwrap, InvalidTag):
        return Opening(holding, "", "that secret does not open the key")
    return Opening(holding, str(json.loads(told)["text"]))


def _first_segment(folder: Path, name: str) -> tuple[str, int, str, bytes]:
    sql = (
        "SELECT segments.number, place, subject, segment FROM segments"
        " JOIN subjects ON subjects.number = subject WHERE name = ? ORDER BY place LIMIT 1"
    )
    with closing(sqlite3.connect(_database(folder))) as rows:
        number, place, subject, segment = rows.execute(sql, (name,)).fetchone()
    return number, place, subject, bytes.fromhex(segment.removeprefix(_SEALED))


def _wrapped(folder: Path, subject: str) -> bytes | None:
    sql = "SELECT wrapped FROM subjects WHERE number = ?"
    with closing(sqlite3.connect(_database(folder))) as rows:
        row = rows.execute(sql, (subject,)).fetchone()
    return None if row is None else bytes(row[0])


def _database(folder: Path) -> Path:
    return folder / "state.sqlite"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} in {store}" for store, count in counts.items()) or "nothing"
