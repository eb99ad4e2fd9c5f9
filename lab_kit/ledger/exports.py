"""How far the ledger's events were exported, to each destination, and which it did not take.

Events are read in the order in which they arrived, behind a mark. The mark moves once a destination
has them: who is killed before that sends them again, and they are known there by their names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.clock import since_1970_us
from lab_kit.database.rows import Rows
from lab_kit.database.tables import Tables
from lab_kit.metering.event import FIELDS, UsageEvent, event_of

TABLES = (
    """
    CREATE TABLE exports (
        destination TEXT NOT NULL PRIMARY KEY,
        last_number INTEGER NOT NULL,
        moved_us INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE export_refusals (
        destination TEXT NOT NULL,
        number INTEGER NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY (destination, number)
    ) STRICT
    """,
)
"""``last_number`` is of the last event that a destination has, or has refused for good."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that a destination refused for good.

    Attributes:
        number: of its arrival.
    """

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused, and by whom."""

    destination: str
    event: UsageEvent
    why: str


class Exports:
    """The marks in the ledger's tables.

    Args:
        tables: of the ledger's forms, owned.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def waiting(self, destination: str, most: int) -> list[tuple[int, UsageEvent]]:
        """The next events that a destination does not have, each with its number."""
        sql = (
            f"SELECT number, {', '.join(FIELDS)} FROM usage_events"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )

        def work(rows: Rows) -> list[tuple[int, UsageEvent]]:
            found = rows.execute(sql, (_last_number(rows, destination), most)).fetchall()
            return [(int(number), event_of(rest)) for number, *rest in map(tuple, found)]

        return self._tables.transact(work)

    def move(self, destination: str, last_number: int, refused: Sequence[Refusal] = ()) -> None:
        """A destination has what is up to there, but for what it refused."""

        def work(rows: Rows) -> None:
            for one in refused:
                rows.execute(
                    "INSERT INTO export_refusals VALUES (?, ?, ?)"
                    " ON CONFLICT (destination, number) DO UPDATE SET why = excluded.why",
                    (destination, one.number, one.why),
                )
            # another exporter to the same destination may be ahead
            last = max(last_number, _last_number(rows, destination))
            rows.execute(
                "INSERT INTO exports VALUES (?, ?, ?) ON CONFLICT (destination) DO UPDATE"
                " SET last_number = excluded.last_number, moved_us = excluded.moved_us",
                (destination, last, since_1970_us()),
            )

        self._tables.transact(work)

    def last_number(self, destination: str) -> int:
        """Of the last event that it has; 0 for none."""
        return self._tables.transact(lambda rows: _last_number(rows, destination))

    def refusals(self, destination: str, most: int) -> list[Refusal]:
        """What it refused for good, the first first."""
        sql = (
            "SELECT number, why FROM export_refusals WHERE destination = ? ORDER BY number LIMIT ?"
        )
        found = self._tables.transact(
            lambda rows: rows.execute(sql, (destination, most)).fetchall()
        )
        return [Refusal(*one) for one in map(tuple, found)]

    def refused(self, most: int) -> tuple[int, list[Refused]]:
        """How many events were refused for good, and the last of them, the last first."""
        sql = (
            f"SELECT destination, why, {', '.join(FIELDS)} FROM export_refusals"
            " JOIN usage_events ON usage_events.number = export_refusals.number"
            " ORDER BY export_refusals.number DESC, destination LIMIT ?"
        )

        def work(rows: Rows) -> tuple[int, list[Refused]]:
            (count,) = rows.execute("SELECT COUNT(*) FROM export_refusals").fetchone()
            found = map(tuple, rows.execute(sql, (most,)).fetchall())
            return int(count), [Refused(to, event_of(rest), why) for to, why, *rest in found]

        return self._tables.transact(work)

    def close(self) -> None:
        """Disconnect."""
        self._tables.close()


def _last_number(rows: Rows, destination: str) -> int:
    row = rows.execute(
        "SELECT last_number FROM exports WHERE destination = ?", (destination,)
    ).fetchone()
    return 0 if row is None else int(row["last_number"])
