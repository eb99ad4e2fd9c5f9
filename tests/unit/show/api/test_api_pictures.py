"""Lab 07's verdicts say what came out, whichever way it came out; still and moving are alike."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest
from api_samples import (
    CUTS,
    PLAN,
    SLOW_WAYS,
    STORMS,
    USUAL_WAYS,
    paid_by,
    storm_run,
    three,
    told,
)
from card_faults import guess_marks, texts
from hang import HANG_S

from lab_kit.measure.guess import Guess
from lab_kit.show.api import costs, deliveries, storm, storming, ways
from lab_kit.show.draw import card
from lab_kit.show.draw.verdict import Sign, Verdict

# --- one recording, three ways


def test_a_refused_request_is_told_with_what_the_operation_took() -> None:
    told_ = ways.ways_verdict(USUAL_WAYS)
    assert "4 s of speech: 0.07 s as a request, so a request will do." in told_
    assert "1,199 s of speech: refused as a request with 413; as an operation 24.0 s" in told_


def test_on_a_slow_machine_the_rule_puts_the_same_recordings_elsewhere() -> None:
    told_ = ways.ways_verdict(SLOW_WAYS)
    assert "4 s of speech: 1.3 s as a request, so either would do." in told_
    assert "59 s of speech: 14.5 s as a request, so an operation." in told_
    assert "refused" not in told_


def test_what_was_computed_is_marked_and_noted() -> None:
    table = ways.tabulate_ways(USUAL_WAYS)
    streams = [row for row in table.rows if row[1] == "stream"]
    assert [row[3].endswith("*") for row in streams] == [False, True, True]
    assert "not measured" in table.notes[-1]
    assert table.rows[6][3] == "refused"


@pytest.mark.parametrize("said_s", [0.0, 0.001, 0.5, 99_999.0])
def test_a_guess_stands_in_its_row_and_inside_the_axis(said_s: float) -> None:
    (mark,) = guess_marks(card.render(ways.draw_ways(USUAL_WAYS, said_s), Verdict("x")))
    (other,) = guess_marks(card.render(ways.draw_ways(USUAL_WAYS, 1.0), Verdict("x")))
    assert 150 <= mark[0] <= 560
    assert mark[1] == other[1]


def test_the_guess_is_held_against_the_second_recording_as_a_request() -> None:
    kept: list[object] = []
    guess = Guess("s", lambda said, came: kept.append(came), 2.0)
    ways.ways(USUAL_WAYS, guess)
    ways.ways([*three(4.0, 0.1, 0.2), *three(700.0, None, 9.0)], guess)
    assert kept == [0.9, "never"]
    ways.ways(three(4.0, 0.1, 0.2), guess)
    assert len(kept) == 2, "there is no second one"


# --- what a cut costs, and who pays


def test_what_each_way_had_to_send_again_is_told() -> None:
    assert "Operation: nothing of 18.5 s, asking by its name." in costs.cuts_verdict(CUTS)
    assert "Stream: 2.2 s of 12.0 s" in costs.cuts_verdict(CUTS)
    assert costs.cheapest(CUTS) == "operation"
    assert costs.cheapest(CUTS[::2]) == "stream"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            (2, 1, 2, 1),
            "Computed twice: request without key and operation without key. Once: request with key"
            " and operation with key.",
        ),
        ((1, 1, 1, 1), "Nothing was computed twice in this run; run it again."),
        ((2, 2, 2, 2), "Here no key helped."),
    ],
)
def test_who_paid_twice_is_told(times: tuple[float, ...], said: str) -> None:
    assert said in costs.paid_verdict(paid_by(*times))


def test_a_guess_is_held_against_the_request_without_a_key() -> None:
    kept: list[object] = []
    costs.paid(paid_by(2, 1, 2, 1), Guess("s", lambda said, came: kept.append(came), 9.0))
    assert kept == [17.3]


# --- the storm


def test_a_storm_in_which_listening_cost_nothing() -> None:
    verdict = storm.storm_verdict(STORMS)
    assert "at once 11.0, fixed delay 4.8, listening 1.8" in verdict.told
    assert "Listening sent least, and it cost no answer." in verdict.told
    assert verdict.sign is Sign.NONE


def test_a_storm_in_which_listening_cost_answers() -> None:
    verdict = storm.storm_verdict([storm_run("at once", 300, 45), storm_run("listening", 10, 38)])
    assert "Listening sent least, and 7 fewer were answered than of the best." in verdict.told


def test_a_storm_in_which_listening_did_not_send_least() -> None:
    verdict = storm.storm_verdict([storm_run("at once", 5), storm_run("listening", 30)])
    assert "Here listening did not send least: at once did." in verdict.told


def test_a_storm_that_was_none_says_how_to_make_one() -> None:
    verdict = storm.storm_verdict([storm_run("at once", 0), storm_run("listening", 0)])
    assert "Nothing was refused" in verdict.told
    assert "surge_per_s" in verdict.told
    assert verdict.sign is Sign.UNSAID


@pytest.mark.parametrize("run", [storm_run("at once", 9, cores=0.95), storm_run("x", 9, late_s=1)])
def test_a_storm_whose_generator_was_too_busy_is_void(run: storm.StormRun) -> None:
    verdict = storm.storm_verdict([run, STORMS[-1]])
    assert verdict.told.startswith("Void (")
    assert "up to 250 counts" in verdict.told
    assert verdict.sign is Sign.UNSAID


def test_without_one_answer_nothing_is_divided() -> None:
    run = storm_run("at once", 40, 0)
    assert "without end" in storm.storm_verdict([run]).told
    assert "-" in {row[1] for row in storm.tabulate_storm([run]).rows}


def test_the_moving_storm_is_the_still_one() -> None:
    names = [run.name for run in STORMS]
    screen = storming.StormScreen(PLAN, names)
    try:
        for run in STORMS:
            for attempt in run.attempts:
                screen.hearer(run.name)(attempt)
        screen.draw()
        moving = screen.plot.card
        marks = screen.plot.figure["data"]
    finally:
        screen.stop()
    still = card.render(storm.draw_storm(STORMS), storm.storm_verdict(STORMS))
    boxes = [re.findall('viewBox="[^"]*"', svg) for svg in (moving, still)]
    assert boxes[0] == boxes[1]
    words = {one for one in texts(moving) if "unning" not in one and "answered" not in one}
    assert words - set(texts(still)) == {"each panel is the same plan, and the same scale"}
    assert len(marks) == len(storm.storm_layers(PLAN, storm.seen_of(STORMS)))


@pytest.mark.parametrize("is_watched", [True, False])
async def test_a_storm_that_is_interrupted_ends_and_leaves_no_plot(
    is_watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling, ended, screens = asyncio.Event(), asyncio.Event(), []

    async def storm_for_ever(*_: object) -> None:
        calling.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    class Screen(storming.StormScreen):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.is_gone = False
            screens.append(self)

        def stop(self) -> None:
            super().stop()
            self.is_gone = True

    monkeypatch.setattr(storming, "storm", storm_for_ever)
    monkeypatch.setattr(storming, "can_click", lambda: is_watched)
    monkeypatch.setattr(storming, "StormScreen", Screen)
    server: Any = SimpleNamespace()
    cell = asyncio.ensure_future(storming.storms(server, b"", PLAN, {"at once": lambda: None}))  # type: ignore[arg-type,return-value]
    await asyncio.wait_for(calling.wait(), HANG_S)
    cell.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(cell, HANG_S)
    assert ended.is_set()
    assert [screen.is_gone for screen in screens] == [True] * is_watched


def test_a_panel_whose_run_is_yet_to_come_shows_its_plan_alone() -> None:
    seen = {"at once": STORMS[0].attempts, "listening": ()}
    assert len(storm.storm_layers(PLAN, seen)) == 1 + 4 + 1


def test_nothing_that_was_sent_is_left_out_of_the_counts() -> None:
    run = STORMS[0]
    bins = storm.per_s([one.at_s for one in run.attempts], PLAN.seconds)
    assert sum(value for _, value in bins) * storm.BIN_S == len(run.attempts)


# --- webhooks


def test_a_message_that_was_given_up_and_replayed() -> None:
    said = deliveries.deliveries_verdict(told())
    assert "8 attempts in 21.9 s, then the server gave up." in said
    assert "All had one id. Replayed, it was taken at the first attempt." in said
    assert "counts" not in said


def test_a_message_with_two_ids_or_a_replay_that_failed_or_other_counts_is_told() -> None:
    said = deliveries.deliveries_verdict(told(is_taken=False, ids=("a", "b"), counted=9))
    assert "They had 2 ids." in said
    assert "Replayed, it was not taken." in said
    assert "It counts 9" in said


def test_the_guess_counts_what_nobody_asked_for() -> None:
    kept: list[object] = []
    deliveries.deliveries(told(3, counted=3), Guess("", lambda said, came: kept.append(came), 5.0))
    assert kept == [3.0]


def test_what_the_library_refuses_is_listed() -> None:
    assert deliveries.checks_table(told()).rows == [
        ("as it came", "taken"),
        ("another body", "refused"),
    ]
