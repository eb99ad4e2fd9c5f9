"""The operator's API on routes that have a successor: what is planned, and who still calls them."""

from fastapi import APIRouter

from lab_kit.gateway.api.deprecations import Deprecations
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.protocol.deprecations import DeprecationList, DeprecationPlan, DeprecationStatus


def deprecation_routes(door: Door, deprecations: Deprecations) -> APIRouter:
    """The routes, bound to the server's parts.

    All run on the event loop, where calls are counted: on a thread, a listing would meet a change.
    """
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)

    @router.get("/deprecations")
    async def list_deprecations() -> DeprecationList:
        """Every route that has a successor, whether anything is planned for it or not."""
        return DeprecationList(deprecations.statuses())

    @router.get("/deprecations/{route}")
    async def get_deprecation(route: str) -> DeprecationStatus:
        """What is planned for one, what holds now, and which tenants call it."""
        return deprecations.status(route)

    @router.put("/deprecations/{route}")
    async def put_deprecation(route: str, body: DeprecationPlan) -> DeprecationStatus:
        """Announce, or change what was announced; clients are told from the next answer on."""
        deprecations.put(route, body)
        return deprecations.status(route)

    @router.delete("/deprecations/{route}", status_code=204)
    async def take_back_deprecation(route: str) -> None:
        """Announce nothing any more."""
        deprecations.put(route, None)

    return router
