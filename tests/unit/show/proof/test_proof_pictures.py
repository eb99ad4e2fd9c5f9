"""The tree over a log's records: what is told of it, and which hashes are marked as changed."""

from typing import Any

import pytest
from made_log import usual_log
from proof_samples import PATHS

from lab_kit.experiments.proof import changed_nodes, path_of
from lab_kit.measure.guess import Guess
from lab_kit.show.proof import tree


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("one record", "0 hashes and the record itself give the root of 1"),
        ("thirteen", "4 hashes and the record itself give the root of 13"),
        ("the last alone", "1 hash and the record itself give the root of 9"),
    ],
)
def test_how_many_hashes_an_auditor_is_given_is_counted(name: str, told: str) -> None:
    verdict = tree.tree_verdict(PATHS[name])
    assert verdict.told.startswith(told)
    assert "a million records it takes 20" in verdict.told


def test_what_changes_is_told_of_the_run() -> None:
    log = usual_log(13)
    records = log.records
    records[5]["tenant"] = "changed"
    before, after = (path_of(one, 5) for one in (log.lines, log.with_records(records).lines))
    told = tree.changed_verdict(after, changed_nodes(before, after)).told
    assert told == "1 of 13 records are others, and 4 hashes above them, the root too."
    assert "not changed" in tree.changed_verdict(before, ()).told


def test_a_guess_is_held_against_the_hashes_for_a_million(monkeypatch: Any) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(tree, "show_drawing", lambda *parts: shown.append(parts))
    kept: list[object] = []
    log = usual_log(40)
    tree.proof_tree(log, 5, size=40, guess=Guess("", lambda _, came: kept.append(came), 30.0))
    records = log.records
    records[5]["tenant"] = "changed"
    tree.changed_tree(log, log.with_records(records), 5)
    assert kept == [20.0]
    assert len(shown[0][1].rows) == 5 + 4
    assert [row[0] for row in shown[1][1].rows][-1] == "0 to 12"
    assert all(row[1] != row[2] for row in shown[1][1].rows)
    with pytest.raises(IndexError):
        tree.proof_tree(log, 16)
