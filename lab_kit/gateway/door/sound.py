"""The sound that tenants may still have recognized: of this month, and of what was paid for ahead.

Before work begins what it will take is reserved; a live stream reserves for its next seconds, again
and again, and ends with its finals when it cannot any more. What is used is counted in memory and
written every second: a server that is killed forgets a second of it, and the ledger does not.
"""

import asyncio
import calendar
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lab_kit.access.balance import Balance
from lab_kit.core.errors import InvalidParameter, QuotaExceeded
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.door.tenants import Tenants
from lab_kit.gateway.state.database import Database
from lab_kit.protocol.tenants import TenantSettings, TopUp

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS sound_used (
        tenant TEXT PRIMARY KEY,
        month TEXT NOT NULL,
        used_us INTEGER NOT NULL,
        prepaid_us INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS top_ups (
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        added_us INTEGER NOT NULL,
        PRIMARY KEY (tenant, id)
    ) STRICT, WITHOUT ROWID
    """,
)
MOST_PREPAID_US = 10**18
"""More than the sound of thirty thousand years; what a database's whole number holds."""
_MONTH, _PREPAID = "sound_month", "sound_prepaid"


@dataclass(slots=True)
class Account:
    """What one tenant has used, and has left.

    Attributes:
        month: such as 2026-11, in UTC.
        used_us: in that month.
        of_month: what is left of it; None where there is no limit.
        prepaid: what is left of what was paid for; None for a tenant that pays afterwards.
    """

    month: str
    used_us: int = 0
    of_month: Balance | None = None
    prepaid: Balance | None = None


class Sound:
    """The accounts of one server.

    Args:
        now_s: the time since 1970, by which months begin.
    """

    def __init__(
        self, database: Database, tenants: Tenants, now_s: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._now_s = now_s
        self._accounts: dict[TenantId, Account] = {}
        self._unwritten: set[TenantId] = set()
        # one top-up after the other, so that memory ends as the disk does
        self._turn = asyncio.Lock()

    def load(self) -> None:
        """Read what an earlier server kept."""
        for tenant, account in self._database.read_now(_read):
            self._accounts[tenant] = account

    @property
    def named(self) -> tuple[TenantId, ...]:
        """Tenants that have used something, or paid ahead."""
        return tuple(self._accounts)

    def account(self, tenant: TenantId) -> Account:
        """A tenant's, as its settings are now."""
        account = self._accounts.get(tenant)
        if account is None:
            account = Account(self._month())
            if self._tenants.is_named(tenant):  # of others nobody asks what they have left
                self._accounts[tenant] = account
        if account.month != self._month():
            account.month, account.used_us = self._month(), 0
        self._limit(account, self._tenants.settings(tenant))
        return account

    def use(self, tenant: TenantId) -> "SoundUse":
        """What work of a tenant's that begins will use."""
        return SoundUse(self, tenant)

    async def top_up(self, name: str, paid: TopUp) -> None:
        """Have a tenant pay ahead, or for more; what has that id is paid for once.

        Raises:
            InvalidParameter: more than can be kept.
            StateUnusable: it cannot be kept, and does not count.
        """
        # whoever asks may go away: what is kept is known here, too
        await asyncio.shield(self._top_up(TenantId(name), paid))

    async def _top_up(self, tenant: TenantId, paid: TopUp) -> None:
        added_us = round(paid.sound_s * 1e6)
        async with self._turn:
            account = self._accounts.setdefault(tenant, self.account(tenant))
            left_us = 0 if account.prepaid is None else account.prepaid.left
            if left_us + added_us > MOST_PREPAID_US:
                raise InvalidParameter(
                    f"{paid.sound_s:g} s more", f"up to {MOST_PREPAID_US / 1e6:g} s", "add less"
                )

            def work(rows: Rows) -> bool:
                added = rows.execute(
                    "INSERT INTO top_ups VALUES (?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING",
                    (str(tenant), paid.id, added_us),
                )
                if added.rowcount:
                    _write(rows, tenant, account, left_us + added_us)
                return bool(added.rowcount)

            if await self._database.run(work):
                if account.prepaid is None:
                    account.prepaid = Balance(0)
                account.prepaid.add(added_us)
                self._unwritten.add(tenant)

    async def write(self) -> None:
        """Write what was used since the last time.

        Raises:
            StateUnusable: it cannot be kept now; it is written the next time.
        """
        if tenants := self._taken():
            try:
                await self._database.run(lambda rows: self._write(rows, tenants))
            except BaseException:
                self._unwritten |= tenants
                raise

    def write_now(self) -> None:
        """The same, before the server is gone."""
        if tenants := self._taken():
            self._database.read_now(lambda rows: self._write(rows, tenants))

    def used(self, tenant: TenantId, account: Account, used_us: int) -> None:
        """So much was used of an account."""
        account.used_us += used_us
        if tenant in self._accounts:
            self._unwritten.add(tenant)

    def month_ends_in_s(self) -> float:
        """Until all of a month's sound is there again."""
        now = time.gmtime(self._now_s())
        year, month = divmod(now.tm_year * 12 + now.tm_mon, 12)
        return max(1.0, calendar.timegm((year, month + 1, 1, 0, 0, 0)) - self._now_s())

    def _month(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self._now_s()))

    def _limit(self, account: Account, settings: TenantSettings) -> None:
        limit_s = settings.sound_s_per_month
        if limit_s is None:
            account.of_month = None
            return
        if account.of_month is None:
            account.of_month = Balance(0)
        account.of_month.left = max(0, round(limit_s * 1e6) - account.used_us)

    def _taken(self) -> set[TenantId]:
        """Those whose use is not written yet: taken here, since writing is another thread's."""
        tenants, self._unwritten = self._unwritten, set()
        return tenants

    def _write(self, rows: Rows, tenants: Iterable[TenantId]) -> None:
        for tenant in tenants:
            account = self._accounts[tenant]
            prepaid = account.prepaid
            _write(rows, tenant, account, None if prepaid is None else prepaid.left)


class SoundUse:
    """What one stream, recording or inference uses of its tenant's sound."""

    def __init__(self, sound: Sound, tenant: TenantId) -> None:
        self._sound = sound
        self._tenant = tenant
        self._held: list[tuple[Balance, int]] = []

    def hold(self, units_us: int) -> None:
        """Reserve so much in place of what was reserved before.

        Raises:
            QuotaExceeded: so much is not left.
        """
        self.release()
        account = self._sound.account(self._tenant)
        limits = ((_PREPAID, account.prepaid), (_MONTH, account.of_month))
        balances = [(name, one) for name, one in limits if one is not None]
        for name, balance in balances:
            if units_us > balance.free:
                raise self._refusal(name, units_us, balance)
        self._held = [(one, one.reserve(units_us)) for _, one in balances]

    def settle(self, used_us: int) -> None:
        """So much was used."""
        held, self._held = self._held, []
        account = self._sound.account(self._tenant)
        for balance, number in held:
            balance.settle(number, used_us)
        self._sound.used(self._tenant, account, used_us)

    def release(self) -> None:
        """Nothing was used of what is reserved."""
        held, self._held = self._held, []
        for balance, number in held:
            balance.settle(number, 0)

    def _refusal(self, name: str, units_us: int, balance: Balance) -> QuotaExceeded:
        is_month = name == _MONTH
        return QuotaExceeded(
            f"{units_us / 1e6:.3g} s of sound, with {balance.free / 1e6:.3g} s left",
            f"what is left of {'this month' if is_month else 'what was paid for'}",
            "ask the operator for more" + (", or wait for the next month" if is_month else ""),
            self._sound.month_ends_in_s() if is_month else None,
            {"limit": name, "of": f"tenant {self._tenant}"},
        )


def _write(rows: Rows, tenant: TenantId, account: Account, prepaid_us: int | None) -> None:
    rows.execute(
        "INSERT INTO sound_used (tenant, month, used_us, prepaid_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (tenant) DO UPDATE SET month = excluded.month, used_us = excluded.used_us,"
        " prepaid_us = excluded.prepaid_us",
        (str(tenant), account.month, account.used_us, prepaid_us),
    )


def _read(rows: Rows) -> list[tuple[TenantId, Account]]:
    found = rows.execute("SELECT tenant, month, used_us, prepaid_us FROM sound_used")
    return [
        (
            TenantId(row["tenant"]),
            Account(
                row["month"],
                int(row["used_us"]),
                None,
                None if row["prepaid_us"] is None else Balance(int(row["prepaid_us"])),
            ),
        )
        for row in found
    ]
