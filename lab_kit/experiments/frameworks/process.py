"""The process of a server: ``python -m`` this module, ``FRAMEWORK --fd N --with-parent``."""

import argparse
import logging
import os
import signal
import socket
import sys

import uvicorn

from lab_kit.core.child_process import stop_with_parent
from lab_kit.experiments.frameworks import litserve_server, naive


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=("naive", "litserve"))
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true")
    parser.add_argument("--max-batch", type=int, default=1)
    parser.add_argument("--window-s", type=float, default=0.0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    if options.with_parent:
        stop_with_parent(lambda: os.kill(os.getpid(), signal.SIGINT))
    if options.framework == "litserve":
        litserve_server.serve(options.fd, options.max_batch, options.window_s)
    else:
        server = uvicorn.Server(uvicorn.Config(naive.naive_app(), access_log=False))
        server.run(sockets=[socket.socket(fileno=options.fd)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
