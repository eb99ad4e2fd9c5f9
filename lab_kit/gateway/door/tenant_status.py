"""What an operator is told of tenants: what they may, what they spend, and whose work is costly."""

from collections import Counter

from lab_kit.access.costly import costly
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.sound import Account
from lab_kit.protocol.tenants import TenantSettings, TenantStatus


def tenant_statuses(door: Door) -> tuple[TenantStatus, ...]:
    """All tenants that have settings, or called since the server started; by name."""
    seen, now_s = door.compute.seen, door.compute.now_s()
    streams = Counter(place.work.tenant for place in door.streams)
    outliers = costly({who: (one.works, one.spent_s) for who, one in seen.items()})
    statuses = []
    for tenant in sorted({*seen, *door.tenants.named, *door.sound.named}, key=str):
        account, settings = door.compute.tenant(tenant), door.tenants.settings(tenant)
        sound = door.sound.account(tenant)
        balances = [one for one in (sound.of_month, sound.prepaid) if one is not None]
        left_s = None if account.budget is None else account.budget.left_s(now_s)
        statuses.append(
            TenantStatus(
                tenant=str(tenant),
                settings=settings,
                streams=streams[tenant],
                compute_s=account.spent_s,
                compute_left_s=left_s,
                works=account.works,
                refused=account.refused,
                is_costly=tenant in outliers,
                sound_month_s=sound.used_us / 1e6,
                sound_left_s=min((one.left / 1e6 for one in balances), default=None),
                prepaid_s=None if sound.prepaid is None else sound.prepaid.left / 1e6,
                is_near_limit=_is_near(settings, sound),
            )
        )
    return tuple(statuses)


def _is_near(settings: TenantSettings, sound: Account) -> bool:
    limit_s = settings.sound_s_per_month
    return limit_s is not None and sound.used_us >= settings.sound_warn_share * limit_s * 1e6
