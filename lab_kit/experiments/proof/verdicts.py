"""What the auditor says of a log, and of what was done to it; with and without a saved checkpoint.

The auditor itself reads a folder, and shares no code with what wrote it.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from lab_kit import auditor
from lab_kit.core.table import Table
from lab_kit.experiments.proof.forging import Log, unchained


@dataclass(frozen=True, slots=True)
class Caught:
    """What each of three looks at a log found wrong; empty where nothing.

    Attributes:
        by_chain: each record's hash in the next one, and nothing else.
        by_folder: the signed checkpoints, too, that lie beside it.
        by_saved: a checkpoint, too, that was saved elsewhere.
    """

    by_chain: str
    by_folder: str
    by_saved: str

    @property
    def first(self) -> str:
        """The first of the three that found something."""
        told = {CHAIN: self.by_chain, FOLDER: self.by_folder, SAVED: self.by_saved}
        return next((name for name, wrong in told.items() if wrong), NOTHING)


CHAIN, FOLDER, SAVED, NOTHING = "chain", "signed root", "saved checkpoint", "nothing"


def caught(log: Log, saved: str) -> Caught:
    """Look at a log in three ways.

    Raises:
        Unreadable: the saved checkpoint, or the log's key, is none.
    """
    number = unchained(log.records)
    broken = "" if number is None else f"record {number} does not hold the hash before it"
    return Caught(broken, _wrong(log, None), _wrong(log, saved))


def verified(log: Log, saved: str | None = None) -> Table:
    """What the auditor says, in its own words.

    Raises:
        Unreadable: the saved checkpoint, or the log's key, is none.
    """
    report = _report(log, saved)
    rows = [("checked", one) for one in report.checked]
    rows += [("WRONG", str(one)) for one in report.wrong]
    notes = ["The log is as it was signed." if report.is_good else "The log was changed."]
    return Table("thing looked at", ("", "what"), rows, notes, left=2)


def forgeries_table(log: Log, forged: Mapping[str, Log], saved: str) -> Table:
    """A row for each thing that was done to a log: which look caught it first, and what it said.

    Raises:
        Unreadable: the saved checkpoint, or the log's key, is none.
    """
    rows = []
    for name, one in {"nothing": log, **forged}.items():
        found = caught(one, saved)
        said = found.by_chain or found.by_folder or found.by_saved or "-"
        rows.append((name, *map(_sign, (found.by_chain, found.by_folder, found.by_saved)), said))
    head = ("what was done", CHAIN, FOLDER, SAVED, "what the first to notice says")
    return Table("thing done", head, rows, left=5)


def needing_saved(forged: Mapping[str, Log], saved: str) -> int:
    """How many forged logs nothing but the saved checkpoint catches.

    Raises:
        Unreadable: the saved checkpoint, or a log's key, is none.
    """
    return sum(caught(one, saved).first == SAVED for one in forged.values())


def first_bad(log: Log, saved: str) -> int | None:
    """The number of the first bad record, by the auditor; None where there is none.

    Raises:
        Unreadable: the saved checkpoint, or the log's key, is none.
    """
    found = _report(log, saved).first_bad
    return None if found is None else found.start


def _sign(wrong: str) -> str:
    return "caught" if wrong else "not seen"


def _wrong(log: Log, saved: str | None) -> str:
    return "; ".join(map(str, _report(log, saved).wrong[:1]))


def _report(log: Log, saved: str | None) -> auditor.Report:
    folder = log.written()
    try:
        return auditor.verify(folder, log.key, saved)
    finally:
        shutil.rmtree(folder)
