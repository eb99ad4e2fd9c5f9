"""The gate's picture says what the gate says, on the same figures."""

import pytest
from card_faults import texts
from gate_samples import GATES, group

from lab_kit.measure.guess import Guess
from lab_kit.measure.version_gate import ALL, Gate, decide, points
from lab_kit.show.api import gate
from lab_kit.show.draw import card
from lab_kit.show.draw.display import picture_bundle
from lab_kit.show.draw.verdict import Sign, Verdict


def told(name: str) -> Verdict:
    found, allowance = GATES[name]
    return gate.gate_verdict(decide(found, allowance))


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        (
            "ship",
            Sign.INSIDE,
            "Ship: all +0.1 word errors in 100 (-0.3 to +0.5, 95 % interval): all of it",
        ),
        (
            "hold",
            Sign.OVER,
            "Hold: all +5.2 word errors in 100 (+2.2 to +8.2, 95 % interval): all of it",
        ),
        (
            "ask",
            Sign.UNSAID,
            "Ask: all +0.9 word errors in 100 (-0.6 to +2.4, 95 % interval): +1.0 lies",
        ),
        ("group asks", Sign.UNSAID, "Ask: inside over all, but synthesized voice +3.0"),
        (
            "few",
            Sign.UNSAID,
            "Ask: all +50.0 word errors in 100, on 3 clips; an interval takes 8 clips.",
        ),
        (
            "same",
            Sign.INSIDE,
            "Ship: no clip of 31 got other errors, though 10 % of all still may.",
        ),
        ("better", Sign.INSIDE, "Ship: all -20.0 word errors in 100 (-25.0 to -15.0"),
    ],
)
def test_the_verdict_is_the_gates(name: str, sign: Sign, said: str) -> None:
    verdict = told(name)
    assert verdict.sign is sign
    assert verdict.told.startswith(said)


def test_how_many_clips_more_would_decide_is_told_and_when_none_would() -> None:
    assert "clips more would decide." in told("group asks").told
    assert "more clips will hardly decide" in told("near").told
    assert "decide" not in told("ship").told + told("hold").told


@pytest.mark.parametrize("name", GATES)
def test_each_group_has_its_row_and_the_allowance_its_line(name: str) -> None:
    found, allowance = GATES[name]
    drawing = gate.draw_gate(found, allowance)
    words = texts(card.render(drawing, told(name)))
    for one in found:
        assert f"{100 * one.old:.1f} → {100 * one.new:.1f}" in words
    assert any(f"allowed {points(allowance)}" in word for word in words)
    assert "300 ms" not in picture_bundle(drawing, told(name))["text/html"]
    table = gate.tabulate_gate(found)
    assert [row[0] for row in table.rows] == [one.group for one in found]


def test_a_group_without_an_interval_is_hollow_and_says_why() -> None:
    found, allowance = GATES["few"]
    drawing = gate.draw_gate(found, allowance)
    assert "○ fewer than 8 clips, no interval" in drawing.notes
    assert gate.tabulate_gate(found).rows[0][-2:] == ("-", "-")
    whole = gate.draw_gate([group(ALL, 0.0)], 0.01)
    assert not any("○" in note for note in whole.notes)


def test_a_guess_is_held_against_what_the_gate_says() -> None:
    kept: list[object] = []
    for name in ("ship", "hold", "ask"):
        gate.gate(*GATES[name], Guess("", lambda said, came: kept.append((said, came)), "hold"))
    assert kept == [("hold", one.value) for one in (Gate.SHIP, Gate.HOLD, Gate.ASK)]
    with pytest.raises(ValueError, match="nothing was compared"):
        gate.draw_gate([], 0.01)
    with pytest.raises(ValueError, match="nothing was compared"):
        gate.gate([], 0.01)
