"""The service of a game day: a server and who starts it again, a proxy before it, who ships its
usage, and what it is watched by. All of it is processes that can be broken.

Memory is what a container's would be: whoever takes part of it has a limit in common, and when it
is reached the largest is killed. The kernel does that for a control group; here a loop of ours
does, since a notebook may not make one.
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Self

import psutil

from lab_kit.client import Operator, ServerAddress
from lab_kit.core.child_process import Child
from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import LabError
from lab_kit.experiments.game_day.dashboard import Gauges
from lab_kit.experiments.metering.chain import Chain
from lab_kit.experiments.metering.counting import Told
from lab_kit.experiments.networks.fault_proxy import FaultProxy
from lab_kit.experiments.networks.network import Network
from lab_kit.ledger.ledger import Ledger, open_ledger
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.store import ModelStore
from lab_kit.models.store.version import Settings
from lab_kit.protocol.versions import BatchingPolicy

MODEL = "moonshine-tiny-en"
START_S = 60.0
"""That a start may take; it takes some two seconds, and longer on a busy machine."""
USUAL = BatchingPolicy("continuous", max_batch=4)
"""What a server starts with."""
STREAMS, RESUME_WINDOW_S = 16, 10.0
"""Places, and how long a stream whose client was lost keeps its own: a few resets fill them."""
ROOM_BYTES = 224 * 2**20
"""That everybody together may take beyond what the server had when the day began."""
SETTLED_US = 1_500_000
"""So long ago a stream ended whose events have all been shipped, by the shipper's own word."""
LATELY_US = 6_000_000
_SERVER, _READY = "lab_kit.gateway.run.process", "/readyz"
_KEY = "LAB_OPERATOR_KEY"
_LOOK_S = 0.1


