"""A real server process with limits of a test's choosing, and what can be seen of it outside."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import psutil
from hang import HANG_S
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.gateway.door.limits import Limits

KEY = "correct-horse"
OPERATOR_KEY = "of-the-operator"
CLIP = "two-cities-best-and-worst"
RAW = {"encoding": "linear16", "sample_rate": "16000", "model": "nova-3"}
_SERVE = (
    "import json, pathlib, socket, sys, tempfile\n"
    "from lab_kit.core.child_process import HOST, bind\n"
    "from lab_kit.gateway.door.keys import Keys\n"
    "from lab_kit.gateway.door.limits import Limits\n"
    "from lab_kit.gateway.run.options import ServerConfig\n"
    "from lab_kit.gateway.run.process import begin_logging, serve\n"
    "begin_logging()\n"
    "listener = bind(HOST, 0)\n"
    "small = json.loads(sys.argv[2])\n"
    "small and listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, small)\n"
    "print(listener.getsockname()[1], flush=True)\n"
    "repository = pathlib.Path(tempfile.mkdtemp())\n"
    "keys = Keys(operator=json.loads(sys.argv[4]))\n"
    "offer = ServerConfig(repository, keys=keys, is_ephemeral=True, names='lists')\n"
    "if barrier := json.loads(sys.argv[3]):\n"
    "    import time\n"
    "    from lab_kit.engine.runner import MoonshineRunner\n"
    "    from lab_kit.models import device\n"
    "    device.usable_cores = lambda: 1\n"
    "    run = MoonshineRunner.run\n"
    "    def gated(*given):\n"
    "        while pathlib.Path(barrier).exists(): time.sleep(0.01)\n"
    "        run(*given)\n"
    "    MoonshineRunner.run = gated\n"
    "serve(listener, offer, with_parent=True, limits=Limits(**json.loads(sys.argv[1])))\n"
)


def refuse_nobody(url: str, operator_headers: dict[str, str]) -> None:
    """Keep the server at full service however slow it is: this machine may have other work."""
    httpx.put(
        f"{url}/operator/degradation",
        json={"rise_s": 3_600.0, "fill": 1_000.0},
        headers=operator_headers,
        timeout=HANG_S,
    ).raise_for_status()


def at_full_service(bench: Bench) -> Bench:
    """The bench, at full service however slow it is."""
    refuse_nobody(bench.url, bench.operator._headers)
    return bench


class ServerProcess:
    """A server with its own limits, which refuses nobody for being slow; a context manager.

    Args:
        send_buffer_bytes: what the kernel holds of each connection; None leaves it to the system.
        operator_key: None locks the operator's API, and leaves the server to its own pace.
        barrier: the engine, with one worker, goes no step on while this file exists; None lets it
            run, with a worker for each core.
    """

    def __init__(
        self,
        limits: Limits,
        send_buffer_bytes: int | None = None,
        barrier: Path | None = None,
        operator_key: str | None = OPERATOR_KEY,
    ) -> None:
        self.barrier = barrier
        self._operator_key = operator_key
        given = (asdict(limits), send_buffer_bytes, barrier and str(barrier), operator_key)
        self.log = Path(tempfile.mkstemp(prefix="lab-test-", suffix=".log")[1])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _SERVE,
                    *map(json.dumps, given),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> Self:
        wait_until(lambda: httpx.get(f"{self.url}/readyz").status_code == 200, "ready")
        if self._operator_key is not None:
            refuse_nobody(self.url, {"authorization": f"Token {self._operator_key}"})
        return self

    def __exit__(self, *_: object) -> None:
        if self.barrier is not None:
            self.barrier.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(HANG_S)
        finally:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                assert pipe is not None
                pipe.close()
            self.log.unlink(missing_ok=True)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Poll; a failure to answer counts as not yet."""
    deadline = time.monotonic() + HANG_S
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not {what} within {HANG_S:.0f} s")


