"""A process beside the server that takes memory, more each moment, as one does that leaks.

It never takes more than it was told, whoever watches it: the system holds it to that.
"""

import argparse
import os
import resource
import time

from lab_kit.core.child_process import stop_with_parent

STEP_BYTES = 5 * 2**20
STEP_S = 0.2
MOST_BYTES = 512 * 2**20
"""Of ballast; and of its address space beyond what it begins with."""


def main() -> None:
    """Grow until the limit, and keep it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES)
    most_bytes = min(parser.parse_args().most_bytes, MOST_BYTES)
    stop_with_parent(lambda: os._exit(0))
    begun_bytes = _address_space_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (begun_bytes + most_bytes, begun_bytes + most_bytes))
    ballast = []
    while True:
        try:
            ballast.append(b"\1" * STEP_BYTES)  # written to, so that it is really there
        except MemoryError:
            break
        time.sleep(STEP_S)
    while True:
        time.sleep(STEP_S)


def _address_space_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
