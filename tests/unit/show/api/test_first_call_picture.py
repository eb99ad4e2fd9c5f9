"""The picture of a reader's first call says what the server saw."""

import pytest
from first_call_samples import FIRST_CALLS, USUAL, tried

from lab_kit.experiments.contracts.first_call import Attempts
from lab_kit.measure.guess import Guess
from lab_kit.show.api import first_call


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usual", "The first call succeeded after 5 min 12 s; 3 calls failed before."),
        ("at once", "The first call succeeded after 3 s; no calls failed before."),
        ("never", "No call has succeeded in 10 min 0 s; 2 calls failed."),
        ("nothing yet", "No call has succeeded in 2 s; no calls failed."),
    ],
)
def test_the_verdict_is_the_first_that_succeeded(name: str, said: str) -> None:
    assert first_call.first_call_verdict(FIRST_CALLS[name][0]).told == said


def test_without_a_start_there_is_nothing_to_tell() -> None:
    assert "was not started" in first_call.first_call_verdict(Attempts(None)).told


def test_one_that_failed_after_the_first_success_is_none_that_was_needed() -> None:
    found = tried((5.0, 401), (8.0, 200), (9.0, 400), waited_s=10.0)
    assert (found.first_s, len(found.before)) == (8.0, 1)


def test_the_table_has_every_call_up_to_a_number() -> None:
    rows = first_call.tabulate_first_call(USUAL).rows
    assert [row[2] for row in rows] == ["401", "415", "400", "200", "200"]
    many = first_call.tabulate_first_call(FIRST_CALLS["many"][0])
    assert len(many.rows) == 20
    assert many.notes == ["181 more calls are not shown."]


def test_a_guess_beyond_the_run_stands_at_the_edge() -> None:
    text = first_call.draw_first_call(*FIRST_CALLS["at once"]).render()
    assert "your guess: 30 min →" in text
    assert "seconds since the start" in text
    assert "minutes since the start" in first_call.draw_first_call(USUAL, 4.0).render()


def test_a_guess_is_of_the_first_success(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    monkeypatch.setattr(first_call, "show_drawing", lambda *_: None)
    guess = Guess("min", lambda said, came: kept.append((said, came)), 4.0)
    first_call.first_call(USUAL, guess)
    first_call.first_call(tried((1.0, 401), waited_s=2.0), guess)
    assert kept == [(4.0, 312.0 / 60)], "without a success there is nothing to compare with"
