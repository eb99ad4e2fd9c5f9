"""Callers' webhooks and the messages to them, as they are kept.

A message is written in the transaction that it tells of, so none is sent of what did not happen,
and none is forgotten. It is delivered at least once: a server that ends between a receiver's answer
and its own note sends it again, under the same id.
"""

import secrets
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import TypeAdapter

from lab_kit.core.clock import since_1970_ms, wall_clock_of
from lab_kit.core.errors import QuotaExceeded, WebhookNotFound
from lab_kit.core.ids import RequestId, TenantId
from lab_kit.database.rows import Row, Rows
from lab_kit.gateway.outbound.guarded import parsed
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import over
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.protocol.webhooks import (
    Delivery,
    DeliveryState,
    Webhook,
    WebhookMessage,
)

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS webhooks (
        number TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        url TEXT NOT NULL,
        secret TEXT NOT NULL,
        old_secret TEXT,
        old_until_ms INTEGER NOT NULL DEFAULT 0,
        created_ms INTEGER NOT NULL,
        disabled TEXT
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS webhooks_of ON webhooks (tenant, number)",
    """
    CREATE TABLE IF NOT EXISTS deliveries (
        message TEXT NOT NULL,
        webhook TEXT NOT NULL,
        type TEXT NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        created_ms INTEGER NOT NULL,
        next_ms INTEGER NOT NULL,
        last_error TEXT,
        PRIMARY KEY (message, webhook)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, next_ms)",
    "CREATE INDEX IF NOT EXISTS deliveries_to ON deliveries (webhook, created_ms)",
)
MOST_OF_ONE = 10
"""Webhooks of a tenant; each of its operations is told to all of them."""
SHOWN = 100
"""Deliveries that are listed."""
KEPT_S = 7 * 86_400.0
"""How long a delivery is kept, whatever became of it: to be looked at, and sent again."""
OLD_SECRET_S = 86_400.0
"""How long messages are signed with the former secret, too, so that receivers can change over."""
_SECRET_BYTES = 32
"""Between the 24 and 64 of the specification."""
_body: TypeAdapter[WebhookMessage] = TypeAdapter(WebhookMessage)


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be sent now.

    Attributes:
        webhook: where to; no two messages are on their way there at a time.
        secrets: it is signed with each of them.
        attempts: that were made before.
        headers: that its receiver wants.
    """

    message: str
    webhook: UUID
    url: str
    secrets: tuple[str, ...]
    body: str
    attempts: int
    headers: Mapping[str, str] = field(default_factory=dict)


def tell(rows: Rows, operation: Operation) -> None:
    """Write a message to each webhook of an operation's tenant, in its own transaction."""
    now_ms = since_1970_ms()
    kind = f"operation.{operation.state.lower()}"
    message = WebhookMessage(kind, wall_clock_of(now_ms), operation.message())
    found = rows.execute(
        "SELECT number FROM webhooks WHERE tenant = ? AND disabled IS NULL",
        (str(operation.order.tenant),),
    ).fetchall()
    rows.executemany(
        "INSERT INTO deliveries (message, webhook, type, body, state, created_ms, next_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                f"msg_{operation.number.hex}",
                row["number"],
                kind,
                _body.dump_json(message).decode(),
                DeliveryState.PENDING,
                now_ms,
                now_ms,
            )
            for row in found
        ],
    )


