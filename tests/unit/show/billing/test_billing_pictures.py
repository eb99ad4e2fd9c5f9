"""Lab 13's verdicts say what came out, whichever way it came out."""

from dataclasses import replace

import pytest
from billing_samples import BIDS, KILLED, MARGINS, STREAMS, UNFOLDED

from lab_kit.measure.guess import Guess
from lab_kit.show.billing import invoice, kill_moving, killing, margins, prices, stream_events
from lab_kit.show.draw.verdict import Sign


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("usual", Sign.INSIDE, "5 events bill 8,650,000 µs; the caller was told 8,650,000: no"),
        ("usual", Sign.INSIDE, "0.9 ms at the median"),
        ("apart", Sign.OVER, "1,000,000 µs apart"),
        ("written after", Sign.OVER, "but made after its message was read: 1."),
        ("nothing told", Sign.UNSAID, "No message told of more sound."),
    ],
)
def test_events_are_held_against_what_was_told(name: str, sign: Sign, said: str) -> None:
    verdict = stream_events.events_verdict(STREAMS[name])
    assert verdict.sign is sign
    assert said in verdict.told


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("usual", Sign.INSIDE, "0 µs missing of"),
        ("written and not told", Sign.INSIDE, "3,700,000 µs of 2 streams were written"),
        ("something missing", Sign.OVER, "1 µs missing of"),
        ("too much beyond", Sign.OVER, "99 streams"),
        ("nobody told", Sign.UNSAID, "Nobody was told of any sound"),
    ],
)
def test_what_is_missing_and_what_was_not_told_is_said(name: str, sign: Sign, said: str) -> None:
    verdict = killing.killing_verdict(KILLED[name])
    assert verdict.sign is sign
    assert said in verdict.told


def test_each_fault_has_its_row_and_so_has_the_end() -> None:
    rows = killing.tabulate_killing(KILLED["usual"]).rows
    assert [row[0] for row in rows][-3:] == ["nobody ships", "server killed", "all shipped"]
    assert rows[2][3:5] == ("120", "3")


def test_what_is_on_its_way_is_said_while_it_moves() -> None:
    assert "s on their way" in kill_moving.running_verdict(KILLED["usual"].moments).told
    assert "begin" in kill_moving.running_verdict([]).told


def test_an_invoice_is_the_sum_of_what_is_behind_it() -> None:
    usual = UNFOLDED["usual"]
    verdict = invoice.invoice_verdict(usual)
    assert verdict.sign is Sign.INSIDE
    assert "3 requests make 22 of the line's 22 priced seconds" in verdict.told
    short = replace(usual, events=usual.events[1:])
    assert invoice.invoice_verdict(short).sign is Sign.OVER
    lost = replace(usual, requests=usual.requests[:-1])
    assert invoice.invoice_verdict(lost).sign is Sign.OVER
    assert len(invoice.tabulate_events(usual).rows) == len(usual.events)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usual", "OpenAI would be"),
        ("short", "Amazon prices most beyond what was used"),
        ("nobody rounds", "None prices more than was used."),
        ("free", "b would be inf times a."),
    ],
)
def test_schemes_are_compared(name: str, said: str) -> None:
    assert said in prices.schemes_verdict(BIDS[name]).told


def test_the_length_at_which_a_minimum_adds_36_percent_is_computed() -> None:
    assert "36 % more for a stream of 11.03 s" in prices.minimum_verdict(0.36).told


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("usual", Sign.OVER, "kiosk costs more than it brings, with the machine busy 30 %"),
        ("busy", Sign.INSIDE, "Nobody costs more than they bring"),
        ("idle", Sign.OVER, "cost more than they bring, with the machine busy 1 %"),
    ],
)
def test_who_loses_money_is_told(name: str, sign: Sign, said: str) -> None:
    verdict = margins.margins_verdict(MARGINS[name])
    assert verdict.sign is sign
    assert said in verdict.told


def test_pictures_of_a_bill_are_shown_with_their_guess(capsys: pytest.CaptureFixture[str]) -> None:
    stream_events.stream_events(STREAMS["usual"], Guess(value=12.0))
    prices.schemes(BIDS["usual"], guess=Guess(value=3.0))
    prices.minimum()
    margins.margins(MARGINS["usual"], Guess(value="kiosk"))
    invoice.invoice(UNFOLDED["usual"])
    shown = capsys.readouterr().out
    assert "You said 12; it was 5" in shown
    assert "You said kiosk, and so it was." in shown
