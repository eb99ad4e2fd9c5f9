"""A process that writes lines in one of three ways, says so, and waits to be killed."""

import os
import statistics
import sys
import time
from collections.abc import Callable

LINE = b'{"billed_us": 100000}\n'


def main() -> None:
    """Write, say how many lines and what each took, and wait until standard input is closed."""
    way, file, lines = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    buffered = open(file, "ab")  # noqa: SIM115 - closing it would write what it holds
    descriptor = buffered.fileno()

    def hand_over() -> None:
        os.write(descriptor, LINE)

    def flush() -> None:
        os.write(descriptor, LINE)
        os.fdatasync(descriptor)

    ways: tuple[Callable[[], object], ...] = (lambda: buffered.write(LINE), hand_over, flush)
    took_ns = []
    for _ in range(lines):
        began_ns = time.perf_counter_ns()
        ways[way]()
        took_ns.append(time.perf_counter_ns() - began_ns)
    print(lines, statistics.median(took_ns) / 1e3, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
