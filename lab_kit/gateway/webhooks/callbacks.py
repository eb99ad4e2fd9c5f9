"""Messages to an address that was given with one request, as providers' APIs have it.

Beside our own webhooks: not signed, but sent with the header that the caller asked for, if any, so
that the receiver knows whom it is from. They are written and sent like the others, in the
transaction that they tell of, and at least once.
"""

import json
from collections.abc import Collection, Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

from lab_kit.core.clock import since_1970_ms
from lab_kit.database.rows import Row, Rows
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.keeping import over
from lab_kit.gateway.state.subjects import WRAPPED, subject_of_operation
from lab_kit.gateway.webhooks.webhooks import KEPT_S, Due
from lab_kit.protocol.webhooks import DeliveryState

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS callbacks (
        message TEXT PRIMARY KEY,
        receiver TEXT NOT NULL,
        url TEXT NOT NULL,
        headers TEXT NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        created_ms INTEGER NOT NULL,
        next_ms INTEGER NOT NULL,
        answered INTEGER
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (state, next_ms)",
)
SEALED = ("ALTER TABLE callbacks ADD COLUMN subject TEXT",)
_NONE = "{}"


def tell(rows: Rows, number: UUID, url: str, headers: Mapping[str, str], body: str) -> None:
    """Write a message, in a transaction of whoever has something to tell.

    Args:
        number: of the operation that it is about, by which it is named.
        headers, body: sent with it, and kept until it has been taken or is given up. The body is
            sealed with the key of whom the operation is about.
    """
    now_ms, message, subject = since_1970_ms(), _message(number), subject_of_operation(rows, number)
    rows.execute(
        "INSERT INTO callbacks (message, receiver, url, headers, body, state, created_ms, next_ms,"
        " subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message,
            str(uuid5(NAMESPACE_URL, url)),
            url,
            json.dumps(dict(headers)),
            rows.sealer.seal(subject.wrapped, _context(message), body),
            DeliveryState.PENDING,
            now_ms,
            now_ms,
            subject.number,
        ),
    )


class Callbacks:
    """The table of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answered(self, number: UUID) -> int | None:
        """The status that its receiver answered last; None where it has not, or nothing is known of
        such a message."""
        sql, named = "SELECT answered FROM callbacks WHERE message = ?", (_message(number),)
        row = await self._database.run(lambda rows: rows.execute(sql, named).fetchone())
        return None if row is None else row["answered"]

    # -- as they are sent ----------------------------------------------------------------------

    async def due(self, most: int, busy: Collection[UUID] = ()) -> list[Due]:
        """What is to be sent now, the longest due first; one message an address.

        Args:
            busy: addresses to which one is being sent, by their ``receiver``.
        """
        marks = ", ".join("?" * len(busy)) or "''"

        def work(rows: Rows) -> list[Due]:
            found = rows.execute(
                f"SELECT *, {WRAPPED} FROM (SELECT *,"
                " ROW_NUMBER() OVER (PARTITION BY receiver ORDER BY next_ms) AS turn"
                " FROM callbacks WHERE state = ? AND next_ms <= ?"
                f" AND receiver NOT IN ({marks})) AS due WHERE turn = 1 ORDER BY next_ms LIMIT ?",
                (DeliveryState.PENDING, since_1970_ms(), *map(str, busy), most),
            )
            return [_due(rows, row) for row in found]

        return await self._database.run(work)

    async def delivered(self, due: Due, status: int) -> None:
        """Its receiver has it."""
        await self._settle(due, DeliveryState.DELIVERED, status, 0)

    async def failed(
        self, due: Due, why: str, again_in_s: float | None, status: int | None
    ) -> None:
        """It was not taken; None for giving it up. A receiver that calls it the sender's mistake
        (4xx) gets it no more."""
        is_refused = status is not None and 400 <= status < 500
        if again_in_s is None or is_refused:
            await self._settle(due, DeliveryState.DEAD, status, 0)
        else:
            next_ms = since_1970_ms() + round(again_in_s * 1_000)
            await self._settle(due, DeliveryState.PENDING, status, next_ms)

    async def disable(self, due: Due, why: str, status: int) -> None:
        """Its receiver wants nothing any more."""
        await self._settle(due, DeliveryState.DEAD, status, 0)

    async def expire(self) -> None:
        """Remove those that have been kept long enough."""
        whose = "COALESCE((SELECT tenant FROM subjects WHERE number = subject), '')"
        is_over = over(f"created_ms + {round(KEPT_S * 1_000)}", "created_ms", whose)
        sql, now = f"DELETE FROM callbacks WHERE {is_over}", {"now_ms": since_1970_ms()}
        await self._database.run(lambda rows: rows.execute(sql, now))

    async def _settle(
        self, due: Due, state: DeliveryState, status: int | None, next_ms: int
    ) -> None:
        is_over = state is not DeliveryState.PENDING
        sql = (
            "UPDATE callbacks SET state = ?, attempts = ?, next_ms = ?, headers = ?,"
            " body = CASE WHEN ? = 1 THEN '' ELSE body END, answered = COALESCE(?, answered)"
            " WHERE message = ?"
        )
        headers = _NONE if is_over else json.dumps(dict(due.headers))
        values = (state, due.attempts + 1, next_ms, headers, is_over, status, due.message)
        await self._database.run(lambda rows: rows.execute(sql, values))


def _message(number: UUID) -> str:
    return f"msg_{number.hex}"


def _context(message: str) -> str:
    return f"message {message}"


def opened_body(rows: Rows, row: Row) -> str:
    """What is to be sent, of a row with its key."""
    return rows.sealer.open(row["wrapped"], _context(row["message"]), str(row["body"]))


def _due(rows: Rows, row: Row) -> Due:
    receiver, headers = UUID(row["receiver"]), json.loads(row["headers"])
    body = opened_body(rows, row)
    return Due(row["message"], receiver, row["url"], (), body, row["attempts"], headers)
