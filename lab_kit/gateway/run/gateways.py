"""Several gateways behind one address: a parent that accepts, hands over, and replaces who died.

Each gateway is the whole server without the engines, which they share (`engine.processes`), or,
where none were asked for, with an engine of its own. The parent reads nothing of what is said: it
accepts a connection and gives it to the gateway that has fewest. A gateway that dies takes its
connections with it; its decodes are dropped, and its clients connect again
(`client.connect_anywhere`).
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

from lab_kit.core.child_process import HOST, bind, stop_with_parent
from lab_kit.core.errors import InvalidParameter, LabError, ServerFailed
from lab_kit.engine.processes.keeper import Keeper
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.accepting import AT_ONCE, KERNEL_WAITING
from lab_kit.gateway.run.given import give, told
from lab_kit.gateway.run.options import ServerConfig
from lab_kit.gateway.versions.engine_factory import STAND_BY, keeper_arguments, publish_first
from lab_kit.models.store.repository import Repository

_log = logging.getLogger(__name__)

MODULE = "lab_kit.gateway.run.process"
LOOK_S = 0.1
HUNG_S = 5.0
"""A gateway says ten times a second how many connections it has; one that says nothing for so long
is killed, so that its clients learn of it."""
FAILED_STARTS = 3
"""So many, one after the other, that ended before they said anything: the next would, too."""
STOP_S = 5.0
"""Beside what draining takes."""
_OWN = ("--ephemeral", "--ready-json", "--with-parent")
"""What the parent does itself."""


@dataclass(slots=True)
class Gateway:
    """One gateway process.

    Attributes:
        channel: over which connections are given to it.
        url: of its own, for sessions that are several requests.
        connections: that it said it has, and those given to it since.
        has_spoken: it said so once, and can take connections.
        told_s: when it last said so, on the monotonic clock.
    """

    process: "subprocess.Popen[bytes]"
    channel: socket.socket
    url: str
    connections: int = 0
    has_spoken: bool = False
    told_s: float = 0.0


def check_alone(config: ServerConfig) -> None:
    """Make sure that nothing was asked for that one gateway would keep and others not know.

    Raises:
        InvalidParameter: something was.
    """
    kept = {
        "--state": config.state,
        "--database": config.database,
        "--audit": config.audit,
        "--usage": config.usage,
        "--inference-log": config.inference_log,
        "--tls-port": config.tls_port,
        "--grpc-tls-port": config.grpc_tls_port,
        "--operator-key": config.keys.operator,
    }
    given = [name for name, value in kept.items() if value is not None]
    if given:
        raise InvalidParameter(
            f"several gateways and {', '.join(given)}",
            "one gateway for what is kept, encrypted or operated",
            "leave --gateways out, or that",
        )


def serve_several(
    listener: socket.socket,
    config: ServerConfig,
    arguments: Sequence[str],
    limits: Limits,
    *,
    with_parent: bool,
) -> int:
    """Serve on ``listener`` by several gateways until a signal or the parent's end.

    Args:
        arguments: of the command line, for the gateways.

    Returns:
        The process's exit status.

    Raises:
        ServerFailed: nothing can be started.
    """
    repository = Repository(config.repository)
    if not repository.numbers(config.model):
        publish_first(repository, config.model)
    number = repository.labels(config.model).production or repository.numbers(config.model)[0]
    parent = _Parent(listener, config, [a for a in arguments if a not in _OWN], limits)
    folder = Path(mkdtemp(prefix="engines-"))
    keeper = None
    try:
        if config.engines:
            given = keeper_arguments(
                config.repository, config.model, number, config.engines, config.gateways
            )
            processes = config.engines + STAND_BY
            keeper = Keeper(folder, given, processes, lambda: None, parent.give_up)
            parent.share_engines(folder, number)
        return asyncio.run(parent.run(with_parent))
    finally:
        if keeper is not None:
            keeper.stop()
        shutil.rmtree(folder, ignore_errors=True)
        if config.is_ephemeral:
            shutil.rmtree(config.repository, ignore_errors=True)


class _Parent:
    """Listens, and looks after the gateways."""

    def __init__(
        self, listener: socket.socket, config: ServerConfig, arguments: list[str], limits: Limits
    ) -> None:
        self._listener = listener
        self._wanted = config.gateways
        self._tells_ready = config.tells_ready
        self._drain_s = limits.drain_s
        # held, so that nobody else takes it; the gateways share it
        self._grpc = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._grpc.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._grpc.bind((HOST, config.grpc_port))
        self._arguments = [
            *arguments,
            *("--gateways", "1"),
            *("--grpc-port", str(self._grpc.getsockname()[1])),
        ]
        self._gateways: list[Gateway] = []
        self._failed_starts = 0
        self._failure: LabError | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    def share_engines(self, folder: Path, version: int) -> None:
        """Have the gateways ask the engines whose sockets are there."""
        self._arguments += ["--engines-at", str(folder), "--engines-version", str(version)]

    def give_up(self, error: LabError) -> None:
        """No engine starts; called on the keeper's thread."""
        self._failure = error

    async def run(self, with_parent: bool) -> int:
        """Serve; returns the exit status."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        for ending in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(ending, self._stopping.set)
        if with_parent:
            stop_with_parent(lambda: self._loop.call_soon_threadsafe(self._stopping.set))
        self._listener.setblocking(False)
        self._listener.listen(KERNEL_WAITING)
        try:
            await self._keep()
        finally:
            self._loop.remove_reader(self._listener)
            await asyncio.to_thread(self._end)
        if self._failure is not None:
            raise self._failure
        return 0

    async def _keep(self) -> None:
        is_listening, looked_s = False, monotonic()
        while not self._stopping.is_set() and self._failure is None:
            now_s = monotonic()
            # a parent that was late itself has not heard what was said meanwhile
            self._look(now_s, is_late=now_s - looked_s > HUNG_S / 2)
            looked_s = now_s
            takes = any(one.has_spoken for one in self._gateways)
            if takes and not is_listening:
                self._loop.add_reader(self._listener, self._accept)
                self._tell_ready()
            elif is_listening and not takes:
                self._loop.remove_reader(self._listener)
            is_listening = takes
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._stopping.wait()

    def _look(self, now_s: float, *, is_late: bool) -> None:
        for one in list(self._gateways):
            connections = told(one.channel)
            if connections is not None:
                one.connections, one.has_spoken = connections, True
                self._failed_starts = 0
            if connections is not None or is_late:
                one.told_s = now_s
            if one.has_spoken and now_s - one.told_s > HUNG_S:
                _log.error("gateway %d hangs; it is killed", one.process.pid)
                one.process.kill()
                one.process.wait()
            if one.process.poll() is not None:
                _log.error("gateway %d ended with %d", one.process.pid, one.process.returncode)
                self._failed_starts += not one.has_spoken
                self._gateways.remove(one)
                _close(one)
        if self._failed_starts >= FAILED_STARTS:
            self._failure = ServerFailed(
                f"{FAILED_STARTS} gateways ended before they were ready",
                "one that serves",
                "see the log for what they said",
            )
        while len(self._gateways) < self._wanted and self._failure is None:
            self._gateways.append(self._start())

    def _start(self) -> Gateway:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        own = bind(HOST, 0)
        url = f"http://{HOST}:{own.getsockname()[1]}"
        passed = {"--fd": own.fileno(), "--given-fd": theirs.fileno()}
        named = [text for name, number in passed.items() for text in (name, str(number))]
        with own, theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, "--with-parent", *self._arguments, *named],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=tuple(passed.values()),
            )
        print(f"gateway {process.pid} on {url}", file=sys.stderr, flush=True)
        return Gateway(process, ours, url)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor is left: the kernel holds the rest meanwhile
                _log.error("a connection was not accepted: %s", error)
                return
            with connection:  # the gateway has a descriptor of its own
                self._give(connection)

    def _give(self, connection: socket.socket) -> None:
        """To whoever has fewest; who cannot take it just now is passed over."""
        ready = [one for one in self._gateways if one.has_spoken]
        for one in sorted(ready, key=lambda one: one.connections):
            try:
                give(one.channel, connection)
            except OSError:
                continue
            one.connections += 1
            return
        _log.error("a connection was closed: no gateway takes one")

    def _tell_ready(self) -> None:
        host, port = self._listener.getsockname()[:2]
        grpc = f"{HOST}:{self._grpc.getsockname()[1]}"
        print(f"gRPC on {grpc}", flush=True)
        if self._tells_ready:
            ready = {"url": f"http://{host}:{port}", "grpc": grpc, "pid": os.getpid()}
            print(json.dumps(ready), flush=True)
            self._tells_ready = False

    def _end(self) -> None:
        for one in self._gateways:
            one.process.terminate()
        until_s = monotonic() + self._drain_s + STOP_S
        for one in self._gateways:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, until_s - monotonic()))
            _close(one)
        self._grpc.close()


def _close(one: Gateway) -> None:
    one.process.kill()
    one.process.wait()
    if one.process.stdin is not None:
        one.process.stdin.close()
    one.channel.close()
