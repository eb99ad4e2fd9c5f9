"""The operations of a server, as they are kept: every change is one transaction.

What a caller asks for is always asked with its tenant: another's operation is not found.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import (
    OperationCancelled,
    OperationNotFound,
    OperationPending,
    QuotaExceeded,
    SystemOverloaded,
    TranscriptionNotFound,
)
from lab_kit.core.events import ModelInfo
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Row, Rows
from lab_kit.gateway.observe.audit.audit import ASKED, EXPIRED, Audit
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import check_not_held, expiry_ms, over
from lab_kit.gateway.state.subjects import WRAPPED, Subject, subject_of, subject_of_operation
from lab_kit.gateway.transcriptions import transcripts
from lab_kit.gateway.transcriptions.operation import Foreign, Operation, Order
from lab_kit.gateway.transcriptions.paging import Page, Query
from lab_kit.protocol.error_body import ErrorBody
from lab_kit.protocol.operations import MOVES, OperationState
from lab_kit.protocol.recordings import Segment
from lab_kit.protocol.transcriptions import Transcription

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS operations (
        number TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        caller TEXT NOT NULL,
        state TEXT NOT NULL,
        made_order TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        audio_s REAL NOT NULL DEFAULT 0,
        processed_s REAL NOT NULL DEFAULT 0,
        segments INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        error TEXT
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS operations_of ON operations (tenant, number)",
    "CREATE INDEX IF NOT EXISTS operations_in ON operations (state, caller, number)",
    *transcripts.TABLES,
)
SEALED = (
    "ALTER TABLE operations ADD COLUMN subject TEXT",
    *transcripts.SEALED,
)
"""What was asked for is sealed with its subject's key: it may name words, and who speaks."""
PROVIDED = ("ALTER TABLE operations ADD COLUMN provider TEXT",)
"""In whose words it was asked for, which is looked for, and is no secret; NULL for our own."""
_UNFINISHED = tuple(state for state in OperationState if not state.is_done)
_PENDING = (OperationState.QUEUED, OperationState.RUNNING)
_T = TypeVar("_T")
_order: TypeAdapter[Order] = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many operations may be unfinished at a time.

    Attributes:
        of_one: caller.
        in_all: of the server.
    """

    of_one: int
    in_all: int


class Operations:
    """The table of them.

    Args:
        ended: told of each that ends, in the transaction that ends it.
        audit: told of what is deleted, once it is.
    """

    def __init__(
        self,
        database: Database,
        allowance: Allowance,
        ended: Callable[[Rows, Operation], None],
        audit: Audit | None = None,
    ) -> None:
        self._audit = audit or Audit()
        self._database = database
        self._allowance = allowance
        self._ended = ended

    # -- as they come in -----------------------------------------------------------------------

    async def receive(self, order: Order, ttl_s: float) -> UUID:
        """Begin one, whose sound is about to come; nobody sees it yet. Its number is the stream's.

        Raises:
            QuotaExceeded: its caller has as many as one caller may have.
            SystemOverloaded: the server has as many as it may have.
        """
        number, now_ms = order.identity.stream.value, since_1970_ms()

        def work(rows: Rows) -> None:
            self._check_allowance(rows, order.caller)
            subject = subject_of(rows, order.tenant, order.subject)
            expires_ms = expiry_ms(rows, order.tenant, now_ms, round(ttl_s * 1_000))
            rows.execute(
                "INSERT INTO operations (number, tenant, caller, state, made_order, created_ms,"
                " updated_ms, expires_ms, subject, provider) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    str(number),
                    str(order.tenant),
                    order.caller,
                    OperationState.RECEIVING,
                    _sealed(rows, subject, number, order),
                    now_ms,
                    now_ms,
                    expires_ms,
                    subject.number,
                    None if order.foreign is None else order.foreign.provider,
                ),
            )

        await self._database.run(work)
        return number

    async def key(self, number: UUID) -> bytes:
        """What an operation's sound is sealed with.

        Raises:
            OperationCancelled: it is gone, and its sound with it.
        """
        sql = f"SELECT {WRAPPED} FROM operations WHERE number = ?"

        def work(rows: Rows) -> bytes:
            row = rows.execute(sql, (str(number),)).fetchone()
            if row is None:
                raise _ended(number)
            return rows.sealer.key_of(row["wrapped"])

        return await self._database.run(work)

    async def queue(
        self, number: UUID, audio_s: float, told: Callable[[Rows, Operation], _T]
    ) -> _T:
        """Its sound is here, so it will be transcribed; it is kept from now on for its time.

        Args:
            told: what is told of it; what it writes is kept in the same transaction.
        """

        def work(rows: Rows) -> _T:
            _move(rows, number, OperationState.QUEUED)
            rows.execute(
                "UPDATE operations SET audio_s = ?, expires_ms = expires_ms + ? - created_ms"
                " WHERE number = ?",
                (audio_s, since_1970_ms(), str(number)),
            )
            return told(rows, _found(rows, number))

        return await self._database.run(work)

    async def withdraw(self, number: UUID) -> bool:
        """Forget one whose sound did not come whole; False where it is more than that by now."""
        sql = "DELETE FROM operations WHERE number = ? AND state = ?"
        parameters = (str(number), OperationState.RECEIVING)
        return await self._database.run(lambda rows: rows.execute(sql, parameters).rowcount == 1)

    # -- as they are done ----------------------------------------------------------------------

    async def recover(self) -> dict[UUID, str]:
        """What a server does that begins: forget what an earlier one did not receive whole.

        Returns:
            As `pending`.
        """

        def work(rows: Rows) -> dict[UUID, str]:
            rows.execute("DELETE FROM operations WHERE state = ?", (OperationState.RECEIVING,))
            return _in_states(rows, _PENDING)

        return await self._database.run(work)

    async def pending(self) -> dict[UUID, str]:
        """Those that have to be done, or are at work, and whose they are; the oldest first."""
        return await self._database.run(lambda rows: _in_states(rows, _PENDING))

    async def begin(self, number: UUID) -> Operation:
        """Begin one, or go on with one that a server left when it ended.

        Raises:
            OperationCancelled: it has ended.
        """

        def work(rows: Rows) -> Operation:
            _move(rows, number, OperationState.RUNNING, OperationState.RUNNING)
            rows.execute(
                "UPDATE operations SET attempts = attempts + 1 WHERE number = ?", (str(number),)
            )
            return _found(rows, number)

        return await self._database.run(work)

    async def measured(self, number: UUID, audio_s: float) -> Operation:
        """The sound of one that runs is here, and so long.

        Raises:
            OperationCancelled: it does not run any more.
        """

        def work(rows: Rows) -> Operation:
            _move(rows, number, OperationState.RUNNING, OperationState.RUNNING)
            rows.execute(
                "UPDATE operations SET audio_s = ? WHERE number = ?", (audio_s, str(number))
            )
            return _found(rows, number)

        return await self._database.run(work)

    async def add(self, number: UUID, place: int, segment: Segment, processed_s: float) -> None:
        """One more segment of one that runs.

        Args:
            processed_s: where whoever goes on after it has to begin.

        Raises:
            OperationCancelled: it does not run any more.
        """

        def work(rows: Rows) -> None:
            _move(rows, number, OperationState.RUNNING, OperationState.RUNNING)
            rows.execute(
                "UPDATE operations SET segments = ?, processed_s = ?, attempts = 0"
                " WHERE number = ?",
                (place + 1, processed_s, str(number)),
            )
            transcripts.append(rows, number, place, segment)

        await self._database.run(work)

    async def segments(self, number: UUID) -> tuple[Segment, ...]:
        """Those of one that runs, as far as it is."""
        return await self._database.run(lambda rows: transcripts.segments_of(rows, number))

    async def succeed(self, number: UUID, model: ModelInfo) -> None:
        """Its segments are all there.

        Raises:
            OperationCancelled: it does not run any more.
        """

        def work(rows: Rows) -> None:
            _move(rows, number, OperationState.SUCCEEDED)
            rows.execute(
                "UPDATE operations SET processed_s = audio_s WHERE number = ?", (str(number),)
            )
            operation = _found(rows, number)
            transcripts.complete(rows, operation, model, since_1970_ms())
            self._ended(rows, operation)

        await self._database.run(work)

    async def fail(self, number: UUID, error: ErrorBody) -> None:
        """It ends without a result; what there was of one is removed.

        Raises:
            OperationCancelled: it does not run any more.
        """

        def work(rows: Rows) -> None:
            _move(rows, number, OperationState.FAILED, error=error)
            transcripts.erase(rows, number)
            self._ended(rows, _found(rows, number))

        await self._database.erase(work)

    # -- as their callers ask ------------------------------------------------------------------

    async def get(self, tenant: TenantId, number: UUID) -> Operation:
        """One.

        Raises:
            OperationNotFound: the tenant has none of that name.
        """
        return await self._database.run(lambda rows: _owned(rows, tenant, number))

    async def read(self, tenant: TenantId, number: UUID) -> tuple[Operation, Transcription | None]:
        """One, and what came of it; None where nothing has, or it was deleted.

        Raises:
            OperationNotFound: the tenant has none of that name.
        """

        def work(rows: Rows) -> tuple[Operation, Transcription | None]:
            operation = _owned(rows, tenant, number)
            if operation.state is not OperationState.SUCCEEDED:
                return operation, None
            try:
                return operation, transcripts.find(rows, tenant, number)
            except TranscriptionNotFound:
                return operation, None

        return await self._database.run(work)

    async def page(self, tenant: TenantId, query: Query) -> Page:
        """Some of the tenant's, as the query says."""

        def work(rows: Rows) -> Page:
            found = rows.execute(*query.sql(tenant))
            return query.page([_operation(rows, row) for row in found])

        return await self._database.run(work)

    async def cancel(self, tenant: TenantId, number: UUID, error: ErrorBody) -> Operation:
        """End one that has not ended, without a result; of one that has, nothing changes.

        Raises:
            OperationNotFound: the tenant has none of that name.
        """

        def work(rows: Rows) -> Operation:
            if not _owned(rows, tenant, number).state.is_done:
                _move(rows, number, OperationState.CANCELLED, error=error)
                transcripts.erase(rows, number)
                self._ended(rows, _found(rows, number))
            return _found(rows, number)

        return await self._database.erase(work)

    async def delete(self, tenant: TenantId, number: UUID) -> None:
        """Forget one that has ended; what came of it stays.

        Raises:
            OperationNotFound: the tenant has none of that name.
            OperationPending: it has not ended.
            UnderLegalHold: nothing of the tenant may be removed.
        """

        def work(rows: Rows) -> None:
            _owned(rows, tenant, number)
            _check_ended(rows, tenant, number)
            check_not_held(rows, tenant)
            rows.execute("DELETE FROM operations WHERE number = ?", (str(number),))

        await self._database.run(work)
        self._audit.deleted("operation", [(str(tenant), number)], ASKED)

    async def expire(self) -> list[UUID]:
        """Remove whatever has been kept long enough, however far it is; returns what it was.

        Not one that is still received: its sound is in somebody's hands.
        """

        def work(rows: Rows) -> dict[str, list[tuple[str, UUID]]]:
            now: dict[str, int | str] = {
                "now_ms": since_1970_ms(),
                "receiving": OperationState.RECEIVING,
            }
            is_over = over("expires_ms", "created_ms", "operations.tenant")
            operations = f"operations WHERE {is_over} AND state != :receiving"
            is_over = over("expires_ms", "created_ms", "transcriptions.tenant")
            gone = {
                "operation": _whose(rows, operations, now),
                "transcription": _whose(rows, f"transcriptions WHERE {is_over}", now),
            }
            for whose in gone.values():
                for _, number in whose:
                    transcripts.erase(rows, number)
            rows.execute(f"DELETE FROM {operations}", now)
            return gone

        gone = await self._database.erase(work)
        for kind, whose in gone.items():
            self._audit.deleted(kind, whose, EXPIRED)
        return [number for whose in gone.values() for _, number in whose]

    # -- what came of them ---------------------------------------------------------------------

    async def transcription(self, tenant: TenantId, number: UUID) -> Transcription:
        """One.

        Raises:
            OperationPending: it is not there yet.
            TranscriptionNotFound: the tenant has none of that name.
        """

        def work(rows: Rows) -> Transcription:
            _check_ended(rows, tenant, number)
            return transcripts.find(rows, tenant, number)

        return await self._database.run(work)

    async def delete_transcription(self, tenant: TenantId, number: UUID) -> None:
        """Remove one, every word of it.

        Raises:
            OperationPending: it is not there yet.
            TranscriptionNotFound: the tenant has none of that name.
            UnderLegalHold: nothing of the tenant may be removed.
        """

        def work(rows: Rows) -> None:
            _check_ended(rows, tenant, number)
            transcripts.find(rows, tenant, number)
            check_not_held(rows, tenant)
            transcripts.erase(rows, number)

        await self._database.erase(work)
        self._audit.deleted("transcription", [(str(tenant), number)], ASKED)

    async def delete_words(self, tenant: TenantId, number: UUID, foreign: Foreign) -> Operation:
        """Remove every word of what came of one that has ended, and where its sound was; that there
        was one stays.

        Args:
            foreign: what is left of what was asked for in a provider's words.

        Raises:
            OperationNotFound: the tenant has none of that name.
            OperationPending: it has not ended.
            UnderLegalHold: nothing of the tenant may be removed.
        """

        def work(rows: Rows) -> Operation:
            order = _owned(rows, tenant, number).order
            _check_ended(rows, tenant, number)
            check_not_held(rows, tenant)
            transcripts.erase(rows, number)
            left = replace(order, url=None, foreign=foreign)
            sealed = _sealed(rows, subject_of_operation(rows, number), number, left)
            rows.execute(
                "UPDATE operations SET made_order = ? WHERE number = ?", (sealed, str(number))
            )
            return _found(rows, number)

        left = await self._database.erase(work)
        self._audit.deleted("transcription", [(str(tenant), number)], ASKED)
        return left

    def _check_allowance(self, rows: Rows, caller: str) -> None:
        found = _in_states(rows, _UNFINISHED)
        own, most = sum(one == caller for one in found.values()), self._allowance
        if own >= most.of_one:
            raise QuotaExceeded(
                f"{own} operations of this caller have not ended",
                f"fewer than {most.of_one}",
                "wait for one of them, or cancel it",
                1.0,
                {"limit": "operations_of_one", "value": str(most.of_one)},
            )
        if len(found) >= most.in_all:
            raise SystemOverloaded(
                f"{len(found)} operations have not ended",
                f"fewer than {most.in_all}",
                "try again after the stated delay",
            )


