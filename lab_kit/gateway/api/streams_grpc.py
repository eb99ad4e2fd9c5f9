"""Our own live stream over gRPC: the same sessions, as protobuf."""

import asyncio
from typing import Any

import grpc

from lab_kit.core.errors import LabError
from lab_kit.dialects.lab.errors import SessionEnding
from lab_kit.dialects.lab.protobuf import begun, said, told
from lab_kit.gateway.door.call import MODEL_VERSION, REQUEST_ID
from lab_kit.gateway.door.calls import Calls, received, send
from lab_kit.gateway.door.door import Admitted
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.carrying import carried
from lab_kit.gateway.live.session_wire import Kept
from lab_kit.gateway.live.sessions import Sessions
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.live import Ending
from lab_kit.protocol.proto_text import METHOD, SERVICE
from lab_kit.protocol.stream_messages import (
    ERROR_METADATA,
    Command,
    Resume,
    SessionResumed,
)


def stream_methods(sessions: Sessions, limits: Limits, calls: Calls) -> dict[str, dict[str, Any]]:
    """The method, by its service."""

    async def serve(context: Any, admitted: Admitted) -> None:
        first = await received(context, limits.idle_s)
        asked = begun(first or b"")
        resumed = None
        if isinstance(asked, Resume):
            session = sessions.of(asked.session, admitted.principal.tenant)
            resumed = SessionResumed(
                session=session.name, after=asked.after, taken=session.wire.taken
            )
        else:
            session = sessions.begin(admitted, asked)
        connection = session.wire.connect(0 if resumed is None else resumed.after)
        named = (
            (REQUEST_ID, str(admitted.call.request_id)),
            (MODEL_VERSION, str(session.version)),
        )
        line = _CallLine(context, named, resumed)
        await carried(sessions, session, connection, line)

    handler = calls.stream(f"/{SERVICE}/{METHOD}", serve, _refusal, limits.streams, limits.streams)
    return {SERVICE: {METHOD: handler}}


def _refusal(error: LabError) -> Ending:
    """A refused call's status; the error itself is in the metadata, for programs."""
    body = ErrorEnvelope.of(error, None).error.model_dump_json(ensure_ascii=True)
    return Ending(error.code.value, f"{error.reason}: {error}", ((ERROR_METADATA, body),))


_HALF_CLOSE_S = 0.25
"""After which a client that says no more is believed to have finished. One that says so with the
command is believed at once."""


class _CallLine:
    """A call as a session's connection uses it."""

    def __init__(
        self, context: Any, named: tuple[tuple[str, str], ...], resumed: SessionResumed | None
    ) -> None:
        self._context = context
        self._named = named
        self._resumed = resumed
        self._is_half_closed = False

    async def open(self) -> None:
        """Send the headers, and say what is gone on with."""
        await self._context.send_initial_metadata(self._named)
        if self._resumed is not None:
            await send(self._context, told(self._resumed))

    async def receive(self) -> bytes | str:
        """The next message; a client that has half-closed has finished."""
        if self._is_half_closed:
            await asyncio.Event().wait()  # it says no more; the call ends with the session
        message = await self._context.read()
        if message is not grpc.aio.EOF:
            return said(bytes(message))
        self._is_half_closed = True
        # a connection that was lost looks the same, until a moment later the call is cancelled
        await asyncio.sleep(_HALF_CLOSE_S)
        return Command.FINISH

    async def send(self, kept: Kept) -> None:
        """Send one, as protobuf."""
        await send(self._context, told(kept.message))

    async def close(self, ending: SessionEnding) -> None:
        """Set the status that the call ends with."""
        self._context.set_code(grpc.StatusCode[ending.status])
        self._context.set_details(ending.reason)
