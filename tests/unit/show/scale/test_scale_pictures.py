"""Lab 14's verdicts say what came out, whichever way it came out."""

import pytest
from card_faults import guess_marks, texts
from scale_figures import DAYS, JUDGED, PLACED, POLICIES, STARTS

from lab_kit.measure.guess import Guess
from lab_kit.show.draw import card
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.scale import days, placing, predictions, regions


@pytest.mark.parametrize(
    ("name", "sign"), [("usual", Sign.INSIDE), ("too few", Sign.OVER), ("many calls", Sign.INSIDE)]
)
def test_a_day_is_held_to_its_objective(name: str, sign: Sign) -> None:
    verdict = days.day_verdict(DAYS[name])
    assert verdict.sign is sign
    assert "USD" in verdict.told


@pytest.mark.parametrize(
    ("name", "from_hour", "sign", "said"),
    [
        ("usual", 3.0, Sign.INSIDE, "Everybody was served in the region"),
        ("usual", 24.0, Sign.UNSAID, "Nobody called"),
        ("lost, full elsewhere", 14.0, Sign.OVER, "as pinned to their zone"),
        ("too few", 13.0, Sign.OVER, "None of"),
    ],
)
def test_who_serves_whose_callers_is_said(
    name: str, from_hour: float, sign: Sign, said: str
) -> None:
    verdict = regions.regions_verdict(DAYS[name], from_hour)
    assert verdict.sign is sign
    assert said in verdict.told


def test_a_regions_callers_add_up() -> None:
    day = DAYS["lost, far"]
    table = regions.tabulate_regions(day, 14.0)
    away = [int(row[4].replace(",", "")) for row in table.rows]
    taken = [int(row[5].replace(",", "")) for row in table.rows]
    assert sum(away) == sum(taken) > 0
    assert {row[0]: row[3] for row in table.rows}["West Europe"] == "lost"


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("usual", Sign.INSIDE, "is the cheapest that refuses at most 0.1 %"),
        ("none keeps", Sign.OVER, "Every policy refused more"),
    ],
)
def test_the_cheapest_that_keeps_the_objective_is_named(name: str, sign: Sign, said: str) -> None:
    verdict = days.policies_verdict(POLICIES[name])
    assert verdict.sign is sign
    assert said in verdict.told


def test_who_stands_slow_starts_is_named() -> None:
    assert "are stood by" in days.starts_verdict(STARTS).told
    bold = {name: one for name, one in STARTS.items() if "boldly" in name}
    assert days.starts_verdict(bold).sign is Sign.OVER


def test_who_refuses_most_is_named_and_a_calm_run_says_so() -> None:
    told = placing.placements_verdict(PLACED["usual"], 12).told
    assert "hash" in told
    assert "on a late server" in told
    assert placing.placements_verdict(PLACED["calm"], 12).sign is Sign.UNSAID
    assert "late server" not in placing.placements_verdict(PLACED["usual"], 40).told


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("holds", Sign.INSIDE, "PASS"),
        ("fails", Sign.OVER, "figures failed"),
        ("noisy", Sign.UNSAID, "Others took up to 40%"),
        ("far off", Sign.OVER, "3 of 5 figures failed"),
    ],
)
def test_a_prediction_is_said_to_hold_or_not(name: str, sign: Sign, said: str) -> None:
    verdict = predictions.prediction_verdict(JUDGED[name][1])
    assert verdict.sign is sign
    assert said in verdict.told


def test_each_number_of_streams_has_its_predicted_mark() -> None:
    said, judged = JUDGED["fails"]
    svg = card.render(predictions.draw_prediction(said, judged), Verdict("told"))
    assert len(guess_marks(svg)) == 3
    assert any("at 61 streams" in text for text in texts(svg))


def test_pictures_are_shown_with_their_guess(capsys: pytest.CaptureFixture[str]) -> None:
    days.day(DAYS["usual"], Guess("%", value=3.0))
    regions.regions(DAYS["lost"], 14.0, guess=Guess("%", value=50.0))
    days.policies(POLICIES["usual"], Guess(value="steps"))
    days.starts(STARTS, Guess("%", value=2.0))
    placing.placements(PLACED["usual"], 12, Guess(value="hash"))
    shown = capsys.readouterr().out
    assert shown.count("You said") == 5
    assert "You said hash, and so it was." in shown
