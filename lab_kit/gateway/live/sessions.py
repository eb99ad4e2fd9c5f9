"""The sessions of a server: live streams of our own API, which outlive their connections.

A session runs on a task of its own and holds what its first call was let in with: a place among the
live streams, and a version. Connections come and go. When it has ended, its last messages are kept
as long as a lost client has time to come back for them.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from lab_kit.core.errors import SessionNotFound
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.dialects.lab.options import options_of
from lab_kit.dialects.lab.server import LabStream
from lab_kit.gateway.door.door import Admitted
from lab_kit.gateway.live.live_stream import LiveStream
from lab_kit.gateway.live.session_wire import SessionWire
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.protocol.stream_messages import StreamRequest

MOST_ENDED = 256
"""Sessions that have ended and are kept; the oldest gives way."""


@dataclass(slots=True)
class Session:
    """One of them.

    Attributes:
        name: what a client asks for it by.
        tenant: who may.
        version: of the model, that serves it to its end.
        task: that it runs on.
    """

    name: str
    tenant: TenantId
    wire: SessionWire
    version: int
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Sessions:
    """Those of one server.

    Args:
        count_connection: told how each connection of a session has ended.

    Attributes:
        window_s: how long each waits for a client without a connection.
        unsent_s: how long a client may refuse to take a message.
        own_url: where this process alone is reached; empty where that is the server's address.
    """

    def __init__(self, streams: StreamServices, count_connection: Callable[[str], None]) -> None:
        self.window_s = streams.limits.resume_window_s
        self.own_url = ""
        self.unsent_s = streams.limits.unsent_s
        self.count_connection = count_connection
        self._streams = streams
        self._open: dict[str, Session] = {}
        self._ended: dict[str, Session] = {}

    def begin(self, admitted: Admitted, asked: StreamRequest) -> Session:
        """Begin one, for a call that was let in.

        Raises:
            LabError: see `Admitted.stream`.
            InvalidParameter, UnsupportedSampleRate: the options cannot be met.
        """
        options = options_of(asked)
        place = admitted.stream(options.priority_class, asked.model)
        identity = place.work.identity
        wire = SessionWire(self.window_s)
        dialect = LabStream(options, identity, place.lease.engine.model, self.window_s)
        stream = LiveStream(self._streams, place, wire, dialect)
        pipeline = stream.begin()
        dialect.audio_s = lambda: pipeline.audio_s
        dialect.refresh = partial(admitted.refresh, place)
        session = Session(str(identity.stream), admitted.principal.tenant, wire, place.work.version)
        self._open[session.name] = session
        session.task = asyncio.create_task(self._run(session, stream, admitted.hand_over()))
        return session

    def of(self, name: str, tenant: TenantId) -> Session:
        """The session of that name.

        Raises:
            SessionNotFound: the tenant has none.
        """
        session = self._open.get(name) or self._ended.get(name)
        if session is None or session.tenant != tenant:
            raise SessionNotFound(
                f"no session {shown(name)}",
                f"one that was begun here, and not without a connection for {self.window_s:g} s",
                "begin another session",
            )
        return session

    async def _run(self, session: Session, stream: LiveStream, held: ExitStack) -> None:
        try:
            await stream.run()
        except Exception as error:  # a defect of ours: whoever is connected is let go below
            self._streams.failures.tell("a session", error)
        finally:
            held.close()
            del self._open[session.name]
            if session.wire.ending is not None:
                self._keep(session)
            session.wire.abandon()

    def _keep(self, session: Session) -> None:
        """Have its last messages there for a while."""
        while len(self._ended) >= MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[session.name] = session
        asyncio.get_running_loop().call_later(self.window_s, self._ended.pop, session.name, None)
