"""A pytest plugin for nbval: a notebook whose kernel has ended leaves no process and no port.

    python -m pytest -p leftovers --nbval-lax labs        (with tests/notebooks on the path)

It looks once at the end of each notebook, when its last cell has run: whatever the kernel has
started by then must be gone soon after the kernel is. What stayed is ended, so that one leak does
not disturb the next notebook.
"""

from collections.abc import Generator, Sequence

import psutil
import pytest

GONE_S = 10.0
"""A server that is told to stop drains first; it has this long."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """After a notebook's last cell its kernel is shut down; look what that leaves."""
    is_last = nextitem is None or nextitem.parent is not item.parent
    started = psutil.Process().children(recursive=True) if is_last else []
    ports = [port for process in started for port in listening_ports(process)]
    yield
    left, listening = still_there(started, ports)
    assert not left, f"still running after the notebook: {left}, listening on {listening}"


def still_there(
    started: Sequence[psutil.Process], ports: Sequence[int], gone_s: float = GONE_S
) -> tuple[list[str], list[int]]:
    """Those of ``started`` that run, and those of ``ports`` that they hold, after ``gone_s``."""
    _, alive = psutil.wait_procs(started, timeout=gone_s)
    left = [f"{process.pid} {' '.join(process.cmdline())}" for process in alive]
    open_ports = [port for port in ports if any(port in listening_ports(p) for p in alive)]
    for process in alive:
        process.kill()
    return left, open_ports


def listening_ports(process: psutil.Process) -> list[int]:
    """Ports that a process accepts connections on."""
    return [
        connection.laddr.port
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
