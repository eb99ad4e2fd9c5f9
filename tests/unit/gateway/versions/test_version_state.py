"""The pure part: which move follows which, and whose turn it is."""

from itertools import product

import pytest

from lab_kit.core.errors import VersionConflict
from lab_kit.gateway.versions.state import CanaryTurns, VersionProgress
from lab_kit.protocol.versions import VersionState

LEGAL = {
    (VersionState.UNLOADED, VersionState.LOADING),
    (VersionState.LOADING, VersionState.READY),
    (VersionState.LOADING, VersionState.FAILED),
    (VersionState.READY, VersionState.DRAINING),
    (VersionState.READY, VersionState.FAILED),
    (VersionState.DRAINING, VersionState.UNLOADED),
    (VersionState.FAILED, VersionState.LOADING),
    (VersionState.FAILED, VersionState.UNLOADED),
}


@pytest.mark.parametrize(("before", "after"), list(product(VersionState, VersionState)))
def test_only_these_moves_are_possible(before: VersionState, after: VersionState) -> None:
    progress = VersionProgress(3, before)
    if (before, after) in LEGAL:
        progress.move(after)
        assert progress.state is after
    else:
        with pytest.raises(VersionConflict, match=f"version 3 is {before} and cannot") as refused:
            progress.move(after)
        assert refused.value.http_status == 409
        assert progress.state is before


def test_a_reason_lasts_until_the_next_move() -> None:
    progress = VersionProgress(1, VersionState.LOADING)
    progress.move(VersionState.FAILED, "the file is damaged")
    assert progress.reason == "the file is damaged"
    progress.move(VersionState.LOADING)
    assert progress.reason == ""


def test_drained_is_who_was_told_to_go_and_has_nobody_left() -> None:
    assert VersionProgress(1, VersionState.DRAINING).is_drained
    assert not VersionProgress(1, VersionState.DRAINING, in_flight=1).is_drained
    assert not VersionProgress(1, VersionState.READY).is_drained


@pytest.mark.parametrize(
    ("share", "asked", "expected"),
    [(0.1, 20, 2), (0.5, 4, 2), (1.0, 7, 7), (0.3, 10, 3), (0.29, 100, 29), (0.001, 1000, 1)],
)
def test_the_canary_gets_its_share_of_streams_exactly(
    share: float, asked: int, expected: int
) -> None:
    turns = CanaryTurns(share)
    assert sum(turns.next() for _ in range(asked)) == expected


@pytest.mark.parametrize("share", [0.05, 0.1, 1 / 3, 0.62])
def test_the_canarys_turns_are_spread_evenly(share: float) -> None:
    turns = CanaryTurns(share)
    given = 0
    for asked in range(1, 500):
        given += turns.next()
        assert abs(given - asked * share) <= 1