class Service:
    """One that runs; an asynchronous context manager, which stops everything.

    Attributes:
        told: what callers were told of sound.
        spread_s: callers who were cut off are to wait up to so long, by chance.
        start_deadline_s: a server that is not ready by then is killed, and started again.
        is_around: callers are led to the server itself, not to the proxy before it.
        processes: beside the server, by name.
        invoiced_us: until when usage was invoiced, since 1970.
    """

    def __init__(self, model: str = MODEL) -> None:
        self.told = Told()
        self.spread_s = 0.0
        self.start_deadline_s = START_S
        self.is_around = False
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.model = model
        self.invoiced_us = since_1970_us()
        self._credited_us = 0
        self._tuning: asyncio.Task[None] | None = None
        self.ledger: Ledger
        self.operator: Operator
        self.proxy: FaultProxy
        self._server: Child | None = None
        self._address = self._entrance = ServerAddress("http://127.0.0.1:1")
        self._starts_s: list[float] = []
        self._is_ready = False
        self._room_bytes = 0
        self._kept = AsyncExitStack()
        self._loops: list[asyncio.Task[None]] = []
        self.zero_s = time.monotonic()

    async def __aenter__(self) -> Self:
        folder = Path(self._kept.enter_context(tempfile.TemporaryDirectory(prefix="lab-game-day-")))
        self.chain = Chain(folder)
        self._folder = folder
        self._kept.callback(self._stop_processes)
        await self._start()
        self.chain.start_sidecar()
        self._kept.callback(self.chain.kill_sidecar)
        self.ledger = open_ledger(self.chain.where)
        self._kept.callback(self.ledger.close)
        assert self._server is not None
        self._room_bytes = _memory_bytes(self._server.pid) + ROOM_BYTES
        self._loops = [asyncio.create_task(loop()) for loop in (self._supervise, self._hold)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for loop in self._loops:
            loop.cancel()
        ended = await asyncio.gather(*self._loops, return_exceptions=True)
        self.stop_tuning()
        await asyncio.to_thread(self._stop_server)
        await self._kept.aclose()
        for one in ended:
            if isinstance(one, Exception):
                raise one

    @property
    def address(self) -> ServerAddress:
        """Where callers are led to now, whether anybody answers there or not."""
        return self._address if self.is_around else self._entrance

    @property
    def server_pid(self) -> int | None:
        """Of the server, if there is one."""
        return None if self._server is None else self._server.pid

    def gauges(self) -> Gauges:
        """What can be looked at now."""
        memory = self._memory()
        return Gauges(
            self._is_ready and self._server is not None and self._server.alive,
            tuple(at_s - self.zero_s for at_s in self._starts_s),
            sum(memory.values()) / self._room_bytes,
            memory,
            self._off_us() / 1e6,
        )

    # -- what may be done to it ------------------------------------------------------------------

    async def publish_canary(self, tokens_per_audio_s: float, share: float) -> int:
        """Publish the same weights with another setting, and have a share of callers meet it."""
        made = await asyncio.to_thread(
            self._repository.publish,
            self.model,
            ModelStore().path(self.model).paths,
            Settings(tokens_per_audio_s),
        )
        await self.operator.load_version(made.number)
        await self.operator.set_label("canary", made.number, share)
        return made.number

    async def set_batch_wait(self, wait_s: float) -> None:
        """Have decodes wait for company that does not come; 0 is the usual setting."""
        policy = BatchingPolicy("dynamic", max_batch=64, max_wait_s=wait_s)
        await self.operator.set_batching(policy if wait_s else USUAL)

    def start_tuning(self, change: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Have something change a setting, again and again."""

        async def tune() -> None:
            while True:
                with suppress(LabError):  # the server may be away just now
                    await change()
                await asyncio.sleep(every_s)

        self.stop_tuning()
        self._tuning = asyncio.create_task(tune())

    def stop_tuning(self) -> None:
        """End that."""
        if self._tuning is not None:
            self._tuning.cancel()
            self._tuning = None

    def open_streams(self) -> set[str]:
        """Those that were told something lately, and have not ended."""
        from_us = since_1970_us() - LATELY_US
        lately = {one.stream for one in self.told.marks[-_LATEST:] if one.time_us > from_us}
        return lately - self.told.ended

    def has_settled(self, streams: set[str]) -> bool:
        """Whether these have ended or were cut, and what they used has been shipped."""
        still_open = streams & self.open_streams()
        ends_us = [one.time_us for one in self.told.marks[-_LATEST:] if one.stream in streams]
        reached_us = self.ledger.reached_us() - SETTLED_US
        return not still_open and max(ends_us, default=0) < reached_us

    def uncredited_us(self) -> int:
        """Sound that was billed beyond what was told, of all streams that ended, and not credited
        yet; 0 where none was."""
        billed = self.ledger.billed_us()
        told = self.told.until_us
        off_us = sum(billed.get(one, 0) - told[one] for one in self.told.ended)
        return max(0, off_us - self._credited_us)

    def note_credit(self, sound_us: int) -> None:
        """So much has been credited, and all until now is invoiced."""
        self._credited_us += sound_us
        self.invoiced_us = self.ledger.closings()[-1].period.until_us

    def start_process(self, name: str, module: str, *options: str) -> None:
        """Have a process of ours run beside the server; it ends with this one."""
        self.stop_process(name)
        command = [sys.executable, "-m", module, *options]
        self.processes[name] = subprocess.Popen(command, stdin=subprocess.PIPE)

    def stop_process(self, name: str) -> None:
        """End one of those, if it runs."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def kill_server(self) -> None:
        """End it without a word; whoever watches over it starts it again."""
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.kill(self._server.pid, signal.SIGKILL)

    # -- its own loops ---------------------------------------------------------------------------

    async def _supervise(self) -> None:
        while True:
            if self._server is None or not self._server.alive:
                await asyncio.to_thread(self._stop_server)
                await self._start()
            await asyncio.sleep(_LOOK_S)

    async def _start(self) -> None:
        """Start a server; one that is not ready in time is killed, and the next one is started."""
        self._is_ready = False
        self._starts_s.append(time.monotonic())
        root = Path(tempfile.mkdtemp(prefix="repository-", dir=self._folder))
        self._repository = Repository(root)
        key = secrets.token_urlsafe()
        server = Child(
            _SERVER,
            (
                *("--model", self.model, "--names", "lists", "--ephemeral"),
                *("--limit", f"streams={STREAMS}"),
                *("--limit", f"resume_window_s={RESUME_WINDOW_S:g}"),
                *("--repository", str(root), "--usage", str(self.chain.usage)),
            ),
            {_KEY: key},
        )
        self._server = server
        try:
            async with asyncio.timeout(self.start_deadline_s):
                while (await asyncio.to_thread(server.probe, _READY)).status != 200:
                    if not server.alive:
                        return
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            self.kill_server()
            return
        self.operator = Operator(server.url, key)
        self._address = ServerAddress(server.url)
        self.proxy = FaultProxy(Network())
        self._entrance = self.proxy.start(self._address)
        self._is_ready = True

    def _stop_server(self) -> None:
        if self._is_ready:
            self.proxy.stop()
        self._is_ready = False
        if self._server is not None:
            self._server.stop()
        self._server = None

    async def _hold(self) -> None:
        """Kill the largest when all together have taken too much."""
        while True:
            memory = self._memory()
            if sum(memory.values()) > self._room_bytes:
                largest = max(memory, key=lambda name: memory[name])
                self.kill_server() if largest == "server" else self.stop_process(largest)
            await asyncio.sleep(_LOOK_S)

    def _stop_processes(self) -> None:
        for name in list(self.processes):
            self.stop_process(name)

    # -- looking ---------------------------------------------------------------------------------

    def _memory(self) -> dict[str, int]:
        pids = {name: process.pid for name, process in self.processes.items()}
        if self._server is not None:
            pids["server"] = self._server.pid
        return {name: _memory_bytes(pid) for name, pid in pids.items()}

    def _off_us(self) -> int:
        """Billed beyond what was told, of streams that ended lately and whose events are there."""
        billed = self.ledger.billed_us()
        until_us = min(self.ledger.reached_us(), since_1970_us()) - SETTLED_US
        from_us = since_1970_us() - LATELY_US
        ended = {
            mark.stream
            for mark in reversed(self.told.marks[-_LATEST:])
            if from_us < mark.time_us < until_us
        }
        streams = ended & self.told.ended
        return sum(billed.get(one, 0) - self.told.until_us[one] for one in streams)


_LATEST = 500
"""Marks that are looked through: more than come in `LATELY_US`."""


def _memory_bytes(pid: int) -> int:
    """What a process has of memory; 0 once it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
