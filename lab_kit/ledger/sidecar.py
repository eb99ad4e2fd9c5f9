"""The process beside a server that ships what the server writes down into the ledger.

It may be killed, started again, or be away for hours: the journal waits on the disk. Where the
ledger cannot be written it tries again, and says so once.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from lab_kit.core.errors import InvalidParameter, LabError, StateUnusable
from lab_kit.core.shown import shown
from lab_kit.ledger.destinations import (
    OPENMETER_VARIABLE,
    STRIPE_VARIABLE,
    Destination,
    OpenMeter,
    Stripe,
)

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
    parser.add_argument(
        "--export-openmeter",
        metavar="URL",
        help=f"send each event to OpenMeter, too; its token is read from {OPENMETER_VARIABLE}",
    )
    parser.add_argument(
        "--export-stripe",
        metavar="URL",
        help="send the sound that was billed to Stripe, too, in microseconds; its key is read from"
        f" {STRIPE_VARIABLE}",
    )
    parser.add_argument(
        "--stripe-customers",
        type=Path,
        metavar="FILE",
        help="JSON: Stripe's customer ids by tenant; others go by the tenant's name",
    )
    parser.add_argument("--once", action="store_true", help="ship, and export, what is there now")
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
    from lab_kit.ledger.exporting import Exporter, export_all
    from lab_kit.ledger.ledger import open_ledger
    from lab_kit.ledger.shipping import Shipper

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if options.with_parent:
        stop_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    destinations = _destinations(options)
    with ExitStack() as held:
        ledger = held.enter_context(closing(open_ledger(options.ledger)))
        shippers = [
            held.enter_context(closing(Shipper(folder, ledger))) for folder in options.usage
        ]
        if options.once:
            print(f"shipped {sum(shipper.ship() for shipper in shippers):,} events")
            for destination in destinations:
                with closing(destination):
                    count = export_all(options.ledger, destination)
                print(f"exported {count:,} events to {destination.name}")
            return 0
        for destination in destinations:
            held.enter_context(closing(Exporter(options.ledger, destination)))
        print("shipping", flush=True)
        _ship_until(stopped, shippers)
    return 0


def _destinations(options: argparse.Namespace) -> list[Destination]:
    found: list[Destination] = []
    if options.export_openmeter is not None:
        found.append(OpenMeter(options.export_openmeter, os.environ))
    if options.export_stripe is not None:
        customers = _customers(options.stripe_customers)
        found.append(Stripe(options.export_stripe, os.environ, customers))
    return found


def _customers(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        found = str(error)
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise InvalidParameter(
            f"{file}: {shown(found)}", "a JSON object of texts", "name a file with customers"
        )
    return found


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
