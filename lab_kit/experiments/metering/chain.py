"""A server, whoever ships what it writes down, and the ledger, as processes that can be killed."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Self

from lab_kit.client import ServerAddress
from lab_kit.core.child_process import Child
from lab_kit.core.errors import ServerFailed
from lab_kit.ledger.ledger import Ledger, open_ledger

_READY_PATH = "/readyz"
_SERVER, _SIDECAR = "lab_kit.gateway.run.process", "lab_kit.ledger.sidecar"
_LOOK_S = 0.02
_STOP_S = 30.0
"""For a sidecar to ship what is left."""


class Chain:
    """All three; a context manager, which stops what runs.

    Args:
        folder: for the journal, and for the ledger's file.
        ledger: where the ledger is; None for a file in the folder.
        model: that the server serves; the scripted one needs no weights and little of a core.
        more: other options of the server.
        exports: other options of whoever ships.
    """

    def __init__(
        self,
        folder: Path,
        ledger: str | None = None,
        model: str = "scripted",
        more: Sequence[str] = (),
        exports: Sequence[str] = (),
    ) -> None:
        self.usage = folder / "usage"
        self.where = ledger or str(folder / "ledger.sqlite")
        self._folder = folder
        self._exports = exports
        self._options = (
            # whoever is killed often should be ready soon: a model of names takes a second
            *("--model", model, "--usage", str(self.usage), "--names", "lists"),
            *("--trace-file", str(folder / "traces.jsonl"), *more),
        )
        self._server: Child | None = None
        self._sidecar: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start_server()
        self.start_sidecar()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_server()
        self.stop_sidecar()

    @property
    def address(self) -> ServerAddress | None:
        """Where the server is now; None while there is none."""
        return None if self._server is None else ServerAddress(self._server.url)

    async def addresses(self, is_over: asyncio.Event) -> AsyncIterator[ServerAddress]:
        """Where it is, each time that somebody asks, until it is over."""
        while not is_over.is_set():
            if self.address is not None:
                yield self.address
            await asyncio.sleep(_LOOK_S)

    def start_server(self) -> None:
        """Have one, if there is none.

        Raises:
            ServerFailed: it did not become ready.
        """
        if self._server is None:
            repository = tempfile.mkdtemp(prefix="repository-", dir=self._folder)
            server = Child(_SERVER, (*self._options, "--repository", repository, "--ephemeral"))
            server.wait_until_ready(_READY_PATH)
            self._server = server

    def start_sidecar(self) -> None:
        """Have somebody ship, if nobody does."""
        if self._sidecar is None or self._sidecar.poll() is not None:
            command = (sys.executable, "-m", _SIDECAR, "--with-parent")
            with (self._folder / "sidecar.log").open("ab") as log:
                self._sidecar = subprocess.Popen(
                    [*command, "--usage", str(self.usage), "--ledger", self.where, *self._exports],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )

    def kill_server(self) -> None:
        """End it without a word, as the system does when memory is short."""
        if self._server is not None:
            os.kill(self._server.pid, signal.SIGKILL)
            self._server.stop()
            self._server = None

    def kill_sidecar(self) -> None:
        """The same with whoever ships."""
        if self._sidecar is not None:
            self._sidecar.kill()
            self._release(self._sidecar)

    def stop_server(self) -> None:
        """Have it finish what it does."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def stop_sidecar(self) -> None:
        """Have it ship what is there, and end.

        Raises:
            ServerFailed: it does not.
        """
        if self._sidecar is None:
            return
        self._sidecar.terminate()
        try:
            self._release(self._sidecar)
        except subprocess.TimeoutExpired as error:
            self.kill_sidecar()
            raise ServerFailed(
                f"usage that was not shipped within {_STOP_S:.0f} s", "all of it", "see its log"
            ) from error

    def settle(self) -> Ledger:
        """The ledger, once all that was written down is in it; whoever has it closes it.

        Raises:
            ServerFailed: it is not within `_STOP_S`.
        """
        self.start_sidecar()
        ledger = open_ledger(self.where)
        wanted_us = time.time_ns() // 1_000
        deadline = time.monotonic() + _STOP_S
        while ledger.reached_us() < wanted_us:
            if time.monotonic() > deadline:
                ledger.close()
                raise ServerFailed("usage that is not shipped", "all of it", self._log_tail())
            time.sleep(0.05)
        return ledger

    def _log_tail(self) -> str:
        return (self._folder / "sidecar.log").read_text(errors="replace")[-2_000:]

    def _release(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait(_STOP_S)
        assert process.stdin is not None
        process.stdin.close()
        self._sidecar = None
