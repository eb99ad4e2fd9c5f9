"""Our own live stream over HTTP: as a WebSocket, or by posts upwards and events down.

Both carry the messages of `protocol.stream_messages`, and both go on with a session whose
connection was lost, whichever of them that was.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.websockets import WebSocket

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.core.personal_data import joined
from lab_kit.core.shown import shown
from lab_kit.dialects.lab.errors import SessionEnding
from lab_kit.dialects.lab.options import read_request, request_of
from lab_kit.gateway.api.errors import REFUSALS, error_response
from lab_kit.gateway.api.operations import tenant_of
from lab_kit.gateway.door.call import MODEL_VERSION, REQUEST_ID, http_call
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES, Door, guarded, small_body
from lab_kit.gateway.live.carrying import End, carried
from lab_kit.gateway.live.session_wire import Connection, Kept, Replaced
from lab_kit.gateway.live.sessions import Session, Sessions
from lab_kit.gateway.live.socket_wire import SocketWire, subprotocols
from lab_kit.protocol.stream_document import command_schema, request_schema
from lab_kit.protocol.stream_messages import (
    SOCKET_PATH,
    STREAMS_PATH,
    SUBPROTOCOL,
    SessionOpened,
    SessionResumed,
    Taken,
)

EVENTS = "text/event-stream"
_COMMENT_EVERY_S = 10.0
"""Proxies close what is silent for a minute or so."""
_SESSION, _AFTER = "session", "after"
_MOST_DIGITS = 12
_NOT_KEPT = {"cache-control": "no-store"}
_BODY: dict[str, Any] = {
    "requestBody": {"content": {"application/json": {"schema": request_schema()}}}
}
_MESSAGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": command_schema()},
        },
    }
}


def stream_routes(door: Door, sessions: Sessions) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(responses=REFUSALS)
    inside = APIRouter(route_class=guarded(door), responses=REFUSALS)

    @router.post(STREAMS_PATH, status_code=201, response_model=SessionOpened, openapi_extra=_BODY)
    async def begin_session(request: Request) -> Response:
        """Begin a session; its sound is posted, and its events are read, by its name."""
        async with door.open(http_call(request)) as admitted:
            admitted.check_stream()
            asked = read_request(await small_body(request, MAX_SMALL_BODY_BYTES))
            session = sessions.begin(admitted, asked)
            opened = SessionOpened(session=session.name, resume_window_s=sessions.window_s)
            headers = {
                MODEL_VERSION: str(session.version),
                "location": f"{sessions.own_url}{STREAMS_PATH}/{session.name}",
            }
            return JSONResponse(opened.model_dump(), 201, headers)

    @inside.post(STREAMS_PATH + "/{session}/messages", openapi_extra=_MESSAGE)
    async def say(request: Request, session: str, number: Annotated[int, Query(ge=1)]) -> Taken:
        """One message of the client's: sound, or a command as JSON.

        They are numbered 1, 2, 3, …; one that was taken before is not taken again.
        """
        wire = sessions.of(session, tenant_of(request)).wire
        body = await request.body()
        is_command = request.headers.get("content-type", "").startswith("application/json")
        message = body.decode(errors="replace") if is_command else body
        await wire.take(message, number=number)
        return Taken(taken=wire.taken)

    @inside.get(
        STREAMS_PATH + "/{session}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {EVENTS: {}}}},
    )
    async def events(
        request: Request, session: str, after: Annotated[int | None, Query(ge=0)] = None
    ) -> Response:
        """What the server says, as server-sent events; each event's id is its number.

        It goes on behind the header ``Last-Event-ID``, or behind ``after``.
        """
        seen = _number(request.headers.get("last-event-id", "0")) if after is None else after
        found = sessions.of(session, tenant_of(request))
        connection = found.wire.connect(seen)
        lines = _events(sessions, found, connection, _resumed(found, seen))
        return StreamingResponse(lines, headers=_NOT_KEPT, media_type=EVENTS)

    @router.websocket(SOCKET_PATH)
    async def stream(socket: WebSocket) -> None:
        offered = subprotocols(socket)
        is_ours = offered[:1] == [SUBPROTOCOL]
        # a browser, which cannot set the header, offers the key as a second subprotocol
        call = http_call(socket, offered[1] if is_ours and len(offered) > 1 else None)
        resumed = None
        try:
            async with door.open(call) as admitted:
                query = joined(socket.query_params.multi_items())
                if (name := query.pop(_SESSION, None)) is None:
                    session = sessions.begin(admitted, request_of(query))
                else:
                    session = sessions.of(name, admitted.principal.tenant)
                    resumed = _resumed(session, _number(query.pop(_AFTER, "0")))
                connection = session.wire.connect(0 if resumed is None else resumed.after)
        except LabError as error:
            await socket.send_denial_response(error_response(error, call.request_id))
            return
        named = {REQUEST_ID: str(call.request_id), MODEL_VERSION: str(session.version)}
        headers = [(name.encode(), value.encode()) for name, value in named.items()]
        wire = SocketWire(socket, SUBPROTOCOL if is_ours else None, headers)
        await carried(sessions, session, connection, _SocketLine(wire, resumed))

    router.include_router(inside)
    return router


class _SocketLine:
    """A WebSocket as a session's connection uses it."""

    def __init__(self, wire: SocketWire, resumed: SessionResumed | None) -> None:
        self._wire = wire
        self._resumed = resumed

    async def open(self) -> None:
        """Upgrade, and say what is gone on with."""
        await self._wire.open()
        if self._resumed is not None:
            await self._wire.send(self._resumed.model_dump_json())

    async def receive(self) -> bytes | str:
        """The next message."""
        return await self._wire.receive()

    async def send(self, kept: Kept) -> None:
        """Send one, as JSON."""
        await self._wire.send(kept.json)

    async def close(self, ending: SessionEnding) -> None:
        """Send the close frame."""
        await self._wire.close(ending)


async def _events(
    sessions: Sessions, session: Session, connection: Connection, resumed: SessionResumed
) -> AsyncIterator[str]:
    """The lines of an answer; a comment now and then, where nothing is said."""
    messages, end = connection.messages(), End.LOST
    following: asyncio.Future[Kept] = asyncio.ensure_future(anext(messages))
    try:
        yield f"event: {resumed.type}\ndata: {resumed.model_dump_json()}\n\n"
        while True:
            done, _ = await asyncio.wait({following}, timeout=_COMMENT_EVERY_S)
            if not done:
                yield ": nothing is said\n\n"
                continue
            kept = following.result()
            yield f"id: {kept.sequence}\nevent: {kept.message.type}\ndata: {kept.json}\n\n"
            following = asyncio.ensure_future(anext(messages))
    except StopAsyncIteration:
        end = End.WITH_THE_SESSION
    except Replaced:
        end = End.REPLACED
    finally:
        sessions.count_connection(end)
        following.cancel()
        session.wire.leave(connection)


def _resumed(session: Session, after: int) -> SessionResumed:
    return SessionResumed(session=session.name, after=after, taken=session.wire.taken)


def _number(text: str) -> int:
    """
    Raises:
        InvalidParameter: it is none.
    """
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise InvalidParameter(
            f"the number {shown(text)}", "that of the last message seen, 0 for none", "send it"
        )
    return int(text)
