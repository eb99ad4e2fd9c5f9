"""Operations over HTTP: ask for them, wait for them, cancel them, forget them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from lab_kit.core.ids import TenantId
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.transcriptions import paging
from lab_kit.gateway.transcriptions.transcriber import Transcriber
from lab_kit.protocol.operations import (
    LONGEST_WAIT_S,
    OPERATIONS_PATH,
    Operation,
    OperationList,
)

_Text = Annotated[str, Query(max_length=paging.LONGEST_FILTER)]


def tenant_of(request: Request) -> TenantId:
    """Whose call it is, as the door found."""
    tenant: TenantId = request.state.tenant
    return tenant


def operation_routes(door: Door, transcriber: Transcriber) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(route_class=guarded(door), responses=REFUSALS)
    operations = transcriber.operations

    @router.get(OPERATIONS_PATH)
    async def list_operations(
        request: Request,
        page_size: int = 0,
        page_token: _Text = "",
        filter: _Text = "",
        order_by: Literal["", "create_time", "create_time desc"] = "",
    ) -> OperationList:
        """The caller's operations, the newest first.

        ``filter`` compares ``state``, ``done`` or ``create_time``, joined with AND; ``order_by`` is
        ``create_time`` or ``create_time desc``.
        """
        query = paging.Query.parse(page_size, page_token, filter, order_by)
        page = await operations.page(tenant_of(request), query)
        told = tuple(one.message() for one in page.operations)
        return OperationList(told, page.next_token)

    @router.get(OPERATIONS_PATH + "/{operation:uuid}")
    async def get_operation(request: Request, operation: UUID) -> Operation:
        """How far it is."""
        return (await operations.get(tenant_of(request), operation)).message()

    @router.post(OPERATIONS_PATH + "/{operation:uuid}:cancel")
    async def cancel_operation(request: Request, operation: UUID) -> Operation:
        """End it without a result; one that has ended stays as it is."""
        return (await transcriber.cancel(tenant_of(request), operation)).message()

    @router.post(OPERATIONS_PATH + "/{operation:uuid}:wait")
    async def wait_for_operation(
        request: Request,
        operation: UUID,
        timeout_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = LONGEST_WAIT_S,
    ) -> Operation:
        """The operation once it has ended, or after ``timeout_s`` as it is then."""
        return (await transcriber.wait(tenant_of(request), operation, timeout_s)).message()

    @router.delete(OPERATIONS_PATH + "/{operation:uuid}", status_code=204)
    async def delete_operation(request: Request, operation: UUID) -> Response:
        """Forget one that has ended; what came of it stays."""
        await operations.delete(tenant_of(request), operation)
        return Response(status_code=204)

    return router
