"""Stripe's meters and meter events: two ways to send a request again, and a stream of its own.

An identifier is of one event: another with the same is refused, but in the stream, where it is not
counted and nothing is said. A request with an ``Idempotency-Key`` that was answered is answered the
same. Summaries are up to date at once, where Stripe's own follow later; and what Stripe tells by
webhooks, such as an event without a meter, is told to nobody here.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import Unauthenticated
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.dialects.stripe import server
from lab_kit.dialects.stripe.errors import DuplicateIdentifier, Refused, SessionExpired
from lab_kit.dialects.stripe.options import (
    ADJUSTMENTS_PATH,
    CANCELLED_WITHIN_S,
    EVENTS_PATH,
    METERS_PATH,
    PROVIDER,
    SESSION_PATH,
    STREAM_PATH,
    V2_EVENTS_PATH,
    check_value,
    parse_cancelled,
    parse_event,
    parse_form,
    parse_meter,
    parse_meter_id,
    parse_object,
    parse_page,
    parse_status,
    parse_stream,
    parse_summaries,
    parse_v2_event,
)
from lab_kit.gateway.api.idempotency import HEADER, attempt_of, repeatable
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, small_body
from lab_kit.gateway.door.provider_route import REFUSED
from lab_kit.gateway.door.tokens import Tokens
from lab_kit.gateway.meters.metered import Metered
from lab_kit.gateway.providers.stripe.errors import StripeErrors
from lab_kit.gateway.state.answers import Answers
from lab_kit.protocol.meters import Meter, MeteredEvent

SESSION_S = 900.0
_STREAM_BYTES = 2**20
_NAMES = UUID("5c1b8f5e-8a0e-4b6b-9a3b-6f6d1f1d7c52")
"""Of identifiers that are made of idempotency keys."""
_JSON = "application/json"
_OBJECT: dict[str, Any] = {"schema": {"type": "object"}}
_FORM: dict[str, Any] = {"requestBody": {"content": {"application/x-www-form-urlencoded": _OBJECT}}}
_BODY: dict[str, Any] = {"requestBody": {"content": {_JSON: _OBJECT}}}


def stripe_routes(door: Door, metered: Metered, answers: Answers) -> APIRouter:
    """The routes, bound to the server's parts."""

    class Repeatable(StripeErrors, repeatable(door, answers, MAX_SMALL_BODY_BYTES)):  # type: ignore[misc]
        """Answered once for each idempotency key."""

    router = APIRouter(route_class=Repeatable, responses=REFUSED)
    streams = APIRouter(route_class=StripeErrors, responses=REFUSED)
    one = METERS_PATH + "/{meter}"
    sessions = Tokens()

    async def enter(request: Request) -> AsyncIterator[TenantId]:
        async with door.open(http_call(request)) as admitted:
            yield admitted.principal.tenant

    tenant_of = Annotated[TenantId, Depends(enter)]

    async def find(meter: str, tenant: tenant_of) -> Meter:
        return await metered.meter(tenant, PROVIDER, parse_meter_id(meter))

    found = Annotated[Meter, Depends(find)]

    async def keep(
        request: Request, tenant: TenantId, event: MeteredEvent, *, is_v2: bool
    ) -> Response:
        """Keep an event, and the answer to its request in the same transaction."""
        meters = await metered.meters(tenant, PROVIDER)
        of_name = (one for one in meters if one.is_active and one.event_type == event.type)
        check_value(event, next(of_name, None))
        told = server.v2_event(event) if is_v2 else server.event(event)

        def answered(rows: Rows, new: list[bool]) -> Response:
            if not new[0]:
                raise DuplicateIdentifier(event.id, is_v2=is_v2)
            return _kept(request, rows, JSONResponse(told))

        return await metered.add(tenant, PROVIDER, [event], answered)

    @router.post(EVENTS_PATH, openapi_extra=_FORM)
    async def make_event(request: Request, tenant: tenant_of) -> Response:
        """Tell of a customer's use."""
        event = parse_event(await _form(request), since_1970_us(), str(uuid4()))
        return await keep(request, tenant, event, is_v2=False)

    @router.post(V2_EVENTS_PATH, openapi_extra=_BODY)
    async def make_v2_event(request: Request, tenant: tenant_of) -> Response:
        """The same, in the second version."""
        asked = parse_object(await small_body(request, MAX_SMALL_BODY_BYTES))
        event = parse_v2_event(asked, since_1970_us(), str(uuid4()))
        return await keep(request, tenant, event, is_v2=True)

    @router.post(ADJUSTMENTS_PATH, openapi_extra=_FORM)
    async def adjust(request: Request, tenant: tenant_of) -> Response:
        """Have an event of the last day count no more."""
        name, identifier = parse_cancelled(await _form(request))
        since_us = since_1970_us() - CANCELLED_WITHIN_S * 1_000_000
        if not await metered.cancel(tenant, PROVIDER, name, identifier, since_us):
            raise Refused(
                f"No event {name} with identifier {identifier} can be cancelled",
                "one that came within a day, and was not cancelled",
                "resource_missing",
                "cancel[identifier]",
            )
        return JSONResponse(server.adjustment(name, identifier))

    @router.post(METERS_PATH, openapi_extra=_FORM)
    async def make_meter(request: Request, tenant: tenant_of) -> Response:
        """Make a meter of the events of a name."""
        asked = parse_meter(await _form(request), uuid4(), since_1970_us())
        return await metered.make(
            tenant,
            PROVIDER,
            asked,
            lambda rows, made: _kept(request, rows, JSONResponse(server.meter(made))),
        )

    @router.get(METERS_PATH)
    async def list_meters(request: Request, tenant: tenant_of) -> Response:
        """Meters, the newest first."""
        asked = parse_form(request.url.query)
        page, is_active = parse_page(asked, "status"), parse_status(asked)
        meters = await metered.meters(tenant, PROVIDER)
        told = [
            server.meter(each)
            for each in reversed(meters)
            if is_active is None or each.is_active is is_active
        ]
        return Response(server.page(told, page, METERS_PATH), media_type=_JSON)

    @router.get(one)
    async def get_meter(meter: found) -> Response:
        """A meter."""
        return JSONResponse(server.meter(meter))

    @router.post(one + "/deactivate")
    async def deactivate(meter: found, tenant: tenant_of) -> Response:
        """Have a meter's event name be free for another one."""
        now_us = since_1970_us()
        return JSONResponse(
            server.meter(await metered.set_active(tenant, PROVIDER, meter.id, False, now_us))
        )

    @router.post(one + "/reactivate")
    async def reactivate(meter: found, tenant: tenant_of) -> Response:
        """Undo that."""
        now_us = since_1970_us()
        return JSONResponse(
            server.meter(await metered.set_active(tenant, PROVIDER, meter.id, True, now_us))
        )

    @router.get(one + "/event_summaries")
    async def summarize(request: Request, meter: found, tenant: tenant_of) -> Response:
        """What a customer's events add up to, the newest first."""
        asked = parse_form(request.url.query)
        page = parse_page(asked, "customer", "start_time", "end_time", "value_grouping_window")
        amounts = await metered.measure(tenant, PROVIDER, meter, parse_summaries(asked))
        told = [server.summary(each, meter.id) for each in reversed(amounts)]
        url = f"{METERS_PATH}/{meter.id}/event_summaries"
        return Response(server.page(told, page, url), media_type=_JSON)

    @router.post(SESSION_PATH, openapi_extra=_BODY)
    async def make_session(request: Request) -> Response:
        """A token for the stream, for a quarter of an hour."""
        call = http_call(request)
        async with door.open(call) as admitted:
            parse_object(await small_body(request, MAX_SMALL_BODY_BYTES))
            token = sessions.make(call.credential, admitted.caller, SESSION_S, None)
        now_us = since_1970_us()
        ends_us = now_us + round(SESSION_S * 1e6)
        return JSONResponse(server.session(f"mes_{uuid4().hex}", token, now_us, ends_us))

    @streams.post(STREAM_PATH, openapi_extra=_BODY)
    async def take_events(request: Request) -> Response:
        """Many events at once; those that are there are not counted again."""
        call = http_call(request)
        session = sessions.of(call.credential)
        opening = call if session is None else replace(call, credential=session.key)
        try:
            async with door.open(opening) as admitted:
                if session is None:
                    raise Unauthenticated("no token of a session", "one", "make one")
                tenant = admitted.principal.tenant
                asked = parse_object(await small_body(request, _STREAM_BYTES))
                key = request.headers.get(HEADER)
                # a request that is sent again makes up the same identifiers
                made_up = uuid4() if key is None else uuid5(_NAMES, f"{tenant}/{key}")
                events = await asyncio.to_thread(parse_stream, asked, since_1970_us(), made_up)
                for event in events:
                    check_value(event, None)
                return await metered.add(tenant, PROVIDER, events, lambda *_: JSONResponse({}))
        except Unauthenticated as error:
            raise SessionExpired(
                "no token of a session, or one that is over",
                "one that is not older than a quarter of an hour",
                f"make another session with POST {SESSION_PATH}",
            ) from error

    router.include_router(streams)
    return router


async def _form(request: Request) -> dict[str, Any]:
    body = await small_body(request, MAX_SMALL_BODY_BYTES)
    return parse_form(body.decode(errors="replace"))


def _kept(request: Request, rows: Rows, response: Response) -> Response:
    """The answer, kept in the transaction that it tells of, where its request has a key."""
    attempt = attempt_of(request)
    if attempt is not None:
        attempt.keep(rows, response)
    return response