class Webhooks:
    """The tables of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- as callers ask ------------------------------------------------------------------------

    async def make(self, tenant: TenantId, url: str) -> Webhook:
        """A new one; its secret is told this once.

        Raises:
            InvalidParameter: the address is none.
            QuotaExceeded: the tenant has as many as it may have.
        """
        parsed(url)
        number, secret, now_ms = RequestId.new().value, _secret(), since_1970_ms()

        def work(rows: Rows) -> None:
            (count,) = rows.execute(
                "SELECT COUNT(*) FROM webhooks WHERE tenant = ?", (str(tenant),)
            ).fetchone()
            if count >= MOST_OF_ONE:
                raise QuotaExceeded(
                    f"{count} webhooks",
                    f"fewer than {MOST_OF_ONE}",
                    "delete one",
                    details={"limit": "webhooks", "value": str(MOST_OF_ONE)},
                )
            rows.execute(
                "INSERT INTO webhooks (number, tenant, url, secret, created_ms)"
                " VALUES (?, ?, ?, ?, ?)",
                (str(number), str(tenant), url, secret, now_ms),
            )

        await self._database.run(work)
        return Webhook(f"webhooks/{number}", url, wall_clock_of(now_ms), secret)

    async def all(self, tenant: TenantId) -> tuple[Webhook, ...]:
        """The tenant's, without their secrets."""
        sql = "SELECT * FROM webhooks WHERE tenant = ? ORDER BY number"
        return await self._database.run(
            lambda rows: tuple(_webhook(row) for row in rows.execute(sql, (str(tenant),)))
        )

    async def rotate(self, tenant: TenantId, number: UUID) -> Webhook:
        """Give one a new secret, told this once; the old one signs along for a day.

        Raises:
            WebhookNotFound: the tenant has none of that name.
        """
        secret, until_ms = _secret(), since_1970_ms() + round(OLD_SECRET_S * 1_000)

        def work(rows: Rows) -> Webhook:
            _owned(rows, tenant, number)
            rows.execute(
                "UPDATE webhooks SET old_secret = secret, old_until_ms = ?, secret = ?,"
                " disabled = NULL WHERE number = ?",
                (until_ms, secret, str(number)),
            )
            found = _webhook(_owned(rows, tenant, number))
            return Webhook(found.name, found.url, found.create_time, secret)

        return await self._database.run(work)

    async def delete(self, tenant: TenantId, number: UUID) -> None:
        """Remove one, and what is on its way to it.

        Raises:
            WebhookNotFound: the tenant has none of that name.
        """

        def work(rows: Rows) -> None:
            _owned(rows, tenant, number)
            rows.execute("DELETE FROM deliveries WHERE webhook = ?", (str(number),))
            rows.execute("DELETE FROM webhooks WHERE number = ?", (str(number),))

        await self._database.erase(work)

    async def deliveries(
        self, tenant: TenantId, number: UUID, state: DeliveryState | None
    ) -> tuple[Delivery, ...]:
        """The last ones to a webhook, the newest first; those of one state where it is given.

        Raises:
            WebhookNotFound: the tenant has none of that name.
        """

        def work(rows: Rows) -> tuple[Delivery, ...]:
            _owned(rows, tenant, number)
            found = rows.execute(
                "SELECT * FROM deliveries WHERE webhook = ? AND (? IS NULL OR state = ?)"
                " ORDER BY created_ms DESC, message DESC LIMIT ?",
                (str(number), state, state, SHOWN),
            )
            return tuple(map(_delivery, found))

        return await self._database.run(work)

    async def replay(self, tenant: TenantId, number: UUID, message: str) -> Delivery:
        """Send a message again, from now on as at first.

        Raises:
            WebhookNotFound: the tenant has no such webhook, or it no such message.
        """

        def work(rows: Rows) -> Delivery:
            _owned(rows, tenant, number)
            changed = rows.execute(
                "UPDATE deliveries SET state = ?, attempts = 0, next_ms = ?"
                " WHERE webhook = ? AND message = ?",
                (DeliveryState.PENDING, since_1970_ms(), str(number), message),
            )
            if changed.rowcount != 1:
                raise _not_found(f"the message {message[:80]!r} to webhooks/{number}")
            rows.execute("UPDATE webhooks SET disabled = NULL WHERE number = ?", (str(number),))
            return _delivery(
                rows.execute(
                    "SELECT * FROM deliveries WHERE webhook = ? AND message = ?",
                    (str(number), message),
                ).fetchone()
            )

        return await self._database.run(work)

    # -- as they are sent ----------------------------------------------------------------------

    async def due(self, most: int, busy: Collection[UUID] = ()) -> list[Due]:
        """What is to be sent now, the longest due first; one message a webhook.

        Args:
            busy: webhooks to which one is being sent.
        """
        now_ms, marks = since_1970_ms(), ", ".join("?" * len(busy)) or "''"

        def work(rows: Rows) -> list[Due]:
            found = rows.execute(
                "SELECT * FROM (SELECT deliveries.*, url, secret, old_secret, old_until_ms,"
                " ROW_NUMBER() OVER (PARTITION BY webhook ORDER BY next_ms) AS turn"
                " FROM deliveries JOIN webhooks ON webhooks.number = webhook"
                " WHERE state = ? AND next_ms <= ? AND disabled IS NULL"
                f" AND webhook NOT IN ({marks})) AS due WHERE turn = 1 ORDER BY next_ms LIMIT ?",
                (DeliveryState.PENDING, now_ms, *map(str, busy), most),
            )
            return [_due(row, now_ms) for row in found]

        return await self._database.run(work)

    async def delivered(self, due: Due, status: int) -> None:
        """Its receiver has it."""
        await self._settle(due, DeliveryState.DELIVERED, None, 0)

    async def failed(
        self, due: Due, why: str, again_in_s: float | None, status: int | None
    ) -> None:
        """It was not taken; None for giving it up."""
        state = DeliveryState.DEAD if again_in_s is None else DeliveryState.PENDING
        await self._settle(due, state, why, since_1970_ms() + round((again_in_s or 0.0) * 1_000))

    async def disable(self, due: Due, why: str, status: int) -> None:
        """Its receiver wants nothing any more."""
        await self.failed(due, why, None, status)
        sql = "UPDATE webhooks SET disabled = ? WHERE number = ?"
        await self._database.run(lambda rows: rows.execute(sql, (why, str(due.webhook))))

    async def expire(self) -> None:
        """Remove deliveries that have been kept long enough."""
        whose = "COALESCE((SELECT tenant FROM webhooks WHERE number = webhook), '')"
        is_over = over(f"created_ms + {round(KEPT_S * 1_000)}", "created_ms", whose)
        sql, now = f"DELETE FROM deliveries WHERE {is_over}", {"now_ms": since_1970_ms()}
        await self._database.run(lambda rows: rows.execute(sql, now))

    async def _settle(
        self, due: Due, state: DeliveryState, error: str | None, next_ms: int
    ) -> None:
        sql = (
            "UPDATE deliveries SET state = ?, attempts = ?, last_error = ?, next_ms = ?"
            " WHERE webhook = ? AND message = ?"
        )
        values = (state, due.attempts + 1, error, next_ms, str(due.webhook), due.message)
        await self._database.run(lambda rows: rows.execute(sql, values))


