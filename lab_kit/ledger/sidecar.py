"""The process beside a server that ships what the server writes down into the ledger.

It may be killed, started again, or be away for hours: the journal waits on the disk. Where the
ledger cannot be written it tries again, and says so once.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.core.errors import LabError, StateUnusable

if TYPE_CHECKING:
    from lab_kit.ledger.shipping import Shipper

LOOK_S = 0.2
"""So old a line may be when it is shipped."""
AGAIN_S = 1.0
"""After a ledger that could not be written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is shipped, and where to."""
    parser.add_argument(
        "--usage",
        type=Path,
        required=True,
        action="append",
        metavar="FOLDER",
        help="where a server writes its usage; as often as you like",
    )
    parser.add_argument(
        "--ledger",
        required=True,
        metavar="FILE_OR_URL",
        help="an SQLite file, made if it is not there, or postgresql://USER:PASSWORD@HOST/NAME",
    )
    parser.add_argument("--once", action="store_true", help="ship what is there now, and end")
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="stop when standard input is closed, or the process that started this one ends",
    )


def run(options: argparse.Namespace) -> int:
    """Ship as the parsed options say, until a signal.

    Raises:
        LabError: a folder cannot be used; with ``--once``, the ledger cannot.
    """
    # not with the module: `lab` takes its arguments from here, whatever the command
    from lab_kit.core.child_process import stop_with_parent
    from lab_kit.ledger.ledger import open_ledger
    from lab_kit.ledger.shipping import Shipper

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if options.with_parent:
        stop_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    with ExitStack() as held:
        ledger = held.enter_context(closing(open_ledger(options.ledger)))
        shippers = [
            held.enter_context(closing(Shipper(folder, ledger))) for folder in options.usage
        ]
        if options.once:
            print(f"shipped {sum(shipper.ship() for shipper in shippers):,} events")
            return 0
        print("shipping", flush=True)
        _ship_until(stopped, shippers)
    return 0


def _ship_until(stopped: threading.Event, shippers: "Sequence[Shipper]") -> None:
    """One more time when it is to stop: what was written before is in the ledger then."""
    told = ""
    is_last = False
    while not is_last:
        is_last = stopped.is_set()
        wait_s = LOOK_S
        try:
            if sum(shipper.ship() for shipper in shippers):
                wait_s = 0.0
            told = ""
        except StateUnusable as error:
            wait_s = AGAIN_S
            if str(error) != told:
                told = str(error)
                print(f"lab ledger: {told}", file=sys.stderr, flush=True)
        if not is_last:
            stopped.wait(wait_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship until told to stop."""
    parser = argparse.ArgumentParser(prog="lab ledger ship")
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except LabError as error:
        print(f"lab ledger: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
