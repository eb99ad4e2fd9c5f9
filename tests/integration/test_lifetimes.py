"""Who outlives whom: server killed, parent killed, thread ended; no orphan and no stuck port."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from hang import HANG_S
from server_process import eventually, metrics, wait_until

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.child_process import bind
from lab_kit.core.errors import ConnectionFailed

CLIP = "two-cities-best"
PARENT = """\
import sys, time
from lab_kit.bench import Bench
bench = Bench.start()
print(bench.pid, bench.url.rpartition(":")[2], flush=True)
{then}
"""


class Family:
    """A parent process with a server of its own."""

    def __init__(self, then: str) -> None:
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT.format(then=then)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.parent.stdout is not None
        pid, port = self.parent.stdout.readline().split()
        self.server, self.port = psutil.Process(int(pid)), int(port)

    def end(self) -> None:
        self.parent.kill()
        self.parent.wait()
        assert self.parent.stdout is not None
        self.parent.stdout.close()


@pytest.fixture
def family(request: pytest.FixtureRequest) -> Iterator[Family]:
    family = Family(request.param)
    yield family
    family.end()


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def is_free(port: int) -> bool:
    try:
        bind("127.0.0.1", port).close()
    except Exception:
        return False
    return True


@pytest.mark.parametrize("family", ["time.sleep(600)"], indirect=True)
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_dies_with_its_parent(family: Family, sig: signal.Signals) -> None:
    family.parent.send_signal(sig)
    family.parent.wait(HANG_S)
    wait_until(lambda: is_gone(family.server), "gone")
    wait_until(lambda: is_free(family.port), "free")


@pytest.mark.parametrize(
    "family",
    ["sys.exit(3)", "raise RuntimeError", "import os; os._exit(1)"],
    indirect=True,
    ids=["exit", "exception", "hard exit"],
)
def test_a_server_dies_however_its_parent_ends(family: Family) -> None:
    family.parent.wait(HANG_S)
    wait_until(lambda: is_gone(family.server), "gone")


@pytest.mark.skipif(sys.platform != "linux", reason="the pipe alone cannot do this elsewhere")
@pytest.mark.parametrize(
    "family", ["import os; os.fork() or time.sleep(20); time.sleep(600)"], indirect=True
)
def test_another_child_that_holds_the_pipe_keeps_no_server_alive(family: Family) -> None:
    """A forked child inherits the writing end, so the pipe does not close with the parent."""
    heirs = psutil.Process(family.parent.pid).children()
    family.parent.kill()
    family.parent.wait(HANG_S)
    try:
        wait_until(lambda: is_gone(family.server), "gone")
    finally:
        for heir in heirs:
            if heir.pid != family.server.pid and heir.is_running():
                heir.kill()


def test_a_server_outlives_the_thread_that_started_it() -> None:
    started: list[Bench] = []
    thread = threading.Thread(target=lambda: started.append(Bench.start("from-a-thread")))
    thread.start()
    thread.join(HANG_S)
    (bench,) = started
    try:
        time.sleep(1.5)
        assert bench.alive
        assert asyncio.run(bench.transcribe(datasets.clip(CLIP))).text
    finally:
        bench.stop()


async def test_a_killed_server_is_an_error_with_a_name_and_the_next_start_works() -> None:
    bench = Bench.start("to-be-killed")
    call = asyncio.create_task(bench.stream(datasets.clip("two-cities-opening")))
    await eventually(lambda: metrics(bench.url)["lab_streams"] == 1, "streaming")
    os.kill(bench.pid, signal.SIGKILL)
    with pytest.raises(ConnectionFailed):
        await asyncio.wait_for(call, HANG_S)
    with pytest.raises(ConnectionFailed):
        await bench.transcribe(datasets.clip(CLIP))
    assert not bench.alive
    again = Bench.start("to-be-killed")
    try:
        assert again.pid != bench.pid
        assert "best of times" in (await again.transcribe(datasets.clip(CLIP))).text
    finally:
        again.stop()
        bench.stop()


async def test_a_server_killed_before_anyone_listens_is_an_error_with_a_name() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    from lab_kit import client

    with pytest.raises(ConnectionFailed, match="no answer from"):
        await client.probe_clock(url)


def test_stopping_leaves_no_process_no_log_and_a_free_port() -> None:
    bench = Bench.start("stopped-for-good")
    process, port = psutil.Process(bench.pid), int(bench.url.rpartition(":")[2])
    log = bench._child._log
    bench.stop()
    assert is_gone(process)
    assert is_free(port)
    assert not log.exists()
    bench.stop()  # twice is once
