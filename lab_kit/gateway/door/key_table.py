"""The table of API keys: their digests and what they are for, never a key."""

from lab_kit.access.api_keys import Environment, KeyRecord, Scope
from lab_kit.access.budget import Allowance
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS api_keys (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        environment TEXT NOT NULL,
        scope TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        pepper TEXT NOT NULL,
        made_s REAL NOT NULL,
        not_before_s REAL NOT NULL,
        expires_s REAL,
        revoked_s REAL,
        streams INTEGER,
        compute_s_per_min REAL,
        compute_burst_s REAL
    ) STRICT, WITHOUT ROWID
    """,
)


def put(rows: Rows, *records: KeyRecord) -> None:
    """Write new ones, or ones that changed, together."""
    rows.executemany(
        "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET expires_s = excluded.expires_s, revoked_s = excluded.revoked_s,"
        " streams = excluded.streams, compute_s_per_min = excluded.compute_s_per_min,"
        " compute_burst_s = excluded.compute_burst_s",
        [
            (
                one.id,
                str(one.tenant),
                one.environment,
                " ".join(one.scope.words),
                one.digest,
                one.pepper,
                one.made_s,
                one.not_before_s,
                one.expires_s,
                one.revoked_s,
                one.streams,
                None if one.compute is None else one.compute.per_min_s,
                None if one.compute is None else one.compute.burst_s,
            )
            for one in records
        ],
    )


def read(rows: Rows) -> list[KeyRecord]:
    """All of them, by when they were made."""
    return [
        KeyRecord(
            row["id"],
            TenantId(row["tenant"]),
            Environment(row["environment"]),
            Scope.of(row["scope"].split()),
            row["digest"],
            row["pepper"],
            row["made_s"],
            row["not_before_s"],
            row["expires_s"],
            row["revoked_s"],
            row["streams"],
            _allowance(row["compute_s_per_min"], row["compute_burst_s"]),
        )
        for row in rows.execute("SELECT * FROM api_keys ORDER BY made_s, id")
    ]


def _allowance(per_min_s: float | None, burst_s: float | None) -> Allowance | None:
    return None if per_min_s is None or burst_s is None else Allowance(per_min_s, burst_s)
