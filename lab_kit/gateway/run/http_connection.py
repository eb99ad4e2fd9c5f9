"""One HTTP connection, with limits on what its client may send and on how long it may take.

uvicorn's parser is httptools', which takes a head of any length and waits for it for ever. Its
other one, h11, has a limit of bytes but none of time either, and is pure Python: a request with
eight headers took it 190 us, and httptools 46. So httptools stays, and what it is fed is counted
first: 63 us, and a third of a millisecond more for a megabyte of a body.

A clock runs only while the client owes something and the server reads: a head, or a body that the
application asks for. It is looked at in parts. A server that is held up for longer than a part
counts one, and reads what has arrived before the next; see `gateway.live.fair_timeout`.

Requests and upgrades begin in their turns: each takes milliseconds, and three hundred that came
together would hold up every live stream for a second. A head alone is parsed in a tenth of one.

Source: RFC 9110, 15.5.9 (408); RFC 6585, 5 (431).
"""

import asyncio
from enum import Enum, auto
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from lab_kit.core.errors import LabError
from lab_kit.core.ids import RequestId
from lab_kit.gateway.api.errors import error_response
from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.call import thumbprint
from lab_kit.gateway.door.connections import Connections
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.public import PROBES
from lab_kit.gateway.live.fair_timeout import LOOKS
from lab_kit.gateway.run.http_refusals import full, head_too_large, malformed, rendered, too_slow

SLICE_BYTES = 8_192
"""Fed to the parser at a time, so that no limit is passed by more."""
MOST_HEADERS = 128
"""Of one request; each costs ten times its bytes. It is the WebSocket library's limit, too."""
MOST_PIPELINED = 8
"""Requests that wait behind one that is being answered. No browser sends any."""


class Stage(Enum):
    """Where in a request the parser is."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


def http_protocol(
    limits: Limits, places: Connections, arrivals: Arrivals
) -> type["HttpConnection"]:
    """uvicorn's HTTP protocol with these limits."""

    class Limited(HttpConnection):
        pass

    Limited.limits, Limited.places, Limited.arrivals = limits, places, arrivals
    return Limited


