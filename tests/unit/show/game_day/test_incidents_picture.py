"""What the picture of a game day says."""

import pytest
from game_day_samples import SCORES

from lab_kit.show.draw.verdict import Sign
from lab_kit.show.game_day.incidents import draw_incidents, incidents_verdict


@pytest.mark.parametrize(
    ("name", "sign", "words"),
    [
        ("good", Sign.INSIDE, "6 of 6 incidents were contained and mended."),
        ("nobody", Sign.OVER, "24 calls were cut, and 228 attempts turned away"),
        ("much", Sign.OVER, "1 of 2 incidents were contained and mended. The slowest"),
    ],
)
def test_it_says_what_was_ended_and_what_was_lost(name: str, sign: Sign, words: str) -> None:
    told = incidents_verdict(SCORES[name])
    assert told.sign is sign
    assert words in told.told


def test_without_an_incident_there_is_nothing_to_say() -> None:
    assert incidents_verdict([]).sign is Sign.UNSAID


def test_what_never_happened_is_drawn_as_that() -> None:
    assert draw_incidents(SCORES["nobody"]).render().count("never") == 18