def _move(
    rows: Rows,
    number: UUID,
    to: OperationState,
    *also_from: OperationState,
    error: ErrorBody | None = None,
) -> None:
    """Change its state, where that may follow; nothing else changes one.

    Raises:
        OperationCancelled: it may not: somebody else ended it, or it is gone.
    """
    before = (*(state for state in OperationState if to in MOVES[state]), *also_from)
    told = None if error is None else error.model_dump_json()
    marks = ", ".join("?" * len(before))
    changed = rows.execute(
        f"UPDATE operations SET state = ?, error = ?, updated_ms = ?"
        f" WHERE number = ? AND state IN ({marks})",
        (to, told, since_1970_ms(), str(number), *before),
    )
    if changed.rowcount != 1:
        raise _ended(number)


def _ended(number: UUID) -> OperationCancelled:
    return OperationCancelled(
        f"operations/{number}, which has ended", "one that goes on", "ask for it again"
    )


def _whose(rows: Rows, where: str, parameters: Mapping[str, int | str]) -> list[tuple[str, UUID]]:
    """The tenants and numbers of some rows."""
    found = rows.execute(f"SELECT tenant, number FROM {where}", parameters)
    return [(row["tenant"], UUID(row["number"])) for row in found]


def _in_states(rows: Rows, states: Collection[OperationState]) -> dict[UUID, str]:
    """Those and their callers, the oldest first."""
    marks = ", ".join("?" * len(states))
    sql = f"SELECT number, caller FROM operations WHERE state IN ({marks}) ORDER BY number"
    return {UUID(row["number"]): row["caller"] for row in rows.execute(sql, tuple(states))}