def _secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _owned(rows: Rows, tenant: TenantId, number: UUID) -> Row:
    row: Row | None = rows.execute(
        "SELECT * FROM webhooks WHERE number = ? AND tenant = ?", (str(number), str(tenant))
    ).fetchone()
    if row is None:
        raise _not_found(f"webhooks/{number}")
    return row


def _not_found(what: str) -> WebhookNotFound:
    return WebhookNotFound(what, "one of yours", "list /v1/webhooks")


def _webhook(row: Row) -> Webhook:
    return Webhook(
        f"webhooks/{row['number']}",
        row["url"],
        wall_clock_of(row["created_ms"]),
        None,
        row["disabled"],
    )


def _delivery(row: Row) -> Delivery:
    is_pending = row["state"] == DeliveryState.PENDING
    return Delivery(
        row["message"],
        row["type"],
        DeliveryState(row["state"]),
        row["attempts"],
        wall_clock_of(row["created_ms"]),
        wall_clock_of(row["next_ms"]) if is_pending else None,
        row["last_error"],
    )


def _due(row: Row, now_ms: int) -> Due:
    old = (row["old_secret"],) if row["old_until_ms"] > now_ms else ()
    return Due(
        row["message"],
        UUID(row["webhook"]),
        row["url"],
        (row["secret"], *old),
        row["body"],
        row["attempts"],
    )