async def eventually(holds: Callable[[], bool], what: str) -> None:
    """As `wait_until`, while the event loop goes on."""
    await asyncio.to_thread(wait_until, holds, what)


def metrics(url: str, version: int | None = None) -> dict[str, float]:
    """Every sample of /metrics by its name and labels; of all versions together, or of one."""
    from prometheus_client.parser import text_string_to_metric_families

    text = httpx.get(f"{url}/metrics", timeout=HANG_S).text
    seen: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            served_by = labels.pop("version", None)
            if version is None or served_by == str(version):
                name = sample.name + "".join(f"|{v}" for _, v in sorted(labels.items()))
                seen[name] = seen.get(name, 0.0) + sample.value
    return seen


def is_at_rest(url: str) -> bool:
    """Whether the server holds nothing for anybody."""
    seen = metrics(url)
    held = ("lab_streams", "lab_engine_waiting", "lab_engine_running")
    return all(seen[name] == 0 for name in held)


def open_sockets(pid: int) -> int:
    """Connections that the process has open, listening ones left out."""
    connections = psutil.Process(pid).net_connections("tcp")
    return sum(c.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) for c in connections)


# -- a client without manners: what the SDK would never send -------------------------------------


@asynccontextmanager
async def raw_stream(
    url: str, key: str | None = None, **query: str
) -> AsyncIterator[ClientConnection]:
    """A bare WebSocket to the streaming endpoint."""
    address = url.replace("http", "ws", 1) + "/v1/listen?" + urlencode({**RAW, **query})
    headers = {} if key is None else {"Authorization": f"Token {key}"}
    async with connect(
        address, additional_headers=headers, compression=None, proxy=None, close_timeout=2
    ) as socket:
        yield socket


async def rest_of(socket: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """Every message until the close; then its code and reason."""
    messages = []
    try:
        async with asyncio.timeout(HANG_S):
            while True:
                messages.append(json.loads(await socket.recv()))
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            return messages, 1006, ""
        return messages, closed.rcvd.code, closed.rcvd.reason


def said(messages: list[dict[str, Any]]) -> str:
    """The text of the finals among ``messages``."""
    finals = [m for m in messages if m["type"] == "Results" and m["is_final"]]
    return " ".join(m["channel"]["alternatives"][0]["transcript"] for m in finals).strip()


def speech(clip: str = CLIP) -> bytes:
    """A clip's samples as PCM16."""
    return to_pcm16(datasets.clip(clip).samples)


def plain(text: str) -> str:
    """Words only, in lower case."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


async def taken(socket: ClientConnection) -> list[dict[str, Any]]:
    """Wait until the server has taken all that was sent; what it said meanwhile.

    A text that is no command is answered, in its turn.
    """
    await socket.send("is that all?")
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(HANG_S):
        while not messages or messages[-1]["type"] != "Error":
            messages.append(json.loads(await socket.recv()))
    return messages[:-1]


async def talk(socket: ClientConnection, data: bytes, pace: float = 4.0) -> None:
    """Send audio in 50 ms chunks, ``pace`` times as fast as it was spoken."""
    for start in range(0, len(data), 1_600):
        await socket.send(data[start : start + 1_600])
        await asyncio.sleep(0.05 / pace)


async def healthy(url: str, pace: float = 2.0) -> str:
    """A well-behaved neighbour's transcript."""
    async with raw_stream(url, interim_results="true") as socket:
        talking = asyncio.create_task(_talk_and_close(socket, pace))
        messages, code, _ = await rest_of(socket)
        await talking
    assert code == 1000
    return plain(said(messages))


async def _talk_and_close(socket: ClientConnection, pace: float) -> None:
    await talk(socket, speech(), pace)
    await socket.send('{"type":"CloseStream"}')


def stop_softly(server: ServerProcess) -> None:
    """Tell it to stop, as an operator would."""
    server.process.send_signal(signal.SIGTERM)
