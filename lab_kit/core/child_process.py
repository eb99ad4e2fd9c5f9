"""A server process that lives no longer than whoever started it: both ends of that promise.

The parent holds the child's standard input open. When the parent dies, however it dies, the input
closes and the child stops. In case some other child keeps the pipe open, it also looks every now
and then whether its parent is still the same. (The kernel could signal the parent's death, but
what it watches is the thread that started the child, and threads end earlier.)
"""

import argparse
import atexit
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.errors import ServerFailed
from lab_kit.core.units import ms

HOST = "127.0.0.1"
READY_TIMEOUT_S = 60.0
"""Weights are read and warm in about a second; a cold disk or a busy machine may take longer."""
_POLL_S = 0.05
_PROBE_TIMEOUT_S = 2.0
_MOST_ANSWER_BYTES = 64_000
"""Of an answer to a probe; ours are a line or two."""
_PARENT_CHECK_S = 0.5
_STOP_TIMEOUT_S = 10.0
LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Probe:
    """What a readiness probe was told, from one moment until the next probe that differs.

    Attributes:
        at_s: since the process was started.
        status: the HTTP status; None while nobody answered.
        body: of the answer; empty without one.
    """

    at_s: float
    status: int | None
    body: str

    def __str__(self) -> str:
        said = "nobody answers" if self.status is None else f"{self.status}  {self.body}"
        return f"{ms(self.at_s):7.0f} ms  {said}"


class Child:
    """A server process of ours, from the parent's side.

    Args:
        module: run as ``python -m``; it is given ``--with-parent``, and ``--fd`` with a socket
            that listens already, so that no port can be lost between choosing and binding it.
        arguments: its other options.
        environment: variables to add to our own.

    Attributes:
        probes: what the readiness probes were told while it started.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        listener = bind(HOST, 0)
        self._port = listener.getsockname()[1]
        self.url = f"http://{HOST}:{self._port}"
        descriptor, name = tempfile.mkstemp(prefix="lab-server-", suffix=".log")
        self._log = Path(name)
        self.probes: list[Probe] = []
        self._started_s = time.monotonic()
        with listener, os.fdopen(descriptor, "wb") as log:
            given = ["--with-parent", "--fd", str(listener.fileno()), *arguments]
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *given],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                env={**os.environ, **(environment or {})},
                # the notebook's stop button interrupts the kernel, not its server
                start_new_session=True,
            )
        atexit.register(self.stop)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The end of what it wrote."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until_ready(self, path: str) -> str:
        """Poll ``path`` until it answers 200; returns that answer's body.

        Raises:
            ServerFailed: the process ended, said that it failed, or took too long; the end of its
                log is in the error.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.alive and time.monotonic() < deadline:
            probe = self.probe(path)
            last = self.probes[-1] if self.probes else None
            if last is None or (probe.status, probe.body) != (last.status, last.body):
                self.probes.append(probe)
            if probe.status == 200:
                return probe.body
            if (reason := _failure(probe)) is not None:
                raise self._failed(reason)
            time.sleep(_POLL_S)
        what = "is not ready" if self.alive else f"ended with code {self._process.returncode}"
        raise self._failed(f"the server {what}")

    def probe(self, path: str) -> Probe:
        """Ask ``path`` once, now."""
        # the standard library's client: this module stands below every framework
        asked = http.client.HTTPConnection(HOST, self._port, timeout=_PROBE_TIMEOUT_S)
        status, body = None, ""
        with suppress(OSError, http.client.HTTPException):  # it has the port, but no answer yet
            try:
                asked.request("GET", path)
                answer = asked.getresponse()
                body = answer.read(_MOST_ANSWER_BYTES).decode(errors="replace")
                status = answer.status
            finally:
                asked.close()
        return Probe(time.monotonic() - self._started_s, status, body)

    def stop(self) -> None:
        """Stop the process, wait for it, and kill what it left; harmless if it is gone already."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.alive:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_TIMEOUT_S)
        self._kill_group()
        self._process.wait()
        self._log.unlink(missing_ok=True)
        atexit.unregister(self.stop)

    def _kill_group(self) -> None:
        """Whatever is left: a child that will not stop, or one that its own parent forgot."""
        if not hasattr(os, "killpg"):
            self._process.kill()
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _failed(self, what: str) -> ServerFailed:
        return ServerFailed(
            what,
            f"it to be ready within {READY_TIMEOUT_S:.0f} s",
            f"read the end of its log:\n{self.log_tail()}",
        )


def port_number(text: str) -> int:
    """An argument that is a port; 0 is any free one."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port; ports are 0 to 65535")
    return number


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Open a listening socket; port 0 takes any free one.

    Args:
        option: by which the port was chosen.

    Raises:
        ServerFailed: the port is taken, or the address is not this machine's.
    """
    # by name: asyncio switches Nagle's algorithm off only for sockets that say they are TCP, and
    # with it on, a head and a body that follow each other take 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ServerFailed(
            f"{host}:{port} cannot be used ({getattr(error, 'strerror', None) or error})",
            "a free port at an address of this machine",
            f"stop what uses it, or choose another with {option} and --host",
        ) from error
    listener.listen(128)
    return listener


def stop_with_parent(stop: Callable[[], object]) -> None:
    """In the child: call ``stop``, once and from a thread of its own, when the parent is gone."""
    watch = threading.Thread(
        target=_watch_parent, args=(os.getppid(), stop), name="parent", daemon=True
    )
    watch.start()


def _watch_parent(parent: int, stop: Callable[[], object]) -> None:
    """Wait until the pipe closes, or this process has another parent."""
    try:
        stdin = sys.stdin.fileno()
        while os.getppid() == parent:
            ready, _, _ = select.select([stdin], [], [], _PARENT_CHECK_S)
            # read past Python's buffer: a thread inside its lock aborts the interpreter at exit
            if ready and not os.read(stdin, 4_096):
                break
    finally:  # a pipe that cannot be watched counts as closed
        stop()


def _failure(probe: Probe) -> str | None:
    """Why the server gave up, if that is what it says."""
    try:
        said = json.loads(probe.body)
    except ValueError:
        return None
    failed = isinstance(said, dict) and said.get("status") == "failed"
    return str(said.get("reason")) if failed else None
