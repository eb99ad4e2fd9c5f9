"""The server as a process: loads what is labelled, serves, drains, and outlives no parent.

Run as ``lab serve`` or ``python -m lab_kit.gateway.run.process``. A parent that starts it for
itself passes ``--with-parent``; `lab_kit.core.child_process` says how each learns of the other's
end.
"""

import argparse
import asyncio
import json
import logging
import math
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn

from lab_kit.core.child_process import HOST, bind, stop_with_parent
from lab_kit.core.errors import InvalidParameter, LabError, ServerFailed
from lab_kit.core.memory import return_last_blocks
from lab_kit.gateway.door.connections import connections
from lab_kit.gateway.door.identify import name_calls_in_log
from lab_kit.gateway.door.keys import KEY_VARIABLE, OPERATOR_KEY_VARIABLE, Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.releasing import releasing_protocol
from lab_kit.gateway.observe.background_failures import FewFromLibraries
from lab_kit.gateway.observe.dead_letters import DeadLetters
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.tracing import (
    DEFAULT_SHARE,
    FILE_VARIABLE,
    SHARE_VARIABLE,
    Spans,
    TraceFile,
)
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.grpc import start_grpc
from lab_kit.gateway.run.http_connection import http_protocol
from lab_kit.gateway.run.maintenance import begin_maintenance
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.versions.engine_factory import (
    SERVED,
    check_served,
    make_first_version,
    open_recognizer,
    publish_first,
)
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.repository import Repository, default_root

DEFAULT_PORT = 8300
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
DEFAULT_MODEL = "moonshine-tiny-en"
_READY_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a server serves, and to whom.

    Attributes:
        repository: the folder of versions.
        model: the catalog's name.
        keys: who is let in.
        is_ephemeral: remove the repository at the end; it was made for this server alone.
        grpc_port: where gRPC is spoken; 0 takes any free port.
        traces: where sampled traces go; None for nowhere.
        dead_letters: where decodes that failed for good are written, with their sound.
        tells_ready: print a line of JSON with the addresses and the process's id when ready.
    """

    repository: Path
    model: str = DEFAULT_MODEL
    keys: Keys = field(default_factory=Keys)
    is_ephemeral: bool = False
    grpc_port: int = 0
    traces: TraceFile | None = None
    dead_letters: Path | None = None
    tells_ready: bool = False


def serve(
    listener: socket.socket, config: ServerConfig, with_parent: bool, limits: Limits | None = None
) -> None:
    """Serve on ``listener`` until a signal or the parent's end; returns when all is released."""
    return_last_blocks()
    is_local = ip_address(listener.getsockname()[0]).is_loopback
    metrics = Metrics()
    repository = Repository(config.repository)
    versions = Versions(repository, config.model, open_recognizer, metrics)
    server = Server(
        limits or Limits(),
        versions,
        metrics,
        config.keys,
        Spans(config.traces, metrics.background_failures.note),
        DeadLetters(config.dead_letters),
    )
    listening = DrainingServer(
        _configuration(server, is_local), server, config.grpc_port, config.tells_ready
    )
    if with_parent:
        # not as a signal: whoever closes the pipe may send one too, and that is no second request
        stop_with_parent(listening.stop_soon)
    versions.begin(lambda: publish_first(repository, config.model))
    try:
        listening.run(sockets=[listener])
        if listening.failure is not None:
            raise ServerFailed(
                f"no version answers: {listening.failure}", "one that loads", "see the log above"
            )
    finally:
        server.stop()
        if config.is_ephemeral:
            shutil.rmtree(config.repository, ignore_errors=True)


class DrainingServer(uvicorn.Server):
    """A server that lets open streams finish before it closes their sockets.

    uvicorn closes WebSockets the moment it is told to stop; here the first signal makes each
    stream deliver its finals and close itself, and only then stops the server. A second signal
    stops it at once.

    Attributes:
        failure: why it never became ready, where somebody waits for that.
    """

    def __init__(
        self, config: uvicorn.Config, server: Server, grpc_port: int, tells_ready: bool = False
    ) -> None:
        super().__init__(config)
        self._server = server
        self._grpc_port = grpc_port
        self._tells_ready = tells_ready
        self.failure: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, for gRPC too; remember the loop, on which draining will happen."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._server.metrics.background_failures.note_of_loop)
        host = sockets[0].getsockname()[0] if sockets else HOST
        self._grpc, port = await start_grpc(self._server, host, self._grpc_port)
        self._server.grpc_port = port
        print(f"gRPC on {host}:{port}", flush=True)
        begin_maintenance(self._server.background, self._server)
        await super().startup(sockets=sockets)
        if self._tells_ready and sockets:
            http = sockets[0].getsockname()[1]
            addresses = {"url": f"http://{host}:{http}", "grpc": f"{host}:{port}"}
            self._ready_task = asyncio.create_task(self._tell_ready(addresses))

    async def _tell_ready(self, addresses: dict[str, str]) -> None:
        while not self._server.door.is_ready:
            self.failure = self._server.versions.failure
            if self.failure is not None:  # who waits for the line would wait for ever
                self.stop_soon()
                return
            await asyncio.sleep(_READY_LOOK_S)
        print(json.dumps({**addresses, "pid": os.getpid()}), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, for gRPC too; what is under way there gets as long as HTTP gives it."""
        self._server.background.stop()
        grace_s = None if self.force_exit else self.config.timeout_graceful_shutdown
        await asyncio.gather(self._grpc.stop(grace_s), super().shutdown(sockets=sockets))

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
            self._server.door.drain()
            deadline = asyncio.get_running_loop().time() + self._server.limits.drain_s
            while self._server.door.streams and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.02)
        except Exception as error:  # whatever it is, the server was told to stop
            self._server.metrics.background_failures.note("drain", error)
        finally:
            self.should_exit = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop."""
    parser = argparse.ArgumentParser(prog="lab serve", description="Start the inference server.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The server's options, for this module's command line and for ``lab serve``."""
    parser.add_argument("--host", default=HOST, help="address to bind (default %(default)s)")
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help="default %(default)s; 0 takes any free port",
    )
    parser.add_argument("--grpc-port", type=_port, default=0, help="default: any free port")
    parser.add_argument("--key", help="accept only this key (default: any, or LAB_SERVER_KEY)")
    parser.add_argument(
        "--operator-key",
        help="the key that moves versions (default: nobody may, or LAB_OPERATOR_KEY)",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"{' or '.join(SERVED)} (default %(default)s)"
    )
    parser.add_argument(
        "--repository",
        type=Path,
        help="folder of versions (default: among the user's data, or LAB_REPOSITORY)",
    )
    parser.add_argument(
        "--trace-file",
        type=Path,
        help=f"JSON lines of sampled traces (default: among the user's data, or {FILE_VARIABLE})",
    )
    parser.add_argument(
        "--trace-share",
        type=float,
        help=f"of streams and requests (default {DEFAULT_SHARE}, or {SHARE_VARIABLE})",
    )
    parser.add_argument(
        "--dead-letters",
        type=Path,
        help="folder for decodes that failed for good, WITH their sound (default: none is kept)",
    )
    parser.add_argument(
        "--limit",
        type=_limit,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"set a limit, as often as you like; names: {', '.join(_LIMITS)}",
    )
    parser.add_argument(
        "--ready-json",
        action="store_true",
        help="when ready, print a line of JSON with url, grpc and pid",
    )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="stop when standard input is closed, or the process that started this one ends",
    )
    parser.add_argument("--ephemeral", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)


