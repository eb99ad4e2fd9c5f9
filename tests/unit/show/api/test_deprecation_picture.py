"""The picture of a route's last days says what its calls say."""

import pytest
from deprecation_samples import DAYS, DEPRECATIONS, USUAL, lived

from lab_kit.experiments.contracts.deprecation import Notices
from lab_kit.measure.guess import Guess
from lab_kit.show.api import deprecation
from lab_kit.show.draw.verdict import Sign


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        (
            "usual",
            Sign.OVER,
            "6 of 9 clients moved before the sunset; 33 calls refused, 12 of them with 410.",
        ),
        ("all early", Sign.INSIDE, "6 of 6 clients moved before the sunset; no call was refused."),
        (
            "one",
            Sign.OVER,
            "0 of 1 client moved before the sunset; 8 calls refused, 3 of them with 410.",
        ),
    ],
)
def test_the_verdict_counts_clients_and_refusals(name: str, sign: Sign, said: str) -> None:
    verdict = deprecation.deprecation_verdict(DEPRECATIONS[name])
    assert (verdict.sign, verdict.told) == (sign, said)
    assert len(verdict.told) <= 95


def test_brown_outs_alone_are_no_reason_to_worry() -> None:
    verdict = deprecation.deprecation_verdict(lived({Notices.BROWN_OUT: [6.2]}))
    assert verdict.sign is Sign.INSIDE
    assert verdict.told.endswith("2 calls refused, 0 of them with 410.")


def test_the_table_has_each_client_with_both_counts() -> None:
    table = deprecation.tabulate_deprecation(USUAL)
    assert [row[0] for row in table.rows][:4] == [
        "1 reads the headers",
        "2 reads the headers",
        "3 reads the headers",
        "4 sees a brown-out",
    ]
    for number, row in enumerate(table.rows):
        answered, refused, new, counted, counted_refused = map(int, row[2:])
        assert (answered + refused, refused) == (counted, counted_refused)
        assert answered + refused + new == sum(one.client == number for one in USUAL.asked)
    assert table.rows[-1][1] == "never"


def test_the_picture_names_what_happened_when() -> None:
    text = deprecation.draw_deprecation(USUAL).render()
    for name in ("announced", "first brown-out", "second", "sunset: gone", "v1", "v2"):
        assert f">{name}<" in text
    assert "reads the headers: 3" in text
    drawn = text.count("answered</title>")
    bins = {
        (int(one.at_s / deprecation.BIN_S), one.is_old) for one in USUAL.asked if not one.reason
    }
    assert drawn == len(bins)


def test_it_stays_small_with_the_most_clients() -> None:
    assert len(deprecation.draw_deprecation(DEPRECATIONS["nobody"]).render().encode()) < 20_000


def test_a_guess_is_of_the_calls_that_were_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, kept = [], []
    monkeypatch.setattr(deprecation, "show_drawing", lambda *drawn: shown.append(drawn))
    guess = Guess("", lambda said, came: kept.append((said, came)), 50.0)
    deprecation.deprecation(USUAL, guess)
    assert kept == [(50.0, float(len(USUAL.refused)))]
    assert shown[0][2].guess
    assert DAYS.sunset_s == USUAL.days.sunset_s
