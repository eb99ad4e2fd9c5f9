"""What comes of operations, as it is kept: a recording's segments, and what they are of.

Segments come one by one while an operation runs; the transcription is there when it has succeeded.
"""

from uuid import UUID

from pydantic import TypeAdapter

from lab_kit.core.clock import wall_clock_of
from lab_kit.core.errors import TranscriptionNotFound
from lab_kit.core.events import ModelInfo
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Row, Rows
from lab_kit.gateway.state.subjects import WRAPPED, subject_of_operation
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
)
"""Segments are sealed with the key of whom they are about."""
_segment: TypeAdapter[Segment] = TypeAdapter(Segment)


def append(rows: Rows, number: UUID, place: int, segment: Segment) -> None:
    """One more segment of an operation."""
    subject, text = subject_of_operation(rows, number), _segment.dump_json(segment).decode()
    sealed = rows.sealer.seal(subject.wrapped, _context(number, place), text)
    rows.execute(
        "INSERT INTO segments (number, place, segment, subject) VALUES (?, ?, ?, ?)",
        (str(number), place, sealed, subject.number),
    )


def complete(rows: Rows, operation: Operation, model: ModelInfo, now_ms: int) -> None:
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


def erase(rows: Rows, number: UUID) -> bool:
    """Remove what there is of it; False where there was no whole one."""
    rows.execute("DELETE FROM segments WHERE number = ?", (str(number),))
    gone = rows.execute("DELETE FROM transcriptions WHERE number = ?", (str(number),))
    return gone.rowcount == 1


def segments_of(rows: Rows, number: UUID) -> tuple[Segment, ...]:
    """Those of an operation that there are by now, in order."""
    found = rows.execute(
        f"SELECT place, segment, {WRAPPED} FROM segments WHERE number = ? ORDER BY place",
        (str(number),),
    )
    return tuple(_opened(rows, number, one) for one in found)


def find(rows: Rows, tenant: TenantId, number: UUID) -> Transcription:
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


def _context(number: UUID, place: int) -> str:
    return f"segment {number}/{place}"


def _opened(rows: Rows, number: UUID, row: Row) -> Segment:
    context = _context(number, row["place"])
    return _segment.validate_json(rows.sealer.open(row["wrapped"], context, str(row["segment"])))
