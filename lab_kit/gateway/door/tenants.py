"""What each tenant is allowed: in memory, and on the disk first."""

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Protocol

from pydantic import TypeAdapter

from lab_kit.access.budget import Allowance
from lab_kit.core.errors import InvalidParameter, QuotaExceeded
from lab_kit.core.ids import TenantId
from lab_kit.core.personal_data import parse_redact
from lab_kit.core.shown import shown
from lab_kit.database.rows import Rows
from lab_kit.gateway.observe.work import Work
from lab_kit.gateway.state.database import Database
from lab_kit.protocol.tenants import TenantSettings

MOST_TENANTS = 100_000
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS tenants (
        name TEXT PRIMARY KEY,
        settings TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
KEEPING = (
    "ALTER TABLE tenants ADD COLUMN longest_ms REAL",
    "ALTER TABLE tenants ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0",
)
"""Of the settings, what `gateway.state.keeping` asks for."""
_NAME = re.compile(r"[!-~]{1,63}")
_SETTINGS = TypeAdapter(TenantSettings)


class HasWork(Protocol):
    """Whatever is counted as a tenant's."""

    @property
    def work(self) -> Work:
        """What it is counted as."""
        ...


class Tenants:
    """Those of one server that have settings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settings: dict[TenantId, TenantSettings] = {}
        # one change after the other, so that memory ends as the disk does
        self._turn = asyncio.Lock()

    def load(self) -> None:
        """Read what an earlier server kept."""
        found = self._database.read_now(_read)
        self._settings = dict(found)

    @property
    def named(self) -> tuple[TenantId, ...]:
        """Those that have settings."""
        return tuple(self._settings)

    def is_named(self, tenant: TenantId) -> bool:
        """Whether it has settings."""
        return tenant in self._settings

    def settings(self, tenant: TenantId) -> TenantSettings:
        """What it is allowed: everything where nothing was said."""
        return self._settings.get(tenant, TenantSettings())

    def allowance(self, tenant: TenantId) -> Allowance | None:
        """Its compute; None for as much as there is."""
        settings = self.settings(tenant)
        return allowance(settings.compute_s_per_min, settings.compute_burst_s)

    async def put(self, name: str, settings: TenantSettings) -> None:
        """Have it be allowed this from now on.

        Raises:
            InvalidParameter: no tenant can have that name, or such settings.
            QuotaExceeded: there are too many.
            StateUnusable: it cannot be kept; then it is as it was.
        """
        self._check(name, settings)

        async def kept() -> None:
            async with self._turn:
                await self._database.run(lambda rows: put(rows, name, settings))
                self._settings[TenantId(name)] = settings

        await asyncio.shield(kept())

    def steps(self, tenant: TenantId) -> tuple[str, ...]:
        """What all its results go through, whatever a call asks for."""
        return parse_redact(self.settings(tenant).redact)

    def check_streams(self, tenant: TenantId, places: Iterable[HasWork]) -> None:
        """Make sure that a tenant may have one more live stream.

        Raises:
            QuotaExceeded: it has as many as it may.
        """
        most = self.settings(tenant).streams
        if most is None:
            return
        own = sum(place.work.tenant == tenant for place in places)
        if own >= most:
            raise QuotaExceeded(
                f"another live stream beside {own} of tenant {tenant}",
                f"at most {most} at once",
                "end one of them, or ask the operator for more",
                details={"limit": "streams", "of": f"tenant {tenant}"},
            )

    def _check(self, name: str, settings: TenantSettings) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidParameter(
                f"a tenant named {shown(name)}",
                "1 to 63 visible ASCII characters without spaces",
                "choose such a name",
            )
        allowance(settings.compute_s_per_min, settings.compute_burst_s)
        parse_redact(settings.redact)
        if TenantId(name) not in self._settings and len(self._settings) >= MOST_TENANTS:
            raise QuotaExceeded(
                f"{len(self._settings):,} tenants with settings",
                f"at most {MOST_TENANTS:,}",
                "use another server",
                details={"limit": "tenants"},
            )


def allowance(per_min_s: float | None, burst_s: float | None) -> Allowance | None:
    """From settings, where a burst that was left out is a minute's worth.

    Raises:
        InvalidParameter: a burst without a rate.
    """
    if per_min_s is None:
        if burst_s is not None:
            raise InvalidParameter(
                "a burst of compute without a rate", "both, or the rate alone", "name the rate"
            )
        return None
    return Allowance(per_min_s, per_min_s if burst_s is None else burst_s)


def read_settings(text: str) -> TenantSettings:
    """As they are kept."""
    return _SETTINGS.validate_json(text)


def put(rows: Rows, name: str, settings: TenantSettings) -> None:
    """Write a tenant's, new or changed."""
    longest_ms = None if settings.retention_s is None else 1_000 * settings.retention_s
    rows.execute(
        "INSERT INTO tenants (name, settings, longest_ms, is_held) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET settings = excluded.settings,"
        " longest_ms = excluded.longest_ms, is_held = excluded.is_held",
        (name, json.dumps(asdict(settings)), longest_ms, settings.legal_hold),
    )


def _read(rows: Rows) -> list[tuple[TenantId, TenantSettings]]:
    found = rows.execute("SELECT name, settings FROM tenants")
    return [(TenantId(row["name"]), read_settings(row["settings"])) for row in found]
