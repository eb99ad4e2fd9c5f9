"""All stores, by whom what they hold is about: listed, handed over as one file, and erased.

What is erased is gone twice: its rows and files, and the key that copies of them were sealed with.
Dead letters are no store: they hold nothing of a person.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from io import RawIOBase
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from lab_kit.core.clock import wall_clock_of
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.observe.audit.audit import ASKED, Audit
from lab_kit.gateway.state import answers
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import is_held
from lab_kit.gateway.state.subjects import KEYS, WRAPPED, find, key_of
from lab_kit.gateway.transcriptions import kept_uploads, transcripts
from lab_kit.gateway.transcriptions.operations import opened_order
from lab_kit.gateway.transcriptions.spool import Spool
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.gateway.webhooks import webhooks
from lab_kit.gateway.webhooks.callbacks import opened_body
from lab_kit.protocol.subjects import (
    ANSWER_FOLDER,
    DATA_FILE,
    RECORDING_FOLDER,
    REDACTED_FOLDER,
    ErasedOfSubject,
    KeptItem,
    KeptOfSubject,
)

_PIECE_BYTES = 2**18
_ROWS = {
    "operations": (
        "SELECT number AS name, created_ms, expires_ms, length(made_order) AS size"
        " FROM operations WHERE subject = ?"
    ),
    "transcriptions": (
        "SELECT number AS name, created_ms, expires_ms,"
        " (SELECT SUM(length(segment)) FROM segments"
        " WHERE segments.number = transcriptions.number) AS size"
        " FROM transcriptions WHERE subject = ?"
    ),
    "recordings": (
        f"SELECT number AS name, whole_until_ms - {round(kept_uploads.KEPT_S * 1_000)}"
        " AS created_ms, whole_until_ms AS expires_ms, NULL AS size FROM uploads WHERE subject = ?"
    ),
    "answers": (
        f"SELECT key AS name, kept_ms AS created_ms, kept_ms + {round(answers.KEPT_S * 1_000)}"
        " AS expires_ms, length(body) AS size FROM answers WHERE subject = ?"
    ),
    "callbacks": (
        f"SELECT message AS name, created_ms, created_ms + {round(webhooks.KEPT_S * 1_000)}"
        " AS expires_ms, length(body) AS size FROM callbacks WHERE subject = ?"
    ),
    "deliveries": (
        "SELECT message || ' to ' || webhook AS name, created_ms,"
        f" created_ms + {round(webhooks.KEPT_S * 1_000)} AS expires_ms, length(body) AS size"
        " FROM deliveries WHERE message IN"
        " (SELECT 'msg_' || replace(number, '-', '') FROM operations WHERE subject = ?)"
    ),
}
_DELETED = (
    "DELETE FROM deliveries WHERE message IN"
    " (SELECT 'msg_' || replace(number, '-', '') FROM operations WHERE subject = ?)",
    "DELETE FROM callbacks WHERE subject = ?",
    "DELETE FROM answers WHERE subject = ?",
    "DELETE FROM segments WHERE subject = ?",
    "DELETE FROM transcriptions WHERE subject = ?",
    "DELETE FROM uploads WHERE subject = ?",
    "DELETE FROM operations WHERE subject = ?",
    "DELETE FROM subjects WHERE number = ?",
)


class Stored:
    """The stores of one server."""

    def __init__(self, database: Database, transcriber: Transcriber, audit: Audit) -> None:
        self._database = database
        self._transcriber = transcriber
        self._audit = audit

    async def kept(self, tenant: TenantId, subject: str) -> KeptOfSubject:
        """What is kept of somebody: names, times and sizes, and no words."""

        def work(rows: Rows) -> tuple[list[KeptItem], bool]:
            number = find(rows, str(tenant), subject)
            return [] if number is None else _items(rows, number), is_held(rows, tenant)

        items, held = await self._database.run(work)
        return KeptOfSubject(str(tenant), subject, held, tuple(self._with_sound(items)))

    async def exported(self, tenant: TenantId, subject: str) -> Iterator[bytes]:
        """All that is kept of somebody as the pieces of a ZIP file: what was said, what was asked
        for, and the sound that is still there."""
        kept = await self.kept(tenant, subject)

        def work(rows: Rows) -> tuple[dict[str, object], bytes]:
            number = find(rows, str(tenant), subject)
            if number is None:
                return {}, b""
            return _words(rows, tenant, number), key_of(rows, number)

        words, key = await self._database.run(work)
        data = json.dumps({**asdict(kept), **words}, ensure_ascii=False, indent=1)
        return self._zipped(data, kept, key)

    async def erase(self, tenant: TenantId, subject: str) -> ErasedOfSubject:
        """Erase all of it, unless the tenant is under a legal hold."""

        def work(rows: Rows) -> tuple[str | None, list[KeptItem], bool]:
            number, held = find(rows, str(tenant), subject), is_held(rows, tenant)
            items = [] if number is None else _items(rows, number)
            if number is not None and not held:
                for statement in _DELETED:
                    rows.execute(statement, (number,))
            return number, items, held

        number, items, held = await self._database.erase(work)
        counts = dict(Counter(one.store for one in self._with_sound(items)))
        if held:
            return ErasedOfSubject(str(tenant), subject, {}, counts, False)
        self._transcriber.give_up(_named(items, "operations", "recordings", "transcriptions"))
        if number is not None:
            # by the number, which says nothing once the row is gone: the log cannot forget a name
            self._audit.deleted("subject", [(str(tenant), UUID(number))], ASKED)
        # also where it is asked for again, because this failed
        await self._database.rewrite(KEYS)
        return ErasedOfSubject(str(tenant), subject, counts, {}, number is not None)

    def _zipped(self, data: str, kept: KeptOfSubject, key: bytes) -> Iterator[bytes]:
        pipe = _Pipe()
        with ZipFile(pipe, "w", ZIP_DEFLATED) as file:
            file.writestr(DATA_FILE, data)
            yield pipe.taken()
            for number, one in enumerate(_of(kept, "answers"), 1):
                answer = self._database.read_now(partial(_answer, kept.tenant, one.name))
                if answer is not None:  # kept long enough meanwhile
                    file.writestr(f"{ANSWER_FOLDER}/{number}", answer)
                yield pipe.taken()
            for one in (*_of(kept, RECORDING_FOLDER), *_of(kept, REDACTED_FOLDER)):
                try:
                    sound = self._spool_of(one.store).open(UUID(one.name), key)
                except FileNotFoundError:
                    continue  # transcribed or deleted meanwhile, and gone
                with (
                    sound,
                    file.open(f"{one.store}/{one.name}", "w", force_zip64=True) as member,
                ):
                    while piece := sound.read(_PIECE_BYTES):
                        member.write(piece)
                        yield pipe.taken()
        yield pipe.taken()

    def _spool_of(self, store: str) -> Spool:
        """Where its sound is."""
        own = self._transcriber
        return own.redacted.spool if store == REDACTED_FOLDER else own.spool

    def _with_sound(self, items: list[KeptItem]) -> Iterator[KeptItem]:
        """The sound with its size, while it is there: of operations and transcriptions, too."""
        recordings = _named(items, "operations", RECORDING_FOLDER)
        sizes = self._transcriber.spool.sizes_bytes(recordings)
        redacted = self._transcriber.redacted.spool.sizes_bytes(_named(items, "transcriptions"))
        for one in items:
            if one.store != RECORDING_FOLDER:
                yield one
            is_recording = one.store in ("operations", RECORDING_FOLDER)
            for store, bytes_of, is_of_it in (
                (RECORDING_FOLDER, sizes, is_recording),
                (REDACTED_FOLDER, redacted, one.store == "transcriptions"),
            ):
                if is_of_it and (size := bytes_of.get(UUID(one.name))) is not None:
                    yield KeptItem(store, one.name, one.create_time, one.expire_time, size)


class _Pipe(RawIOBase):
    """What is written, until it is taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def write(self, data: Any) -> int:
        """See `io.RawIOBase`."""
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        """All that was written since it was last asked."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _named(items: list[KeptItem], *stores: str) -> list[UUID]:
    return [UUID(one.name) for one in items if one.store in stores]


def _of(kept: KeptOfSubject, store: str) -> list[KeptItem]:
    return [one for one in kept.items if one.store == store]


def _answer(tenant: str, key: str, rows: Rows) -> bytes | None:
    found = answers.find(rows, TenantId(tenant), key)
    return None if found is None else found.body


def _items(rows: Rows, number: str) -> list[KeptItem]:
    return [
        KeptItem(
            store, row["name"], _told(row["created_ms"]), _told(row["expires_ms"]), row["size"]
        )
        for store, sql in _ROWS.items()
        for row in rows.execute(sql, (number,))
    ]


def _with_sound(items: list[KeptItem], sizes: dict[UUID, int]) -> Iterator[KeptItem]:
    """The recordings with their sizes, those of operations too, while they are there."""
    for one in items:
        if one.store == "operations":
            yield one
        if one.store not in ("operations", "recordings"):
            yield one
        elif (size := sizes.get(UUID(one.name))) is not None:
            yield KeptItem("recordings", one.name, one.create_time, one.expire_time, size)


def _words(rows: Rows, tenant: TenantId, number: str) -> dict[str, object]:
    """What was said and asked for, in full."""
    orders = rows.execute(
        f"SELECT number, made_order, {WRAPPED} FROM operations WHERE subject = ?", (number,)
    )
    asked = {row["number"]: json.loads(opened_order(rows, row)) for row in orders}
    texts = rows.execute("SELECT number FROM transcriptions WHERE subject = ?", (number,))
    said: dict[str, object] = {}
    for row in texts.fetchall():
        said[row["number"]] = asdict(transcripts.find(rows, tenant, UUID(row["number"])))
    messages = rows.execute(
        f"SELECT message, body, {WRAPPED} FROM callbacks WHERE subject = ? AND body != ''",
        (number,),
    )
    return {
        "asked": asked,
        "said": said,
        "to_tell": {row["message"]: opened_body(rows, row) for row in messages},
    }


def _told(at_ms: int | None) -> str | None:
    return None if at_ms is None else wall_clock_of(at_ms)