def _port(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port; ports are 0 to 65535")
    return number


_LIMITS: dict[str, type[int] | type[float]] = {
    field.name: int if isinstance(field.default, int) else float for field in fields(Limits)
}


def _limit(text: str) -> tuple[str, float]:
    """One of the server's limits and its value, from ``idle_s=1``."""
    name, _, value = text.partition("=")
    if name not in _LIMITS:
        known = ", ".join(_LIMITS)
        raise argparse.ArgumentTypeError(f"no limit is named {name!r}; there are {known}")
    kind = _LIMITS[name]
    try:
        number = kind(value)
    except ValueError:
        number = kind(0)
    if not 0 < number < math.inf:
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{name}={value}: {what} above 0 is expected")
    return name, number


def run(options: argparse.Namespace) -> int:
    """Serve as the parsed options say."""
    repository = options.repository or default_root(os.environ)
    inherits = options.fd is not None  # the parent bound it, so that no port can be lost
    try:
        check_served(options.model)
        keys, traces = _keys(options), _traces(options)
        limits = replace(Limits(), **dict(options.limit))
        listener = (
            socket.socket(fileno=options.fd) if inherits else bind(options.host, options.port)
        )
        if not inherits:  # a parent waits a minute for its server, too short for a download
            make_first_version(Repository(repository), options.model, _tell)
    except LabError as error:
        _tell(f"lab serve: {error}")
        return 1
    host, port = listener.getsockname()[:2]
    print(f"listening on http://{host}:{port}", flush=True)
    config = ServerConfig(
        repository,
        options.model,
        keys,
        options.ephemeral,
        options.grpc_port,
        traces,
        options.dead_letters,
        options.ready_json,
    )
    begin_logging()
    try:
        serve(listener, config, options.with_parent, limits)
    except (ServerFailed, InvalidParameter) as error:
        _tell(f"lab serve: {error}")
        return 1
    return 0


def _tell(news: str) -> None:
    print(news, file=sys.stderr, flush=True)


def begin_logging() -> None:
    """Have each line name its call, and a library's pages shortened to lines."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    for handler in logging.getLogger().handlers:
        name_calls_in_log(handler)
        handler.addFilter(FewFromLibraries())
    logging.getLogger("aioice").setLevel(logging.WARNING)  # it tells of every packet it tries


def _configuration(server: Server, is_local: bool) -> uvicorn.Config:
    places = connections(server.limits)
    server.metrics.listening(lambda: places.open)
    return uvicorn.Config(
        create_app(server, is_local=is_local),
        http=http_protocol(server.limits, places),
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


def _keys(options: argparse.Namespace) -> Keys:
    """From the options, or the environment, which does not show in the process list.

    A variable that is set and empty counts as not set. An option that is empty was meant to hold a
    key, and its variable was not set: an open server is not what was asked for.
    """
    given = [
        option if option is not None else os.environ.get(variable) or None
        for option, variable in (
            (options.key, KEY_VARIABLE),
            (options.operator_key, OPERATOR_KEY_VARIABLE),
        )
    ]
    return Keys(*given)


def _traces(options: argparse.Namespace) -> TraceFile:
    """Which traces go where: the option, the environment, or one in a hundred beside the data."""
    beside = default_root(os.environ).parent / "traces.jsonl"
    path = options.trace_file or os.environ.get(FILE_VARIABLE) or beside
    share = options.trace_share
    if share is None:
        wanted = os.environ.get(SHARE_VARIABLE) or DEFAULT_SHARE
        try:
            share = float(wanted)
        except ValueError as error:
            raise InvalidParameter(
                f"{SHARE_VARIABLE}={wanted}", "a share from 0 to 1", "set it to 0.01, say"
            ) from error
    return TraceFile(Path(path), share)


if __name__ == "__main__":
    sys.exit(main())
