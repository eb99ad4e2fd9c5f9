"""One engine as a process: loads a version, answers on a Unix socket, outlives no parent.

Run as ``python -m lab_kit.engine.processes.process`` by a `Keeper`. SIGTERM has it leave: it takes
no more, answers what it was asked, and ends.
"""

import argparse
import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lab_kit.core.child_process import stop_with_parent
from lab_kit.core.errors import LabError
from lab_kit.core.memory import return_last_blocks, trimmer
from lab_kit.engine.loop import MAX_WAITING, EngineLoop
from lab_kit.engine.opening import open_engine
from lab_kit.engine.processes.serving import EngineServer
from lab_kit.models.device import choose_device
from lab_kit.models.store.repository import Repository

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s [engine %(process)d] %(message)s"
TRIM_S = 5.0
"""As the server does, and for its reasons; see `gateway.run.maintenance`."""
_SWITCH_S = 0.0005
"""As in the server's process: the event loop is waited for by everybody's answers."""

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the parent is gone, or a signal comes; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    # its memory holds what people say: none of it is written down when the process fails
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return_last_blocks()
    sys.setswitchinterval(_SWITCH_S)
    try:
        files = Repository(options.repository).open(options.model, options.version)
        device = choose_device()
        engine = open_engine(files.version, files.paths, replace(device, workers=options.workers))
    except LabError as error:
        print(f"engine: {error}", file=sys.stderr, flush=True)
        return 1
    return asyncio.run(_serve(engine, options.socket, options.groups))


async def _serve(engine: EngineLoop, path: Path, groups: int) -> int:
    server, loop = EngineServer(engine, MAX_WAITING, groups), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.leave)
    # a terminal's goes to the server as well, which drains first
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    stop_with_parent(lambda: loop.call_soon_threadsafe(server.leave))
    # an engine that broke answers nobody: its process ends, and the keeper starts another
    engine.broken.add_done_callback(lambda _: loop.call_soon_threadsafe(server.leave))
    trimming = asyncio.create_task(_trim())
    try:
        await server.serve(path)
    finally:
        trimming.cancel()
        await asyncio.to_thread(engine.stop)
        with suppress(OSError):  # whoever made the folder may be gone; others may still be in it
            path.parent.rmdir()
    return 1 if engine.broken.done() else 0


async def _trim() -> None:
    trim = trimmer()
    while True:
        await asyncio.sleep(TRIM_S)
        await asyncio.to_thread(trim)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="engine")
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--groups", type=int, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
