"""Recordings that are sent before anybody asks for their transcription, as providers' APIs have it.

Each is kept for an hour, or until it is deleted, and may be transcribed as often as its caller
likes meanwhile. How many there are is bounded like operations; one that has been transcribed gives
way to a new one, and one that has not does not. How large they are is bounded by the spool.
"""

from collections.abc import Mapping
from uuid import UUID

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import QuotaExceeded, SystemOverloaded, UploadNotFound
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.observe.audit.audit import ASKED, EXPIRED, GAVE_WAY, Audit
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import HELD, check_not_held, over
from lab_kit.gateway.state.subjects import subject_of
from lab_kit.gateway.transcriptions.operations import Allowance

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS uploads (
        number TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        caller TEXT NOT NULL,
        whole_until_ms INTEGER,
        is_used INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
)
SEALED = ("ALTER TABLE uploads ADD COLUMN subject TEXT",)
KEPT_S = 3_600.0
"""From when it is whole: clients ask for the transcription in the next request."""


class KeptUploads:
    """The table of them; their sound is in the spool.

    Args:
        allowance: how many there may be at a time, those on their way included.
        audit: told of what is deleted, once it is.
    """

    def __init__(
        self, database: Database, allowance: Allowance, audit: Audit | None = None
    ) -> None:
        self._database = database
        self._allowance = allowance
        self._audit = audit or Audit()

    async def receive(
        self, number: UUID, tenant: TenantId, caller: str, subject: str | None = None
    ) -> tuple[bytes, list[UUID]]:
        """Begin one, whose sound is about to come.

        Args:
            subject: whom it is about; None for the tenant itself.

        Returns:
            What its sound is sealed with, and those that gave way to it.

        Raises:
            QuotaExceeded: its caller has as many that wait to be transcribed as one may have.
            SystemOverloaded: the server has as many as it may have.
        """

        def work(rows: Rows) -> tuple[bytes, list[tuple[str, UUID]]]:
            gone = self._make_room(rows, caller)
            about = subject_of(rows, tenant, subject)
            rows.execute(
                "INSERT INTO uploads (number, tenant, caller, subject) VALUES (?, ?, ?, ?)",
                (str(number), str(tenant), caller, about.number),
            )
            return rows.sealer.key_of(about.wrapped), gone

        key, gone = await self._database.run(work)
        self._audit.deleted("upload", gone, GAVE_WAY)
        return key, [one for _, one in gone]

    async def received(self, number: UUID) -> None:
        """Its sound is here."""
        until_ms = since_1970_ms() + round(KEPT_S * 1_000)
        sql = "UPDATE uploads SET whole_until_ms = ? WHERE number = ?"
        await self._database.run(lambda rows: rows.execute(sql, (until_ms, str(number))))

    async def withdraw(self, number: UUID) -> None:
        """Forget one whose sound did not come whole."""
        sql = "DELETE FROM uploads WHERE number = ?"
        await self._database.run(lambda rows: rows.execute(sql, (str(number),)))

    async def use(self, tenant: TenantId, number: UUID) -> str:
        """Note that one is transcribed; returns the name of whom it is about.

        Raises:
            UploadNotFound: the tenant has none of that name.
        """
        sql = (
            "UPDATE uploads SET is_used = 1"
            " WHERE number = ? AND tenant = ? AND whole_until_ms IS NOT NULL"
            " RETURNING (SELECT name FROM subjects WHERE number = subject) AS name"
        )
        named = (str(number), str(tenant))
        # all of them, so that the statement ends
        found = await self._database.run(lambda rows: rows.execute(sql, named).fetchall())
        if not found:
            raise not_found(number)
        return str(found[0]["name"] or tenant)

    async def delete(self, tenant: TenantId, number: UUID) -> bool:
        """Forget one; False where the tenant has none of that name.

        Raises:
            UnderLegalHold: nothing of the tenant may be removed.
        """
        sql = "DELETE FROM uploads WHERE number = ? AND tenant = ? AND whole_until_ms IS NOT NULL"

        def work(rows: Rows) -> bool:
            check_not_held(rows, tenant)
            return rows.execute(sql, (str(number), str(tenant))).rowcount == 1

        is_gone = await self._database.run(work)
        if is_gone:
            self._audit.deleted("upload", [(str(tenant), number)], ASKED)
        return is_gone

    async def recover(self) -> dict[UUID, str]:
        """What a server does that begins: forget what an earlier one did not receive whole.

        Returns:
            Those that are there, and whose they are.
        """

        def work(rows: Rows) -> dict[UUID, str]:
            rows.execute("DELETE FROM uploads WHERE whole_until_ms IS NULL")
            found = rows.execute("SELECT number, caller FROM uploads")
            return {UUID(row["number"]): row["caller"] for row in found}

        return await self._database.run(work)

    async def expire(self) -> list[UUID]:
        """Forget those that have been kept long enough; returns which."""
        begun = f"(whole_until_ms - {round(KEPT_S * 1_000)})"
        is_over = over("whole_until_ms", begun, "uploads.tenant")
        sql = f"DELETE FROM uploads WHERE {is_over} RETURNING tenant, number"
        now = {"now_ms": since_1970_ms()}
        gone = await self._database.run(lambda rows: _whose(rows, sql, now))
        self._audit.deleted("upload", gone, EXPIRED)
        return [number for _, number in gone]

    def _make_room(self, rows: Rows, caller: str) -> list[tuple[str, UUID]]:
        """Forget the oldest that was transcribed, where there are too many for one more."""
        most = self._allowance
        own, whole = rows.execute(
            "SELECT COUNT(CASE WHEN caller = ? THEN 1 END), COUNT(*) FROM uploads", (caller,)
        ).fetchone()
        if own >= most.of_one:
            gone = _oldest_used(rows, caller)
            if not gone:
                raise QuotaExceeded(
                    f"{own} uploads of this caller wait to be transcribed",
                    f"fewer than {most.of_one}",
                    f"ask for their transcription, or wait: each is kept for {KEPT_S:,.0f} s",
                    60.0,
                    {"limit": "operations_of_one", "value": str(most.of_one)},
                )
            return gone
        if whole >= most.in_all:
            gone = _oldest_used(rows, None)
            if not gone:
                raise SystemOverloaded(
                    f"{whole} uploads wait to be transcribed",
                    f"fewer than {most.in_all}",
                    "try again after the stated delay",
                    60.0,
                )
            return gone
        return []


def _oldest_used(rows: Rows, caller: str | None) -> list[tuple[str, UUID]]:
    """Forget the oldest that was transcribed, of a caller or of all; none where there is none."""
    whose, named = ("", {}) if caller is None else (" AND caller = :caller", {"caller": caller})
    sql = (
        "DELETE FROM uploads WHERE number = (SELECT number FROM uploads"
        f" WHERE is_used = 1{whose} AND tenant NOT IN {HELD} ORDER BY number LIMIT 1)"
        " RETURNING tenant, number"
    )
    return _whose(rows, sql, named)


def _whose(rows: Rows, sql: str, parameters: Mapping[str, int | str]) -> list[tuple[str, UUID]]:
    """The tenants and numbers that a statement returns."""
    found = rows.execute(sql, parameters).fetchall()
    return [(row["tenant"], UUID(row["number"])) for row in found]


def not_found(number: UUID) -> UploadNotFound:
    """The error of an upload that is not there."""
    return UploadNotFound(
        f"uploads/{number}",
        f"one of yours that came in the last {KEPT_S:,.0f} s and was not deleted",
        "upload it again",
    )
