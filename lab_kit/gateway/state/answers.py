"""The first answer to each request that a caller named with an idempotency key, kept for a day.

Source: Jena and Dalal, 2025, "The Idempotency-Key HTTP Header Field", Internet-Draft 07 (expired):
the same key with another request is an error, and so is one whose first request is not answered
yet.
"""

import asyncio
import json
from dataclasses import dataclass

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import IdempotencyConflict
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import over
from lab_kit.gateway.state.subjects import WRAPPED, subject_of

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS answers (
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        request BLOB NOT NULL,
        status INTEGER NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        kept_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, key)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS answers_by_age ON answers (kept_ms)",
)
SEALED = ("ALTER TABLE answers ADD COLUMN subject TEXT",)
KEPT_S = 86_400.0
"""What clients may rely on; Stripe's clients may on as much."""
MOST_KEPT = 100_000
"""Beyond it the oldest go early: at a second's worth of work each, more than a day can hold."""
LARGEST_BYTES = 16 * 2**20
"""Of an answer that is kept; the longest text that is spoken has no more as a WAV."""
MOST_BYTES = 10**9
"""Of all of them; beyond it the oldest go early."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given.

    Attributes:
        request: fingerprint of what it answers.
        subject: whom it is about; None for the tenant itself.
    """

    request: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    subject: str | None = None


class Answers:
    """The table of them, and the keys whose first request is under way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # the look for an answer that each began with
        self._under_way: dict[tuple[TenantId, str], asyncio.Future[Answer | None]] = {}

    async def begin(self, tenant: TenantId, key: str) -> Answer | None:
        """The answer that was given; None for a request that is the first, until `end`.

        Raises:
            IdempotencyConflict: the first is under way.
        """
        looking = self._under_way.get((tenant, key))
        if looking is None:
            looking = asyncio.ensure_future(
                self._database.run(lambda rows: find(rows, tenant, key))
            )
            self._under_way[tenant, key] = looking
            return await self._looked(tenant, key, looking)
        found = await asyncio.shield(looking)
        if found is None:
            raise IdempotencyConflict(
                "a request whose first one, with the same Idempotency-Key, is under way",
                "that one to be answered",
                "send it again after the stated delay",
                1.0,
            )
        return found

    async def _looked(
        self, tenant: TenantId, key: str, looking: "asyncio.Future[Answer | None]"
    ) -> Answer | None:
        try:
            found = await asyncio.shield(looking)
        except BaseException:
            self.end(tenant, key)
            raise
        if found is not None:  # nobody has to wait for an answer that is there
            self.end(tenant, key)
        return found

    def end(self, tenant: TenantId, key: str) -> None:
        """The first request is over, whatever became of it."""
        self._under_way.pop((tenant, key), None)

    async def keep(self, tenant: TenantId, key: str, answer: Answer) -> None:
        """Keep the first answer."""
        await self._database.run(lambda rows: keep(rows, tenant, key, answer))

    async def expire(self) -> None:
        """Remove what has been kept long enough."""
        expires = f"kept_ms + {round(KEPT_S * 1_000)}"
        sql = f"DELETE FROM answers WHERE {over(expires, 'kept_ms', 'answers.tenant')}"
        now = {"now_ms": since_1970_ms()}
        await self._database.run(lambda rows: rows.execute(sql, now))


def keep(rows: Rows, tenant: TenantId, key: str, answer: Answer) -> None:
    """Keep the first answer, in one transaction with what it tells of."""
    subject = subject_of(rows, tenant, answer.subject)
    rows.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(tenant),
            key,
            answer.request,
            answer.status,
            json.dumps(answer.headers),
            rows.sealer.seal(subject.wrapped, _context(tenant, key), answer.body),
            since_1970_ms(),
            subject.number,
        ),
    )
    _make_room(rows)


def _make_room(rows: Rows) -> None:
    count, held_bytes = rows.execute(
        "SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM answers"
    ).fetchone()
    too_many = max(0, count - MOST_KEPT)
    if held_bytes > MOST_BYTES:
        too_many = max(too_many, count // 10 + 1)
    if too_many:
        rows.execute(
            "DELETE FROM answers WHERE (tenant, key) IN"
            " (SELECT tenant, key FROM answers ORDER BY kept_ms LIMIT ?)",
            (too_many,),
        )


def find(rows: Rows, tenant: TenantId, key: str) -> Answer | None:
    """The answer that was kept under a key; None where there is none."""
    row = rows.execute(
        f"SELECT *, {WRAPPED} FROM answers WHERE tenant = ? AND key = ?", (str(tenant), key)
    ).fetchone()
    if row is None:
        return None
    body = rows.sealer.open(row["wrapped"], _context(tenant, key), row["body"])
    return Answer(row["request"], row["status"], json.loads(row["headers"]), body)


def _context(tenant: TenantId, key: str) -> str:
    return f"answer {tenant}/{key}"
