"""A cell that is interrupted ends in one line; the kernel is a real one."""

import queue
import re
from typing import Any

import pytest
from hang import HANG_S
from jupyter_client.manager import start_new_kernel

from lab_kit.course.interrupts import AGAIN

AWAITING = "import asyncio\nprint('begun', flush=True)\nawait asyncio.sleep(600)"
BLOCKING = "import time\nfor _ in range(1): print('begun', flush=True); time.sleep(600)"
"""One statement: what it prints comes out when nothing of the cell is left to compile."""

ELSEWHERE = (
    "names = {}\nexec(compile('def f(): return whisper', 'file.py', 'exec'), names)\nnames['f']()"
)
"""A name that is missing in somebody's file, and not in the cell."""
SET_UP = "from lab_kit.course.interrupts import tell_interrupts_in_one_line as told; told()"


@pytest.mark.parametrize("code", [AWAITING, BLOCKING], ids=["awaiting", "blocking"])
def test_an_interrupted_cell_says_one_line_and_the_next_one_runs(code: str) -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive(SET_UP, timeout=HANG_S)
        asked = client.execute(code)
        assert "begun" in printed_until(client, asked, lambda text: "begun" in text)
        manager.interrupt_kernel()
        text = printed_until(client, asked, lambda text: False)
        assert len(text.splitlines()) == 1, text
        assert text.startswith("Interrupted")
        assert AGAIN in text
        assert re.search("in line [23] of this cell", text)
        assert client.execute_interactive("1", timeout=HANG_S)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    ("code", "is_own"),
    [
        ("whisper", True),
        ("import json\njson.dumps(whisper)", True),
        (ELSEWHERE, False),
    ],
    ids=["alone", "among others", "elsewhere"],
)
def test_a_cell_that_misses_another_says_so_in_one_line_and_ends_a_run(
    code: str, is_own: bool
) -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive(SET_UP, timeout=HANG_S)
        asked = client.execute(code)
        text = printed_until(client, asked, lambda text: False)
        ended = client.get_shell_msg(timeout=HANG_S)
        while ended["parent_header"]["msg_id"] != asked:
            ended = client.get_shell_msg(timeout=HANG_S)
        assert ended["content"]["status"] == "error", "Run All stops here"
        if is_own:
            assert text.startswith("There is no whisper yet. The cell that makes it")
            assert len(text.splitlines()) == 1
        else:
            assert "NameError" in text
            assert "There is no" not in text
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_what_is_refused_is_said_in_one_line_and_ends_a_run() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    code = "from lab_kit.core.errors import InvalidParameter\nraise InvalidParameter('a', 'b', 'c')"
    try:
        client.execute_interactive(SET_UP, timeout=HANG_S)
        asked = client.execute(code)
        text = printed_until(client, asked, lambda text: False)
        assert text.splitlines() == ["Refused in line 2 of this cell: a; expected: b; c"]
        ended = client.get_shell_msg(timeout=HANG_S)
        while ended["parent_header"]["msg_id"] != asked:
            ended = client.get_shell_msg(timeout=HANG_S)
        assert ended["content"]["status"] == "error", "Run All stops here"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_notebook_may_be_opened_in_a_thread_that_gets_no_signals() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    code = (
        f"{SET_UP}\nimport asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "async def opened(): told()\nThreadPoolExecutor().submit(asyncio.run, opened()).result()"
    )
    try:
        assert client.execute_interactive(code, timeout=HANG_S)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def printed_until(client: Any, asked: str, enough: Any) -> str:
    """What the cell put under itself, until that is enough or the cell has ended."""
    text = ""
    while not enough(text):
        try:
            message = client.get_iopub_msg(timeout=HANG_S)
        except queue.Empty as error:
            raise AssertionError(f"nothing more after {text!r}") from error
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
        if message["msg_type"] == "stream":
            text += message["content"]["text"]
        if message["msg_type"] == "error":
            text += "\n".join(message["content"]["traceback"])
    return text