def _owned(rows: Rows, tenant: TenantId, number: UUID) -> Operation:
    row = rows.execute(
        f"SELECT *, {WRAPPED} FROM operations WHERE number = ? AND tenant = ? AND state != ?",
        (str(number), str(tenant), OperationState.RECEIVING),
    ).fetchone()
    if row is None:
        raise OperationNotFound(
            f"operations/{number}", "one of yours that has not expired", "list /v1/operations"
        )
    return _operation(rows, row)


def _check_ended(rows: Rows, tenant: TenantId, number: UUID) -> None:
    """Make sure that no operation of that number goes on; none at all is one that has ended."""
    row = rows.execute(
        "SELECT state FROM operations WHERE number = ? AND tenant = ?", (str(number), str(tenant))
    ).fetchone()
    if row is not None and not OperationState(row["state"]).is_done:
        raise OperationPending(
            f"operations/{number}, which is {row['state']}",
            "one that has ended",
            f"wait for it or cancel it: POST /v1/operations/{number}:wait or :cancel",
            1.0,
        )


def _found(rows: Rows, number: UUID) -> Operation:
    sql = f"SELECT *, {WRAPPED} FROM operations WHERE number = ?"
    return _operation(rows, rows.execute(sql, (str(number),)).fetchone())


def _sealed(rows: Rows, subject: Subject, number: UUID, order: Order) -> str:
    text = _order.dump_json(order).decode()
    return rows.sealer.seal(subject.wrapped, _context(number), text)


def _context(number: UUID) -> str:
    return f"order {number}"


def opened_order(rows: Rows, row: Row) -> str:
    """What was asked for, as JSON, of a row with its key."""
    number = UUID(row["number"])
    return rows.sealer.open(row["wrapped"], _context(number), str(row["made_order"]))


def _operation(rows: Rows, row: Row) -> Operation:
    error = row["error"]
    return Operation(
        UUID(row["number"]),
        _order.validate_json(opened_order(rows, row)),
        OperationState(row["state"]),
        row["created_ms"],
        row["updated_ms"],
        row["expires_ms"],
        row["audio_s"],
        row["processed_s"],
        row["segments"],
        row["attempts"],
        None if error is None else ErrorBody.model_validate_json(error),
    )
