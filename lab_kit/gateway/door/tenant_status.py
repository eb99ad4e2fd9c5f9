"""What an operator is told of tenants: what they may, what they spend, and whose work is costly."""

from collections import Counter

from lab_kit.access.costly import costly
from lab_kit.gateway.door.door import Door
from lab_kit.protocol.tenants import TenantStatus


def tenant_statuses(door: Door) -> tuple[TenantStatus, ...]:
    """All tenants that have settings, or called since the server started; by name."""
    seen, now_s = door.compute.seen, door.compute.now_s()
    streams = Counter(place.work.tenant for place in door.streams)
    outliers = costly({who: (one.works, one.spent_s) for who, one in seen.items()})
    statuses = []
    for tenant in sorted({*seen, *door.tenants.named}, key=str):
        account = door.compute.tenant(tenant)
        left_s = None if account.budget is None else account.budget.left_s(now_s)
        statuses.append(
            TenantStatus(
                tenant=str(tenant),
                settings=door.tenants.settings(tenant),
                streams=streams[tenant],
                compute_s=account.spent_s,
                compute_left_s=left_s,
                works=account.works,
                refused=account.refused,
                is_costly=tenant in outliers,
            )
        )
    return tuple(statuses)
