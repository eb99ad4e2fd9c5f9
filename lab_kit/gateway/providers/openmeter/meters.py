"""OpenMeter's API: events are taken in, each once; meters are made, and asked what they add up to.

Its amounts are up to date with the first answer, where OpenMeter's own follow some seconds later.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId
from lab_kit.dialects.openmeter import server
from lab_kit.dialects.openmeter.options import (
    EVENT_TYPES,
    EVENTS_PATH,
    METERS_PATH,
    PROVIDER,
    parse_events,
    parse_listing,
    parse_meter,
    parse_query,
    parse_question,
)
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, small_body
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.meters.metered import Metered
from lab_kit.gateway.providers.openmeter.errors import OpenMeterErrors
from lab_kit.protocol.meters import Meter, Question

MOST_BYTES = 2**20
"""Of the events of one request."""
_CSV = "text/csv"
_JSON = "application/json"
_OBJECT: dict[str, Any] = {"schema": {"type": "object"}}
_EVENTS: dict[str, Any] = {
    "requestBody": {"required": True, "content": dict.fromkeys(EVENT_TYPES, _OBJECT)}
}
_BODY: dict[str, Any] = {"requestBody": {"content": {_JSON: _OBJECT}}}


def openmeter_routes(door: Door, metered: Metered) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(route_class=OpenMeterErrors, responses=REFUSED)
    one = METERS_PATH + "/{meter}"

    async def enter(request: Request) -> AsyncIterator[TenantId]:
        async with door.open(http_call(request)) as admitted:
            yield admitted.principal.tenant

    tenant_of = Annotated[TenantId, Depends(enter)]

    async def find(meter: str, tenant: tenant_of) -> Meter:
        return await metered.meter(tenant, PROVIDER, meter)

    found = Annotated[Meter, Depends(find)]

    @router.post(EVENTS_PATH, status_code=204, openapi_extra=_EVENTS)
    async def ingest(request: Request, tenant: tenant_of) -> Response:
        """Take events in; what was there before is not counted again."""
        body = await small_body(request, MOST_BYTES)
        kind, now_us = request.headers.get("content-type", ""), since_1970_us()
        # on a thread: a thousand events take a while to read
        events = await asyncio.to_thread(parse_events, kind, body, now_us)
        return await metered.add(tenant, PROVIDER, events, lambda *_: Response(status_code=204))

    @router.get(EVENTS_PATH)
    async def list_events(request: Request, tenant: tenant_of) -> Response:
        """Events, the newest first, and why one does not count."""
        asked = parse_listing(request.query_params.multi_items())
        listed = await metered.list_events(
            tenant,
            PROVIDER,
            asked.limit,
            time_us=asked.time_us,
            arrived_us=asked.arrived_us,
            subject=asked.subject,
            id=asked.id,
        )
        meters = await metered.meters(tenant, PROVIDER)
        body = await asyncio.to_thread(server.events, listed, meters)
        return Response(body, media_type=_JSON)

    @router.post(METERS_PATH, status_code=201, openapi_extra=_BODY)
    async def make_meter(request: Request, tenant: tenant_of) -> Response:
        """Make a meter; it counts what is there as well."""
        asked = parse_meter(await small_body(request, MAX_SMALL_BODY_BYTES), since_1970_us())
        return await metered.make(
            tenant, PROVIDER, asked, lambda _, made: JSONResponse(server.meter(made), 201)
        )

    @router.get(METERS_PATH)
    async def list_meters(request: Request, tenant: tenant_of) -> Response:
        """All meters, the oldest first."""
        for name in request.query_params:
            raise InvalidParameter(
                f"{name[:80]} of the list of meters, which is not imitated here",
                "no parameter: all of them are answered at once",
                "leave it out",
            )
        meters = await metered.meters(tenant, PROVIDER)
        return JSONResponse([server.meter(each) for each in meters])

    @router.get(one)
    async def get_meter(meter: found) -> Response:
        """A meter, by its id or slug."""
        return JSONResponse(server.meter(meter))

    @router.delete(one, status_code=204)
    async def delete_meter(meter: found, tenant: tenant_of) -> Response:
        """Remove a meter; events stay."""
        await metered.remove(tenant, PROVIDER, meter.id)
        return Response(status_code=204)

    @router.get(one + "/query")
    async def query(request: Request, meter: found, tenant: tenant_of) -> Response:
        """What a meter adds up to, as JSON or as CSV."""
        asked = parse_query(request.query_params.multi_items())
        return await answered(request, tenant, meter, asked)

    @router.post(one + "/query", openapi_extra=_BODY)
    async def query_by_body(request: Request, meter: found, tenant: tenant_of) -> Response:
        """The same, asked for by a body."""
        asked = parse_question(await small_body(request, MAX_SMALL_BODY_BYTES))
        return await answered(request, tenant, meter, asked)

    async def answered(
        request: Request, tenant: TenantId, meter: Meter, asked: Question
    ) -> Response:
        amounts = await metered.measure(tenant, PROVIDER, meter, asked)
        if _CSV in request.headers.get("accept", ""):
            return Response(
                await asyncio.to_thread(server.amounts_as_csv, amounts, asked), media_type=_CSV
            )
        return Response(await asyncio.to_thread(server.amounts, amounts, asked), media_type=_JSON)

    return router