class HttpConnection(HttpToolsProtocol):
    """The protocol, from the connection to its end or its upgrade."""

    limits: Limits
    places: Connections
    arrivals: Arrivals

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stage = Stage.BETWEEN
        self._has_place = False
        self._is_upgraded = False
        self._upgrading: asyncio.Task[None] | None = None
        self._headers_too_many = False
        self._asking: RequestResponseCycle | None = None  # whose application waits for its body
        self._unparsed_bytes = 0  # fed since the parser last completed anything
        self._timer: asyncio.TimerHandle | None = None
        self._look_s = self.limits.unreceived_s / LOOKS
        self._unsent_bytes, self._unsent_s = 0, 0.0
        self._arrived_bytes = 0  # since the last look
        self._owed_s, self._owed_bytes, self._silent_s = 0.0, 0, 0.0

    # -- from the connection to its end ----------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give it a place, or hear whether it is a probe."""
        super().connection_made(transport)
        encrypted = transport.get_extra_info("ssl_object")
        if encrypted is not None:
            # every request's scope has it, and an upgrade's: it says who may show a bound token
            shown = thumbprint(encrypted.getpeercert(binary_form=True))
            self.app_state = {**self.app_state, "certificate": shown}
        self._has_place = self.places.enter(transport, self._peer)
        if not self._has_place and not self.places.visit(self):
            self._refuse(full())
            return
        self._timer = self.loop.call_later(self._look_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free everything."""
        super().connection_lost(exc)
        if self._upgrading is not None:
            self._upgrading.cancel()
        self._stop_looking()
        self.places.leave(self.transport)
        self.places.end_visit(self)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over in its turn, with its place."""
        if not self._has_place:
            self._refuse(full())
            return
        self._is_upgraded = True
        self._stop_looking()
        self.flow.pause_reading()
        self._upgrading = self.loop.create_task(self._upgrade())

    async def _upgrade(self) -> None:
        await self.arrivals.turn(self._peer)
        self.flow.resume_reading()
        try:
            super().handle_websocket_upgrade()
        except Exception as error:
            # nothing else would end it: its clock has stopped, and nobody reads it
            self.transport.abort()
            self.loop.call_exception_handler({"message": "an upgrade failed", "exception": error})

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def is_silent(self) -> bool:
        """Its first head has not come yet."""
        return self.cycle is None

    def evict(self) -> None:
        """Close it at once."""
        self.transport.abort()

    # -- what arrives ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which keeps what it cannot complete, no more than the limit."""
        self._arrived_bytes += len(data)
        at = 0
        while at < len(data) and not self.transport.is_closing() and not self._is_upgraded:
            part = data[at : at + min(SLICE_BYTES, self.limits.head_bytes - self._unparsed_bytes)]
            at += len(part)
            self._unparsed_bytes += len(part)
            super().data_received(part)
            if self._unparsed_bytes >= self.limits.head_bytes:
                self._refuse(head_too_large(f"{self.limits.head_bytes:,} bytes"))

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._enter(Stage.HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more header; a trailer is none, and nobody here wants any [RFC 9110, 6.5.1]."""
        if self._stage is Stage.BODY:
            return
        if len(self.headers) >= MOST_HEADERS:
            self._headers_too_many = True
            raise ValueError("too many headers")  # as the parser is told to stop
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The application begins, if there is room for one more request."""
        self._unparsed_bytes = 0
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError("too many requests at once")
        self._enter(Stage.BODY)
        super().on_headers_complete()
        if not self._has_place and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unparsed_bytes = 0
        self._enter(Stage.BETWEEN)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out: from now on the client owes the next request, or the body's rest."""
        self._owe_afresh()
        super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, self._serve(cycle, app))

    def _serve(self, cycle: RequestResponseCycle, app: Any) -> Any:
        """The application, seen waiting for the body; an answer that it breaks off breaks off."""

        async def receive() -> Any:
            self._asking = cycle
            try:
                return await cycle.receive()
            finally:
                self._asking = None

        async def send(message: Any) -> None:
            if self.transport.is_closing():  # nobody is left, whether the cycle knows it or not
                cycle.disconnected = True
            await cycle.send(message)

        async def serve(scope: Any, *_: Any) -> None:
            is_probe = scope["method"] == "GET" and scope["path"] in PROBES
            # who asks how the server is does not wait behind its own machine's other calls
            await self.arrivals.turn(f"probe {self._peer}" if is_probe else self._peer)
            answer = app if self._has_place or is_probe else error_response(full(), RequestId.new())
            await answer(scope, receive, send)
            if cycle.response_started and not cycle.response_complete:
                cycle.disconnected = True
                self.transport.abort()

        return serve

    # -- how long it takes -----------------------------------------------------------------------

    def timeout_keep_alive_handler(self) -> None:
        """Nothing: who sends no next request is found by the looks, which are fair."""

    def _look(self) -> None:
        self._timer = self.loop.call_later(self._look_s, self._look)
        arrived, self._arrived_bytes = self._arrived_bytes, 0
        if self._is_left_unread():
            self.transport.abort()
        elif self._owes():
            self._owed_s += self._look_s
            self._owed_bytes += arrived
            self._silent_s = 0.0 if arrived else self._silent_s + self._look_s
            if self._is_overdue():
                self._refuse(too_slow(self.limits.unreceived_s))

    def _is_left_unread(self) -> bool:
        """Nothing of what was written has left for too long."""
        unsent = self.transport.get_write_buffer_size()
        is_stuck = 0 < unsent == self._unsent_bytes
        self._unsent_bytes = unsent
        self._unsent_s = self._unsent_s + self._look_s if is_stuck else 0.0
        return self._unsent_s >= self.limits.unsent_s

    def _owes(self) -> bool:
        if self.flow.read_paused or self.transport.is_closing():
            return False
        if self._stage is Stage.BODY:
            return not self._is_answering or self._asking is self.cycle
        return not self._is_answering

    def _is_overdue(self) -> bool:
        limit_s = self.limits.unreceived_s
        if self._stage is Stage.BODY and self._is_answering:
            allowed_s = limit_s + self._owed_bytes / self.limits.body_bytes_per_s
            return self._silent_s >= limit_s or self._owed_s >= allowed_s
        # a head has the time as a whole, and so has a body that nobody wants any more
        return self._owed_s >= limit_s

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._owe_afresh()

    def _owe_afresh(self) -> None:
        self._owed_s, self._owed_bytes, self._silent_s = 0.0, 0, 0.0

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- refused without the application ---------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        """What the parser could not read, or one of ours stopped it at."""
        too_many = head_too_large(f"{MOST_HEADERS} headers")
        self._refuse(too_many if self._headers_too_many else malformed())

    def _refuse(self, error: LabError) -> None:
        """Close, with an answer if the client has asked and has none yet.

        A request that is under way ends like one whose client hangs up.
        """
        if self._may_answer:
            self.transport.write(rendered(error))
        if self._is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    @property
    def _may_answer(self) -> bool:
        """The client waits for an answer, and no other has begun."""
        match self._stage:
            case Stage.HEAD:
                return not self._is_answering
            case Stage.BODY:
                return self._is_answering and not self.cycle.response_started
            case Stage.BETWEEN:
                return not self._has_place
