"""From the ledger to somebody else's: batch by batch behind a mark, each event at least once.

It has a thread and a connection of its own, so that a destination that is slow, or away, holds up
nobody who ships. Where one does not take a batch, it is sent again, later and later, and said once.
"""

import sys
import threading
from contextlib import closing

from lab_kit.core.errors import ConnectionFailed, StateUnusable
from lab_kit.ledger.destinations import Destination
from lab_kit.ledger.exports import Exports, Refusal
from lab_kit.ledger.ledger import open_tables

LOOK_S = 0.5
"""So old a ledger's event may be when it is exported."""
FIRST_S, LONGEST_S = 1.0, 60.0
"""Until a batch is sent again: twice as long each time."""
STOP_S = 30.0
"""For a batch that is on its way; one that is not done by then is sent again by the next one."""


def export_batch(exports: Exports, destination: Destination) -> int:
    """Have a destination take the next events.

    Returns:
        How many there were; 0 where it has all.

    Raises:
        ConnectionFailed: it did not take them.
        StateUnusable: the ledger cannot be read or written.
    """
    waiting = exports.waiting(destination.name, destination.most)
    if not waiting:
        return 0
    refused = destination.send([event for _, event in waiting])
    numbers = [number for number, _ in waiting]
    told = [Refusal(numbers[place], why) for place, why in refused.items()]
    exports.move(destination.name, numbers[-1], told)
    for one in told:
        print(
            f"lab ledger: {destination.name} refused event {one.number} for good: {one.why}",
            file=sys.stderr,
            flush=True,
        )
    return len(waiting)


def export_all(where: str, destination: Destination) -> int:
    """Have it take all that is in the ledger now.

    Raises:
        LabError: see `export_batch`.
    """
    count = 0
    with closing(Exports(open_tables(where))) as exports:
        while new := export_batch(exports, destination):
            count += new
    return count


class Exporter:
    """Exports until it is stopped.

    Args:
        where: the ledger; see `open_ledger`.
        destination: owned.
    """

    def __init__(self, where: str, destination: Destination) -> None:
        self._where = where
        self._destination = destination
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=destination.name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Have it end after the batch that is on its way."""
        self._stopped.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        with closing(self._destination), closing(Exports(open_tables(self._where))) as exports:
            told, again_s = "", FIRST_S
            while not self._stopped.is_set():
                try:
                    wait_s = 0.0 if export_batch(exports, self._destination) else LOOK_S
                    told, again_s = "", FIRST_S
                except (ConnectionFailed, StateUnusable) as error:
                    wait_s, again_s = again_s, min(2 * again_s, LONGEST_S)
                    if str(error) != told:
                        told = str(error)
                        print(f"lab ledger: {told}", file=sys.stderr, flush=True)
                self._stopped.wait(wait_s)
