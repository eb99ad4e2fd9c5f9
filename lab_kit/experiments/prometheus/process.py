"""Prometheus as a child that outlives no parent: it cannot watch one itself, so this does.

Run as ``python -m``, by `core.child_process.Child`; it leaves the port that it is given to
Prometheus, and ends it when the parent ends or says so.
"""

import argparse
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from lab_kit.core.child_process import HOST, stop_with_parent

PATIENCE_S = 5.0
"""For Prometheus to close its files; then it is killed, for nothing of it is kept."""


def main() -> int:
    """Run Prometheus until it ends, or has to; returns its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--with-parent", action="store_true")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("binary")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    with socket.socket(fileno=options.fd) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [
            options.binary,
            f"--config.file={options.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={options.folder / 'data'}",
            f"--web.listen-address={HOST}:{port}",
            "--enable-feature=exemplar-storage",
            "--query.lookback-delta=5s",
            "--log.level=warn",
        ],
        stdin=subprocess.DEVNULL,
    )

    def end(*_: int | FrameType | None) -> None:
        process.terminate()
        late = threading.Timer(PATIENCE_S, process.kill)
        late.daemon = True
        late.start()

    signal.signal(signal.SIGTERM, end)
    stop_with_parent(end)
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
