"""The frameworks as processes: they answer, stay on this machine and leave nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any

import psutil
import pytest
from hang import HANG_S
from server_process import CLIP, eventually, plain, wait_until

from lab_kit import datasets
from lab_kit.core.errors import ServerFailed
from lab_kit.experiments import frameworks, load

BATCHED = {"max_batch": 4, "window_s": 0.02}


@pytest.mark.parametrize(("framework", "options"), [("naive", {}), ("litserve", BATCHED)])
async def test_a_framework_answers_everybody_and_leaves_nothing_behind(
    framework: str, options: dict[str, Any]
) -> None:
    clip = datasets.clip(CLIP)
    async with frameworks.start(framework, **options) as server:
        with load.watch_device(server.pid) as watching:
            calls = await asyncio.gather(*(server.transcribe(clip) for _ in range(5)))
        family = tree(server.pid)
        addresses = [c.laddr.ip for process in family for c in process.net_connections("inet")]
        others = [c.raddr.ip for p in family for c in p.net_connections("inet") if c.raddr]
    assert {plain(call.text) for call in calls} == {plain(clip.text)}
    assert set(addresses) == {"127.0.0.1"}
    assert set(others) <= {"127.0.0.1"}
    # five clips of five seconds take the processor a tenth of a second each; workers count
    assert watching.taken().server_cpu_s > 0.1
    await eventually(lambda: not any(alive(process) for process in family), "gone")


async def test_litserve_dies_with_whoever_started_it() -> None:
    script = (
        "import asyncio\nfrom lab_kit.experiments import frameworks\n"
        "async def main():\n"
        "    async with frameworks.start('litserve') as server:\n"
        "        print(server.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    family = tree(int(parent.stdout.readline()))
    try:
        assert len(family) > 2  # it has children that could stay behind
        parent.send_signal(signal.SIGKILL)
        parent.wait(HANG_S)
        wait_until(lambda: not any(alive(process) for process in family), "gone")
    finally:
        parent.stdout.close()
        for process in filter(alive, family):
            os.kill(process.pid, signal.SIGKILL)


async def test_a_framework_that_cannot_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("LAB_MODELS", str(tmp_path))
    with pytest.raises(ServerFailed, match="moonshine-tiny-en"):
        async with frameworks.start("naive"):
            raise AssertionError("it has no weights")


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def alive(process: psutil.Process) -> bool:
    """Running; who is dead but not yet waited for by its new parent is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
