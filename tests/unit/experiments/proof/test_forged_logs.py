"""Forged logs: which of three looks notices each, by the auditor that shares no code with them."""

from dataclasses import dataclass, field

import pytest
from made_log import SEED, usual_log

from lab_kit import auditor
from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments import proof
from lab_kit.experiments.proof.forging import SEED_VARIABLE


@dataclass
class Thief:
    """Whoever has the server's signing key."""

    secrets: dict[str, str] = field(default_factory=lambda: {SEED_VARIABLE: SEED.hex()})


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("a record rewritten", proof.CHAIN),
        ("rewritten, all later hashes anew", proof.FOLDER),
        ("two records exchanged, hashes anew", proof.FOLDER),
        ("the end cut off", proof.FOLDER),
        ("the end cut off, checkpoints too", proof.SAVED),
        ("another history, signed with the server's key", proof.SAVED),
    ],
)
def test_who_notices_first(name: str, first: str) -> None:
    log = usual_log(13, 8)
    forged = proof.FORGERIES[name](log, Thief())  # type: ignore[arg-type]
    found = proof.caught(forged, log.notes[-1])
    assert found.first == first, found
    assert found.by_saved, "the saved checkpoint catches all of them"


def test_an_honest_log_is_in_order_for_all_three() -> None:
    log = usual_log(13, 8)
    assert proof.caught(log, log.notes[-1]).first == proof.NOTHING
    assert "The log is as it was signed." in proof.verified(log, log.notes[-1]).text
    assert proof.first_bad(log, log.notes[-1]) is None
    table = proof.forgeries_table(log, {}, log.notes[-1])
    assert [row[0] for row in table.rows] == ["nothing"]


def test_only_two_of_the_six_need_a_checkpoint_that_was_saved() -> None:
    log = usual_log(20, 9)
    forged = {name: forge(log, Thief()) for name, forge in proof.FORGERIES.items()}  # type: ignore[arg-type]
    assert proof.needing_saved(forged, log.notes[-1]) == 2
    assert len(proof.forgeries_table(log, forged, log.notes[-1]).rows) == 7


def test_a_log_that_is_too_short_is_not_forged() -> None:
    with pytest.raises(InvalidParameter, match="newest checkpoint"):
        proof.FORGERIES["the end cut off"](usual_log(2), Thief())  # type: ignore[arg-type]


def test_the_records_of_a_log_are_copies() -> None:
    log = usual_log()
    log.records[3]["tenant"] = "changed"
    assert log == usual_log()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_the_path_of_each_record_is_a_proof_for_the_auditor(size: int) -> None:
    lines = usual_log(size).lines
    for record in range(size):
        path = proof.path_of(lines, record)
        leaf, given = auditor.leaf_of(lines[record]), [one.hash for one in path.given]
        assert auditor.is_included(record, size, leaf, given, path.root.hash)
        assert len(path.on_path) == len(given) + 1
    with pytest.raises(IndexError):
        proof.path_of(lines, size)


def test_a_changed_record_changes_the_hashes_on_its_path_and_no_other() -> None:
    log = usual_log(13)
    records = log.records
    records[5]["tenant"] = "changed"
    before, after = (proof.path_of(one, 5) for one in (log.lines, log.with_records(records).lines))
    assert proof.changed_nodes(before, after) == after.on_path
