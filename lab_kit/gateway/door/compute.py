"""The server's compute, in seconds of the device: who has how much of it, and what they spend.

Before work begins, what it will cost is estimated and reserved in the budget of its tenant, and of
its key; while it goes on, what the device took is counted, pass by pass; at its end that takes the
place of the estimate. A live stream reserves for the next seconds only, again and again, and ends
when it cannot any more. Budgets are kept in memory: a server that starts anew gives everybody a
burst.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from lab_kit.access.api_keys import KeyRecord
from lab_kit.access.budget import Allowance, Budget
from lab_kit.access.estimate import Estimate
from lab_kit.core.errors import PayloadTooLarge, QuotaExceeded
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.sound import SoundUse
from lab_kit.gateway.observe.work import WorkKind

AHEAD_S = 2.0
"""Sound for which a live stream has compute reserved: twice the interval in which that is renewed,
so that a second look that comes late finds some left."""
MOST_ACCOUNTS = 10_000
"""Of tenants, those with a limit aside: each test of a suite may have its own."""
_FIRST = {
    WorkKind.STREAM: 0.2,
    WorkKind.RECORDING: 0.05,
    WorkKind.INFERENCE: 0.05,
    WorkKind.SPEECH: 0.003,
}
"""Compute-seconds for a second of sound, of speech for a character, before any was seen: about what
two cores without a GPU take."""


def _first_estimates() -> dict[WorkKind, Estimate]:
    return {kind: Estimate(first) for kind, first in _FIRST.items()}


@dataclass(slots=True)
class Account:
    """What one tenant or one key has spent, and may.

    Attributes:
        name: as it is told to a caller.
        budget: None where there is no limit.
        spent_s: compute-seconds since the server started.
        works: streams, recordings, inferences and texts that began.
        refused: times that there was not enough left.
        estimates: what its work will cost, by kind: learned of its own work alone, so that nobody
            can make another's dearer.
    """

    name: str
    budget: Budget | None = None
    spent_s: float = 0.0
    works: int = 0
    refused: int = 0
    estimates: dict[WorkKind, Estimate] = field(default_factory=_first_estimates)


class Compute:
    """The accounts of one server.

    Args:
        of_tenant: what a tenant is allowed now; None for as much as there is.
        count: told of compute that was spent, by the kind of work.
        now_s: the clock, which does not go backwards.
    """

    def __init__(
        self,
        of_tenant: Callable[[TenantId], Allowance | None],
        count: Callable[[WorkKind, float], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._of_tenant = of_tenant
        self.count = count
        self.now_s = now_s
        # of all budgets, for a few microseconds: what is spent is told on the engine's threads
        self.lock = Lock()
        self._tenants: dict[TenantId, Account] = {}
        self._keys: dict[str, Account] = {}

    @property
    def seen(self) -> dict[TenantId, Account]:
        """Those tenants that called since the server started."""
        return dict(self._tenants)

    def tenant(self, tenant: TenantId) -> Account:
        """A tenant's account, with the budget that it has now."""
        account = self._tenants.get(tenant)
        if account is None:
            self._forget_one()
            account = self._tenants[tenant] = Account(f"tenant {tenant}")
        self._allow(account, self._of_tenant(tenant))
        return account

    def accounts(self, tenant: TenantId, key: KeyRecord | None) -> tuple[Account, ...]:
        """Whose budgets a call has to fit."""
        own = self.tenant(tenant)
        if key is None:
            return (own,)
        account = self._keys.setdefault(key.id, Account(f"key {key.id}"))
        self._allow(account, key.compute)
        return own, account

    def begin(
        self,
        tenant: TenantId,
        key: KeyRecord | None,
        kind: WorkKind,
        *,
        is_patient: bool = False,
        sound: SoundUse | None = None,
    ) -> "Spending":
        """The spending of work that begins; see `Spending`."""
        return Spending(self, self.accounts(tenant, key), kind, is_patient=is_patient, sound=sound)

    def _forget_one(self) -> None:
        """Of those without a limit the one that is known for longest, where too many are known."""
        if len(self._tenants) >= MOST_ACCOUNTS:
            unlimited = (name for name, one in self._tenants.items() if one.budget is None)
            if (oldest := next(unlimited, None)) is not None:
                del self._tenants[oldest]

    def _allow(self, account: Account, allowance: Allowance | None) -> None:
        with self.lock:
            if allowance is None:
                account.budget = None
            elif account.budget is None:
                account.budget = Budget(allowance, self.now_s())
            elif account.budget.allowance != allowance:
                account.budget.change(allowance, self.now_s())


