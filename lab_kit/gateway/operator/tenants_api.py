"""The operator's API on tenants: what they are allowed, and what they spend."""

from fastapi import APIRouter

from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.door.tenant_status import tenant_statuses
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.protocol.tenants import TenantList, TenantSettings, TenantStatus, TopUp


def tenant_routes(door: Door) -> APIRouter:
    """The routes, bound to the door that counts."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)

    @router.get("/tenants")
    def list_tenants() -> TenantList:
        """All that have settings, or called since the server started."""
        return TenantList(tenant_statuses(door))

    @router.put("/tenants/{tenant}")
    async def set_tenant(tenant: str, body: TenantSettings) -> TenantStatus:
        """Have a tenant be allowed this; it counts from the next second on, for open streams too.

        What it has spent stays spent.
        """
        if body.home_region is not None:
            door.residency.check_known((body.home_region, *body.allowed_regions), body.consents)
        await door.tenants.put(tenant, body)
        return next(one for one in tenant_statuses(door) if one.tenant == tenant)

    @router.post("/tenants/{tenant}:topUp")
    async def top_up_tenant(tenant: str, body: TopUp) -> TenantStatus:
        """Have a tenant have paid for so much sound, or for so much more.

        A payment's id that comes again adds nothing. Who has paid ahead is served while something
        is left.
        """
        await door.sound.top_up(tenant, body)
        return next(one for one in tenant_statuses(door) if one.tenant == tenant)

    return router
