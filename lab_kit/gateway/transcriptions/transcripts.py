"""What comes of operations, as it is kept: a recording's segments, and what they are of.

Segments come one by one while an operation runs; the transcription is there when it has succeeded.
"""

import sqlite3
from uuid import UUID

from pydantic import TypeAdapter

from lab_kit.core.clock import wall_clock_of
from lab_kit.core.errors import TranscriptionNotFound
from lab_kit.core.events import ModelInfo
from lab_kit.core.ids import TenantId
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.protocol.recordings import Segment
from lab_kit.protocol.transcriptions import Transcription

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS transcriptions (
        number TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        audio_s REAL NOT NULL,
        model TEXT NOT NULL,
        version TEXT NOT NULL,
        device TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS transcriptions_of ON transcriptions (tenant, number)",
    """
    CREATE TABLE IF NOT EXISTS segments (
        number TEXT NOT NULL,
        place INTEGER NOT NULL,
        segment TEXT NOT NULL,
        PRIMARY KEY (number, place)
    ) STRICT, WITHOUT ROWID
    """,
)
SEALED = (
    "ALTER TABLE transcriptions ADD COLUMN subject TEXT",
    "ALTER TABLE segments ADD COLUMN subject TEXT",
    """
    CREATE VIEW opened_segments AS
    SELECT segments.number, place,
        opened(wrapped, 'segment ' || segments.number || '/' || place, segment) AS segment
    FROM segments LEFT JOIN subjects ON subjects.number = subject
    """,
)
"""Segments are sealed with the key of whom they are about."""
_segment: TypeAdapter[Segment] = TypeAdapter(Segment)


def append(rows: sqlite3.Connection, number: UUID, place: int, segment: Segment) -> None:
    """One more segment of an operation."""
    context, text = f"segment {number}/{place}", _segment.dump_json(segment).decode()
    rows.execute(
        "INSERT INTO segments (number, place, segment, subject)"
        " SELECT operations.number, ?, sealed(wrapped, ?, ?), subject"
        " FROM operations JOIN subjects ON subjects.number = subject WHERE operations.number = ?",
        (place, context, text, str(number)),
    )


def complete(rows: sqlite3.Connection, operation: Operation, model: ModelInfo, now_ms: int) -> None:
    """The segments are all there."""
    rows.execute(
        "INSERT INTO transcriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT subject FROM operations WHERE number = ?))",
        (
            str(operation.number),
            str(operation.order.tenant),
            now_ms,
            operation.expires_ms,
            operation.audio_s,
            model.name,
            model.version,
            model.device,
            str(operation.number),
        ),
    )


def erase(rows: sqlite3.Connection, number: UUID) -> bool:
    """Remove what there is of it; False where there was no whole one."""
    rows.execute("DELETE FROM segments WHERE number = ?", (str(number),))
    gone = rows.execute("DELETE FROM transcriptions WHERE number = ?", (str(number),))
    return gone.rowcount == 1


def segments_of(rows: sqlite3.Connection, number: UUID) -> tuple[Segment, ...]:
    """Those of an operation that there are by now, in order."""
    found = rows.execute(
        "SELECT segment FROM opened_segments WHERE number = ? ORDER BY place", (str(number),)
    )
    return tuple(_segment.validate_json(one["segment"]) for one in found)


def find(rows: sqlite3.Connection, tenant: TenantId, number: UUID) -> Transcription:
    """The tenant's of that number.

    Raises:
        TranscriptionNotFound: there is none.
    """
    row = rows.execute(
        "SELECT * FROM transcriptions WHERE number = ? AND tenant = ?", (str(number), str(tenant))
    ).fetchone()
    if row is None:
        raise TranscriptionNotFound(
            f"transcriptions/{number}",
            "one of yours that has neither expired nor been deleted",
            "see what became of its operation, under /v1/operations",
        )
    segments = segments_of(rows, number)
    return Transcription(
        name=f"transcriptions/{number}",
        create_time=wall_clock_of(row["created_ms"]),
        expire_time=wall_clock_of(row["expires_ms"]),
        audio_s=row["audio_s"],
        model=row["model"],
        version=row["version"],
        device=row["device"],
        text=" ".join(segment.text for segment in segments if segment.text),
        segments=segments,
    )
