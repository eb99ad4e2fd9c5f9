"""Reads the audit log for the operator: records by page, and proofs.

Each reads the file from its beginning, or from where the page before ended, on a thread and one at
a time: a million records take seconds, and no memory. What is not flushed yet is not read.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from lab_kit.core.clock import wall_clock_of
from lab_kit.core.errors import AuditNotKept, InvalidParameter, StateUnusable
from lab_kit.core.shown import shown
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.observe.audit.files import LOG_FILE, LONGEST_LINE_BYTES
from lab_kit.gateway.observe.audit.log import AuditLog
from lab_kit.governance.tree import consistency_ranges, inclusion_ranges, leaf_hash, roots_of
from lab_kit.protocol.audit import AuditCheckpoint, AuditPage, AuditProof, AuditRecord

USUAL_SIZE, LARGEST_SIZE = 100, 1_000
MOST_LOOKED_AT = 100_000
"""Records for one page: half a second."""
SIGNED_S = 10.0
"""For a checkpoint; it is there in a tenth of a second, unless the disk does not answer."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records; what is None or empty asks for all.

    Attributes:
        action: such as ``key.made``, or all of a kind as ``key``.
        since, until: moments in ISO 8601 with a time zone; the second is the first one left out.
        page_token: where the page before ended.
    """

    tenant: str | None = None
    action: str | None = None
    key_id: str | None = None
    request_id: str | None = None
    stream_id: str | None = None
    since: str | None = None
    until: str | None = None
    page_size: int = 0
    page_token: str = ""

    @property
    def size(self) -> int:
        """Of the page.

        Raises:
            InvalidParameter: it is negative.
        """
        if self.page_size < 0:
            raise InvalidParameter(
                f"page_size={self.page_size}", f"0 to {LARGEST_SIZE}", "leave it out"
            )
        return min(self.page_size or USUAL_SIZE, LARGEST_SIZE)

    def fits(self, record: AuditRecord, since: str, until: str) -> bool:
        """Whether a record is asked for; the moments are written as a record's own."""
        wanted = (self.tenant, self.key_id, self.request_id, self.stream_id)
        has = (record.tenant, record.key_id, record.request_id, record.stream_id)
        is_named = all(one in (None, other) for one, other in zip(wanted, has, strict=True))
        is_kind = self.action in (None, record.action, record.action.partition(".")[0])
        return is_named and is_kind and since <= record.time and (not until or record.time < until)


class AuditReader:
    """Reads one server's.

    Args:
        audit: whose log it is; none where the server keeps none.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._turn = asyncio.Lock()

    async def checkpoint(self) -> AuditCheckpoint:
        """One of all that has happened until now.

        Raises:
            AuditNotKept: there is no log.
            StateUnusable: it cannot be written now.
        """
        log = self._log
        try:
            async with asyncio.timeout(SIGNED_S):
                checkpoint = await asyncio.wrap_future(log.signed())
        except TimeoutError as error:
            raise StateUnusable(
                f"an audit log that was not written for {SIGNED_S:.0f} s",
                "a disk that answers",
                "look at the server's log",
            ) from error
        return AuditCheckpoint(checkpoint, log.verifier_key)

    async def page(self, asked: AuditQuery) -> AuditPage:
        """Some records.

        Raises:
            AuditNotKept: there is no log.
            InvalidParameter: a moment or a token that is none.
        """
        log, size = self._log, asked.size
        since, until = _moment(asked.since), _moment(asked.until)

        def read() -> AuditPage:
            found: list[AuditRecord] = []
            at = _begin(log, asked.page_token)
            for line in islice(_lines(log, at), MOST_LOOKED_AT):
                at += len(line)
                record = AuditRecord(**json.loads(line))
                if asked.fits(record, since, until):
                    found.append(record)
                if len(found) == size:
                    break
            return AuditPage(tuple(found), str(at) if at < log.written.end_bytes else "")

        return await self._alone(read)

    async def inclusion(self, record: int, size: int) -> AuditProof:
        """Shows that a record is among the first ``size``.

        Raises:
            AuditNotKept: there is no log.
            InvalidParameter: there is no such record, or are not so many.
        """
        log = self._log
        _check_size(log, size)
        ranges = inclusion_ranges(record, size)

        def read() -> AuditProof:
            line = next(islice(_lines(log), record, None))[:-1].decode()
            return AuditProof(size, _hashes(log, size, ranges), record, line)

        return await self._alone(read)

    async def consistency(self, old_size: int, size: int) -> AuditProof:
        """Shows that the log of ``size`` records begins with that of ``old_size``.

        Raises:
            AuditNotKept: there is no log.
            InvalidParameter: there are not so many, or the one is not smaller.
        """
        log = self._log
        _check_size(log, size)
        ranges = consistency_ranges(old_size, size)
        return await self._alone(
            lambda: AuditProof(size, _hashes(log, size, ranges), old_size=old_size)
        )

    @property
    def _log(self) -> AuditLog:
        if self._audit.log is None:
            raise AuditNotKept(
                "the audit log, which is not kept",
                "a server that keeps one",
                "start it with --state FOLDER, or --audit FOLDER",
            )
        return self._audit.log

    async def _alone(self, read: Callable[[], _T]) -> _T:
        async with self._turn:
            return await asyncio.to_thread(read)


def _hashes(log: AuditLog, size: int, ranges: list[range]) -> tuple[str, ...]:
    leaves = (leaf_hash(line[:-1]) for line in islice(_lines(log), size))
    return tuple(one.hex() for one in roots_of(leaves, ranges))


def _lines(log: AuditLog, at: int = 0) -> Iterator[bytes]:
    """The records from that byte on, with their breaks, as far as they are flushed."""
    end_bytes = log.written.end_bytes
    with (log.folder / LOG_FILE).open("rb") as file:
        file.seek(at)
        while at < end_bytes:
            line = file.readline(LONGEST_LINE_BYTES)
            at += len(line)
            yield line


def _begin(log: AuditLog, token: str) -> int:
    """Where a page begins.

    Raises:
        InvalidParameter: no record does there.
    """
    if not token:
        return 0
    if token.isascii() and token.isdecimal() and len(token) < 20:
        at = int(token)
        with (log.folder / LOG_FILE).open("rb") as file:
            file.seek(max(0, at - 1))
            if 0 < at <= log.written.end_bytes and file.read(1) == b"\n":
                return at
    raise InvalidParameter(
        f"page_token={shown(token)}",
        "the next_page_token of the page before",
        "begin with the first page, without a token",
    )


def _moment(told: str | None) -> str:
    """As records write it; empty for none.

    Raises:
        InvalidParameter: it is no moment.
    """
    if not told:
        return ""
    try:
        at = datetime.fromisoformat(told)
        if at.tzinfo is None:
            raise ValueError
        return wall_clock_of(round(at.timestamp() * 1_000))
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(
            f"the moment {shown(told)}", "such as 2026-01-31T12:00:00Z", "write it like that"
        ) from error


def _check_size(log: AuditLog, size: int) -> None:
    if not 0 < size <= log.written.head.tree.size:
        raise InvalidParameter(
            f"a log of {size} records",
            f"1 to {log.written.head.tree.size}, which are written",
            "take the size that a checkpoint says",
        )
