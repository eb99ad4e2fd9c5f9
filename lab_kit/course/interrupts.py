"""A cell that is interrupted, run before another, or asks for what cannot be, ends in one line."""

import asyncio
import signal
import socket
import threading
import traceback
from types import TracebackType
from typing import Any

from lab_kit.core.errors import InvalidParameter

AGAIN = "What this cell was measuring is not kept; run it again when you like."


_TOLD = (KeyboardInterrupt, asyncio.CancelledError, NameError, InvalidParameter)


def tell_interrupts_in_one_line() -> None:
    """Have IPython say one line where a cell was interrupted, misses what another one makes, or
    gives what is refused: the refusal says what was expected.

    Outside of it there is nothing to do.

    A cell that awaits is cancelled at once, any other gets a `KeyboardInterrupt`. What cancelled a
    cell is not known, so the line says where it was, too.
    """
    from IPython import get_ipython  # the command line does without it

    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc(_TOLD, _tell)
        _wake_at_signals()


def _wake_at_signals() -> None:
    """Have a signal wake the kernel's event loop.

    The kernel cancels a cell that awaits by a callback (`ipykernel.ipkernel._cancel_on_sigint`),
    which a loop that sleeps would see only when something else wakes it.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # an IPython without a kernel
        return
    if threading.current_thread() is not threading.main_thread():  # a subshell, which gets none
        return
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    former = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    if former != -1:  # there is something that signals wake already, as on Windows
        signal.set_wakeup_fd(former)
        woken.close()
        wakes.close()
        return
    wakes.detach()  # open as long as the kernel
    loop.add_reader(woken, woken.recv, 1_024)


def _tell(
    shell: Any,
    kind: type[BaseException],
    raised: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """What IPython calls instead of its traceback; returns the lines for a saved notebook."""
    if isinstance(raised, NameError):
        return _tell_missing(shell, raised, trace)
    if isinstance(raised, InvalidParameter):
        told = f"Refused in line {_line_of_cell(trace)} of this cell: {raised}"
        print(told)
        return [told]
    ended = "Interrupted" if issubclass(kind, KeyboardInterrupt) else "Interrupted, or cancelled,"
    told = f"{ended} in line {_line_of_cell(trace)} of this cell. {AGAIN}"
    print(told)
    return [told]


def _tell_missing(shell: Any, raised: NameError, trace: TracebackType) -> list[str]:
    """Say what a cell misses; a name that is missing elsewhere is a defect, and told in full."""
    where = traceback.extract_tb(trace)[-1].filename
    if "ipykernel_" not in where:
        shell.showtraceback((NameError, raised, trace))
        return []
    told = (
        f"There is no {raised.name} yet. The cell that makes it was not run since this kernel"
        " started: run it first, or all cells above (menu Run)."
    )
    print(told)
    return [told]


def _line_of_cell(trace: TracebackType) -> int:
    """The cell's own line: the outermost frame whose code is no file."""
    frames = traceback.extract_tb(trace)
    own = [frame.lineno for frame in frames if "ipykernel_" in frame.filename]
    return (own or [frames[-1].lineno])[0] or 1
