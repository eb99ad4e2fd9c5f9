"""The server's sockets: HTTP and gRPC opened together, and closed when open streams have ended."""

import asyncio
import json
import os
import socket
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from lab_kit.core.child_process import HOST, bind
from lab_kit.dialects.amazon.options import HTTP_PATH
from lab_kit.gateway.door.connections import connections, handshakes
from lab_kit.gateway.live.releasing import releasing_protocol
from lab_kit.gateway.providers.deepgram.rtc_route import import_webrtc
from lab_kit.gateway.run.accepting import Accepting, Listener
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.certificates import LOOK_S, CertificateFiles, Certificates
from lab_kit.gateway.run.given import GivenConnections
from lab_kit.gateway.run.grpc import Encrypted, start_grpc
from lab_kit.gateway.run.http_connection import http_protocol
from lab_kit.gateway.run.maintenance import begin_maintenance
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.run.tls import Tls, certificates

if TYPE_CHECKING:
    from lab_kit.gateway.run.http2 import Http2

_READY_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens, beside the socket that it is given.

    Attributes:
        grpc: without TLS; 0 for any free one, as the others.
        grpc_tls, tls: with TLS, for gRPC and for HTTP; None for none.
        tls_host: the address of both.
        certificates: for both.
    """

    grpc: int = 0
    grpc_tls: int | None = None
    tls: int | None = None
    tls_host: str = HOST
    certificates: CertificateFiles = field(default_factory=CertificateFiles)

    @property
    def has_tls(self) -> bool:
        """Whether anything is encrypted."""
        return self.tls is not None or self.grpc_tls is not None


TELL_S = 0.1
"""What was given meanwhile is known to whoever gave it."""


class DrainingServer(uvicorn.Server):
    """A server that lets open streams finish before it closes their sockets.

    uvicorn closes WebSockets the moment it is told to stop; here the first signal makes each
    stream deliver its finals and close itself, and only then stops the server. A second signal
    stops it at once.

    Attributes:
        failure: why it never became ready, where somebody waits for that.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server: Server,
        ports: "Ports",
        tells_ready: bool = False,
        given: GivenConnections | None = None,
    ) -> None:
        super().__init__(config)
        self._server = server
        self._ports = ports
        self._http2: Http2 | None = None
        self._tells_ready = tells_ready
        self._given = given
        self.failure: str | None = None
        self._app: Any = config.app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, for gRPC too; remember the loop, on which draining will happen."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._server.metrics.background_failures.note_of_loop)
        host = sockets[0].getsockname()[0] if sockets else HOST
        ports = self._ports
        shown = certificates(ports.certificates) if ports.has_tls else None
        self._grpc, port, tls_port = await start_grpc(
            self._server,
            host,
            ports.grpc,
            Encrypted.at(ports.tls_host, ports.grpc_tls, shown),
            is_shared=self._given is not None,
        )
        self._server.grpc_port = port
        print(f"gRPC on {host}:{port}", flush=True)
        if tls_port is not None:
            print(f"gRPC with TLS on {ports.tls_host}:{tls_port}", flush=True)
        secure = None if ports.tls is None else bind(ports.tls_host, ports.tls, "--tls-port")
        if shown is not None:
            self._server.background.repeat("certificates", LOOK_S, partial(_look, shown))
        begin_maintenance(self._server.background, self._server)
        await super().startup(sockets=[])
        self._accepting = [self._accept(listener) for listener in sockets or ()]
        urls = [f"http://{host}:{one.getsockname()[1]}" for one in sockets or ()]
        if self._given is not None:
            self._accepting.append(self._accept(self._given))
            # what is several requests has to come to this process each time
            self._server.sessions.own_url = urls[0]
            self._server.background.repeat("given", TELL_S, self._tell_connections)
        ready = {"url": next(iter(urls), None), "grpc": f"{host}:{port}", "pid": os.getpid()}
        if tls_port is not None:
            ready["grpc_tls"] = f"{ports.tls_host}:{tls_port}"
        if secure is not None and shown is not None:
            self._accepting.append(self._accept_encrypted(secure, shown))
            self._server.tls_port = secure.getsockname()[1]
            ready["tls"] = f"https://{ports.tls_host}:{self._server.tls_port}"
            print(f"HTTP with TLS on {ports.tls_host}:{self._server.tls_port}", flush=True)
        self._ready_task = asyncio.create_task(self._when_ready(json.dumps(ready)))

    async def _tell_connections(self) -> None:
        """Say to whoever gives connections how many there are, once they are served."""
        protocol: Any = self.config.http_protocol_class
        if self._given is not None and self._server.door.is_ready:
            self._given.tell(protocol.places.open)

    def _accept(self, listener: Listener) -> Accepting:
        note = self._server.metrics.background_failures.note
        return Accepting(listener, self._begin, self._server.arrivals, note)

    def _accept_encrypted(self, listener: socket.socket, shown: Certificates) -> Accepting:
        from lab_kit.gateway.run.http2 import Http2  # its library is of an extra

        note, arrivals = self._server.metrics.background_failures.note, self._server.arrivals
        protocol: Any = self.config.http_protocol_class
        limits, places = self._server.limits, protocol.places
        self._http2 = Http2(self._app, HTTP_PATH, limits, places, arrivals, note)
        how = Tls(shown, limits, handshakes(limits), self._begin, self._http2.protocol)
        return Accepting(listener, how, arrivals, note)

    def _begin(self) -> asyncio.BaseProtocol:
        """The protocol of a new connection."""
        protocol: Any = self.config.http_protocol_class
        begun: asyncio.BaseProtocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return begun

    async def _when_ready(self, line: str) -> None:
        """Tell of it where somebody waits for that, and then do what can wait."""
        while not self._server.door.is_ready:
            failure = self._server.versions.failure
            if failure is not None:
                if self._tells_ready:  # who waits for the line would wait for ever
                    self.failure = failure
                    self.stop_soon()
                return
            await asyncio.sleep(_READY_LOOK_S)
        if self._tells_ready:
            print(line, flush=True)
        await asyncio.to_thread(import_module, "av")  # what `audio.packets` and others wait for
        await asyncio.to_thread(import_webrtc)
        await asyncio.to_thread(self._app.openapi)  # kept; else made while others wait

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, for gRPC too; what is under way there gets as long as HTTP gives it."""
        self._server.background.stop()
        self._server.transcriber.stop()
        self._server.sender.stop()
        self._server.callback_sender.stop()
        for accepting in self._accepting:
            accepting.stop()
        grace_s = None if self.force_exit else self.config.timeout_graceful_shutdown
        others = [self._grpc.stop(grace_s), super().shutdown(sockets=sockets)]
        if self._http2 is not None:
            others.append(self._http2.stop(grace_s))
        await asyncio.gather(*others)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """React to a signal: drain at the first, stop at the second."""
        if self._signalled:
            super().handle_exit(sig, frame)
            return
        self._signalled = True
        self.stop_soon()

    def stop_soon(self) -> None:
        """Drain and stop; from any thread, and harmless when it has begun."""
        if self._loop is None:
            self.should_exit = True
        elif not self._server.door.is_draining:
            self._server.door.is_draining = True
            self._loop.call_soon_threadsafe(self._begin_drain)

    def _begin_drain(self) -> None:
        self._drain_task = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        try:
            drain_s = self._server.limits.drain_s
            self._server.door.drain(drain_s / 2)  # the other half is for what is owed
            deadline = asyncio.get_running_loop().time() + drain_s
            while self._server.door.streams and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.02)
        except Exception as error:  # whatever it is, the server was told to stop
            self._server.metrics.background_failures.note("drain", error)
        finally:
            self.should_exit = True


def configuration(
    server: Server, is_local: bool, allowed_origins: tuple[str, ...] = ()
) -> uvicorn.Config:
    """How HTTP is served: with our parsers, limits and log.

    Args:
        is_local: it listens on this machine alone.
        allowed_origins: see `create_app`.
    """
    places = connections(server.limits)
    server.metrics.listening(lambda: places.open)
    return uvicorn.Config(
        create_app(server, is_local, allowed_origins),
        # uvicorn would take uvloop where another package brought it. That accepts one connection
        # a turn, and a health probe waited 2 s behind three hundred upgrades; this one takes all
        loop="asyncio",
        http=http_protocol(server.limits, places, server.arrivals),
        ws=releasing_protocol(server.limits, places),
        ws_max_size=server.limits.message_bytes,
        # speech frames hardly compress, and every message would cost time
        ws_per_message_deflate=False,
        # a stream that is held back is not read, nor is the pong behind its audio; who vanished is
        # found by silence
        ws_ping_interval=None,
        log_config=None,  # its lines go where ours do, and as few of them
        log_level="info",
        access_log=False,
        timeout_graceful_shutdown=3,
        lifespan="off",
    )


async def _look(shown: Certificates) -> None:
    await asyncio.to_thread(shown.look)
