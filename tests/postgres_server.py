"""A PostgreSQL server of a test's own: made in a folder, on a free port, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest
from hang import HANG_S

_INSTALLED = Path("/usr/lib/postgresql")
PASSWORD = "a-password-that-is-shown-nowhere"


def programs() -> Path | None:
    """Where its programs are; None where it is not installed."""
    found = sorted(_INSTALLED.glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    beside = shutil.which("initdb")
    return None if beside is None else Path(beside).parent


@dataclass(frozen=True)
class PostgresServer:
    """A running one."""

    bin: Path
    folder: Path
    port: int
    options: str = ""

    def url(self, database: str) -> str:
        """The address of a database, which is made."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "lab", database)
        return f"postgresql://lab:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_url(self) -> str:
        """The address of a database that nobody has used."""
        return self.url(f"lab_{uuid4().hex}")

    def start(self) -> None:
        """Begin to listen, and wait until it does."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} {self.options}"
        log = str(self.folder / "log")
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-o", options, "-w", "-s", "start"
        )

    def stop(self) -> None:
        """End at once, as in a crash."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def kill(self) -> None:
        """End all of its processes without a word, as the system does when memory is short.

        Whoever kills it takes in orphans (`prctl`), or runs where the first process does: it could
        not be started again while its end is noted by nobody.
        """
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        # stopped first: it would begin another for one that is gone
        os.kill(first, signal.SIGSTOP)
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        left = [first, *map(int, others)]
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        deadline_s = time.monotonic() + HANG_S
        while left:
            assert time.monotonic() < deadline_s, f"processes that do not end: {left}"
            left = [process for process in left if not _has_ended(process)]
            time.sleep(0.01)

    def _run(self, program: str, *arguments: str) -> None:
        # it does not run as root, whose files nobody else may read
        user = ("runuser", "-u", "nobody", "--") if os.geteuid() == 0 else ()
        path = os.environ.get("PATH", "")
        environment = {"PATH": path, "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [*user, str(self.bin / program), *arguments],
            check=True,
            env=environment,
            cwd=self.folder,
            timeout=HANG_S,
            stdout=subprocess.DEVNULL,
        )

    def make(self) -> None:
        """Make its files."""
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
            shutil.chown(self.folder / "password", "nobody")
        self._run(
            *("initdb", "-D", str(self.folder / "data"), "-U", "lab", "-A", "scram-sha-256"),
            f"--pwfile={self.folder / 'password'}",
        )


@contextmanager
def postgres_server(options: str = "") -> Iterator[PostgresServer]:
    """One that listens, in a folder that everybody can reach.

    Where it is not installed, the test that asks for it is skipped.

    Args:
        options: of its own, beside where it listens.
    """
    installed = programs()
    if installed is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(mkdtemp(prefix="lab-pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = PostgresServer(installed, folder, port, options)
    try:
        server.make()
        server.start()
        deadline_s = time.monotonic() + HANG_S
        while not _answers(port):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _has_ended(process: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)
    return not Path(f"/proc/{process}").exists()


def _answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
