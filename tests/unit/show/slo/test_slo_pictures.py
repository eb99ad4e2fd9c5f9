"""Lab 12's verdicts say what came out, whichever way it came out."""

import math
from dataclasses import replace

import pytest
from slo_samples import BOTH, OMISSIONS, PLAN, WATCHED

from lab_kit.experiments.objectives import readings
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.verdict import Sign
from lab_kit.show.slo import burn_moving, burning, ends, omitted, panels
from lab_kit.slo.burn import Severity
from lab_kit.slo.terms import Sample


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("usual", Sign.INSIDE, "Prometheus paged 0.5 s later. The blip paged nobody."),
        ("usual", Sign.INSIDE, "36 of 36 turns were late; the server counted 0 bad of"),
        (
            "without Prometheus",
            Sign.INSIDE,
            "No Prometheus is on this machine (docs/objectives.md)",
        ),
        ("nobody paged", Sign.UNSAID, "Nobody was paged: too few finals were late."),
        ("paged too soon", Sign.OVER, "before anything was made slow for long"),
        ("never", Sign.INSIDE, "of a month's budget is gone."),
        ("void", Sign.UNSAID, "Void: the generator"),
    ],
)
def test_who_was_paged_when_and_of_what_not_is_told(name: str, sign: Sign, said: str) -> None:
    verdict = burning.burn_verdict(WATCHED[name])
    assert verdict.sign is sign
    assert said in verdict.told


def test_seconds_of_the_run_are_told_as_minutes_of_life() -> None:
    run = WATCHED["usual"]
    waited_s = burning.waited_for_page_s(run)
    assert 0 < waited_s < PLAN.slow_s
    assert f"{waited_s * 120 / 60:.0f} minutes in real time" in burning.burn_verdict(run).told
    assert burning.waited_for_page_s(WATCHED["nobody paged"]) == math.inf


def test_each_incident_has_its_row() -> None:
    rows = burning.tabulate_burning(WATCHED["usual"]).rows
    assert [row[0] for row in rows] == ["blip", "slow server", "slow network"]
    assert [row[-1] for row in rows] == ["no", "yes", "no"]


def test_the_worst_moment_of_the_dashboard_is_told() -> None:
    run = WATCHED["usual"]
    told = panels.panels_verdict(run).told
    within = dict(readings.shares_within(run.readings, 0.8))
    worst = min(within.values())
    assert f"{worst:.0%}".replace("%", " %") in told
    assert "At most 6 were open at once, and 5 when somebody looked." in told
    at_s = min(within, key=lambda one: within[one])
    assert PLAN.slow.from_s < at_s < PLAN.slow.until_s + readings.OVER_S
    quiet = panels.panels_verdict(replace(run, readings=run.readings[:1]))
    assert quiet.sign is Sign.UNSAID
    assert [row[0] for row in panels.tabulate_panels(run).rows][:2] == [
        "finals at the server, %: within 0.3 s",
        "finals at the server, %: within 0.8 s",
    ]


def test_a_reading_adds_up_versions() -> None:
    name = "lab_final_delay_seconds_bucket"
    both = [Sample(name, {"le": "+Inf", "version": one}, 2.0) for one in "12"]
    assert readings.reading(1.0, both).finals == {math.inf: 4.0}


def test_who_is_told_is_said_while_it_burns() -> None:
    moments = WATCHED["usual"].moments
    assert "begin" in burn_moving.running_verdict([]).told
    assert "finals bad so far" in burn_moving.running_verdict(moments).told
    paged = next(at for at, one in enumerate(moments, 1) if Severity.PAGE in one.told)
    assert "A page is out." in burn_moving.running_verdict(moments[:paged]).told
    assert "Nobody is told." in burn_moving.running_verdict(moments[:10]).told


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("usual", Sign.OVER, "p95 350 ms at the callers, about 390 ms by the server's histogram"),
        ("refused", Sign.OVER, "p95 never at the callers"),
        ("nothing counted", Sign.UNSAID, "No final was counted at both ends"),
        ("void", Sign.UNSAID, "Void"),
        ("far beyond", Sign.OVER, "about 10,000 ms"),
    ],
)
def test_both_ends_are_told(name: str, sign: Sign, said: str) -> None:
    verdict = ends.ends_verdict(BOTH[name])
    assert verdict.sign is sign
    assert said in verdict.told


def test_who_was_refused_counts_at_both_ends() -> None:
    rows = {one.name: one for one in BOTH["refused"].rows}
    assert (rows["availability"].client, rows["availability"].server) == (0.5, 0.5)
    assert rows["finals within 0.3 s"].client == 0.25, "four turns were offered, one was in time"
    assert rows["finals within 0.3 s"].server == 0.5, "two finals were told, one in time"
    assert rows["canary turns right"].server is None
    assert "never" in BOTH["refused"].table.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usual", "p95 40 ms from the send, 1,680 ms from when each was due. 10 of 50 requests"),
        ("nothing omitted", "p95 10 ms from the send, 10 ms from when each was due. 0 of 20"),
    ],
)
def test_what_was_left_out_is_told(name: str, said: str) -> None:
    assert said in omitted.omission_verdict(OMISSIONS[name]).told
    assert len(omitted.tabulate_omission(OMISSIONS[name]).rows) == 4


def test_pictures_are_shown_with_their_guess(capsys: pytest.CaptureFixture[str]) -> None:
    ends.both_ends(BOTH["usual"], Guess("ms", value=300.0))
    omitted.omission(OMISSIONS["usual"], Guess("ms", value=300.0))
    assert "You said 300 ms; it was 350 ms" in capsys.readouterr().out