class Spending:
    """What one stream, recording, inference or text spends.

    Args:
        is_patient: it waits for its turn, and may be longer than any burst: so much is reserved as
            fits, and it has to be earned afterwards.
        sound: what it uses of its tenant's sound; None for what has none.

    Attributes:
        spent_ns: time of the device so far.
    """

    def __init__(
        self,
        compute: Compute,
        accounts: tuple[Account, ...],
        kind: WorkKind,
        *,
        is_patient: bool,
        sound: SoundUse | None = None,
    ) -> None:
        self._compute = compute
        self._accounts = accounts
        self._kind = kind
        self._estimate = accounts[0].estimates[kind]
        self._is_patient = is_patient
        self._sound = sound
        self._held: list[tuple[Budget, int]] = []
        self.spent_ns = self._unsettled_ns = 0
        self._is_over = False
        for account in accounts:
            account.works += 1

    def add(self, spent_ns: int) -> None:
        """The device took that long for it; called on any thread, and also when it is over: a pass
        that was under way when its caller left is still its caller's."""
        with self._compute.lock:
            self.spent_ns += spent_ns
            self._unsettled_ns += spent_ns
            if self._is_over:
                self._settle_spent()

    def hold(self, units: float) -> None:
        """Settle what was spent, and reserve for so many units more.

        Args:
            units: seconds of sound, or characters to be spoken.

        Raises:
            QuotaExceeded: a budget has not enough left, and says when it will; or not so much sound
                is left.
            PayloadTooLarge: it never would.
        """
        if self._sound is not None:
            self._sound.hold(round(units * 1e6))
        with self._compute.lock:
            self._settle_spent()
            budgets = [account.budget for account in self._accounts if account.budget is not None]
            now_s, cost_s = self._compute.now_s(), self._estimate.cost_s(units)
            if self._is_patient and budgets:
                cost_s = min(cost_s, *(one.allowance.burst_s for one in budgets))
            self._check(cost_s, now_s)
            self._held = [(one, one.reserve(cost_s, now_s)) for one in budgets]

    def settle(self, units: float) -> None:
        """Let what was spent take the place of what was reserved.

        Args:
            units: for which it was spent: later estimates follow it. 0 where that is not known.
        """
        if self._sound is not None:
            self._sound.settle(round(units * 1e6))
        with self._compute.lock:
            self._estimate.learn(units, self._settle_spent())

    def end(self) -> None:
        """Settle it, and from now on whatever is still spent as soon as it is."""
        if self._sound is not None:
            self._sound.release()
        with self._compute.lock:
            self._is_over = True
            self._settle_spent()

    def _settle_spent(self) -> float:
        spent_s, self._unsettled_ns = self._unsettled_ns / 1e9, 0
        now_s = self._compute.now_s()
        held, self._held = self._held, []
        settled = {id(budget) for budget, _ in held}
        for budget, number in held:
            budget.settle(number, spent_s, now_s)
        for account in self._accounts:
            account.spent_s += spent_s
            # what was reserved before there was a limit, or after it was over
            if spent_s and account.budget is not None and id(account.budget) not in settled:
                account.budget.charge(spent_s, now_s)
        if spent_s:
            self._compute.count(self._kind, spent_s)
        return spent_s

    def _check(self, cost_s: float, now_s: float) -> None:
        short = [one for one in self._accounts if one.budget and one.budget.wait_s(cost_s, now_s)]
        if not short:
            return
        account = max(short, key=lambda one: one.budget.wait_s(cost_s, now_s) if one.budget else 0)
        account.refused += 1
        assert account.budget is not None
        raise _refusal(account, account.budget, cost_s, now_s)


def _refusal(
    account: Account, budget: Budget, cost_s: float, now_s: float
) -> QuotaExceeded | PayloadTooLarge:
    wait_s, allowance = budget.wait_s(cost_s, now_s), budget.allowance
    received = f"work of about {cost_s:.3g} compute-seconds"
    if wait_s == math.inf:
        return PayloadTooLarge(
            received,
            f"at most the {allowance.burst_s:.3g} that {account.name} may spend at once",
            "send it in parts, or as a recording that nobody waits for",
        )
    return QuotaExceeded(
        f"{received}, with {max(0.0, budget.left_s(now_s)):.3g} left",
        f"within the {allowance.per_min_s:.3g} a minute of {account.name}",
        "try again after the stated delay",
        wait_s,
        {"limit": "compute_seconds", "of": account.name},
    )
