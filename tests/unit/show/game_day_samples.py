"""Scores of game days: a good one, one that nobody worked, one that lost much, and none."""

from lab_kit.experiments.game_day import Fault, Score


def _score(fault: Fault, *times_s: float | None, lost: int = 0, away: int = 0) -> Score:
    detect_s, contain_s, resolve_s = times_s
    return Score(fault, detect_s, contain_s, resolve_s, lost, away, 0, 0.0, 0.01, 0)


SCORES: dict[str, list[Score]] = {
    "good": [_score(fault, 3.0 + n, 6.5 + n, 9.0 + n, lost=n) for n, fault in enumerate(Fault)],
    "nobody": [_score(fault, None, None, None, lost=4, away=38) for fault in Fault],
    "much": [
        _score(Fault.STARTS, 2.0, 380.5, None, lost=1_204, away=1_234_567),
        _score(Fault.CASCADE, 0.4, 0.5, 0.5),
    ],
    "one": [_score(Fault.DRIFT, 14.9, 19.1, 19.1)],
}
