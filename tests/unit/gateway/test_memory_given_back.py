"""Memory freed between blocks in use goes back to the system, which glibc keeps it from."""

import asyncio
import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
from hang import HANG_S
from scripted_engine import ScriptedEngine, recognizer, server_at

from lab_kit.core.memory import return_last_blocks, trimmer
from lab_kit.gateway.run import maintenance

BLOCK_BYTES = 60_000
"""Below what glibc maps by itself, so that it lies in an arena."""
BLOCKS = 1_000
KEPT_EACH = 20

needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has malloc_trim"
)


AT_A_THREADS_END = """
import ctypes, sys, threading
import psutil
from lab_kit.core.memory import return_last_blocks, trimmer

if sys.argv[1] == "bounded":
    return_last_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free(ctypes.c_void_p(libc.malloc(30_000_000)))  # glibc now keeps twice that, if it may

def work():
    blocks = [ctypes.c_void_p(libc.malloc(6_000_000)) for _ in range(5)]
    for block in blocks:
        ctypes.memset(block, 1, 6_000_000)
    for block in reversed(blocks):
        libc.free(block)

before = psutil.Process().memory_info().rss
thread = threading.Thread(target=work)
thread.start()
thread.join()
trimmer()()
print((psutil.Process().memory_info().rss - before) / 1e6)
"""
"""A thread of its own arena frees 30 MB at its end; prints how much of it stays, in MB."""


def resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def least_resident_mb() -> float:
    """With nothing free left that new blocks could lie in unseen."""
    trimmer()()
    return resident_mb()


def holes() -> list[npt.NDArray[np.uint8]]:
    """57 MB of free memory with blocks in use all through it; returns those."""
    blocks = [np.ones(BLOCK_BYTES, np.uint8) for _ in range(BLOCKS)]
    return blocks[KEPT_EACH - 1 :: KEPT_EACH]


@needs_glibc
def test_freed_memory_stays_until_it_is_trimmed() -> None:
    before_mb = least_resident_mb()
    kept = holes()
    assert resident_mb() - before_mb > 40, "glibc gave it back itself: no trim is needed"
    trimmer()()
    assert resident_mb() - before_mb < 20
    assert all(block.all() for block in kept)


@needs_glibc
def test_what_a_thread_frees_at_its_arenas_end_does_not_stay() -> None:
    def left_mb(how: str) -> float:
        told = subprocess.run(
            [sys.executable, "-c", AT_A_THREADS_END, how],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(told.stdout)

    assert left_mb("unbounded") > 20, "a trim is enough: no bound is needed"
    assert left_mb("bounded") < 12


@needs_glibc
async def test_the_server_trims_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "TRIM_S", 0.05)
    before_mb = least_resident_mb()
    kept = holes()
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    maintenance.begin_maintenance(server.background, server)
    try:
        async with asyncio.timeout(HANG_S):
            while resident_mb() - before_mb > 30:
                await asyncio.sleep(0.01)
    finally:
        server.background.stop()
        server.stop()
    assert len(kept) == BLOCKS // KEPT_EACH


@pytest.mark.parametrize("absent", ["the platform", "the call"])
def test_without_glibc_nothing_happens(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if absent == "the platform":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    return_last_blocks()
    trimmer()()
