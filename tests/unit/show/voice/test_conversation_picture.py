"""A conversation drawn: what the verdict says, and what the table holds of every turn."""

import pytest
from voice_samples import LATE_STEPS, held, turn

from lab_kit.measure.talk import middle_turn, turn_stages
from lab_kit.show.draw.verdict import Sign
from lab_kit.show.voice import conversation


def test_the_verdict_of_a_turn_says_what_of_the_silence_was_waiting() -> None:
    one = held(turn(254))
    drawn = turn_stages(one.turns[0], one)
    assert drawn is not None
    verdict = conversation.turn_verdict(drawn)
    assert verdict.sign is Sign.INSIDE
    assert verdict.told.startswith("254 ms of silence in this turn, 46 ms inside the limit. 200 ms")


def test_what_ran_ahead_is_striped_and_what_was_waited_for_is_not() -> None:
    quick, slow = held(turn(254)), held(turn(1_040, steps_ms=LATE_STEPS))
    for one, parts in ((quick, (3, 3)), (slow, (1, 6))):
        drawn = turn_stages(one.turns[0], one)
        assert drawn is not None
        svg = conversation.draw_turn(one, one.turns[0], drawn).render()
        assert (svg.count("url(#"), svg.count("<title>")) >= parts[:1]
        assert svg.count("url(#") == parts[0]


def test_the_verdict_of_all_counts_what_never_came_and_what_was_thrown_away() -> None:
    verdict = conversation.silences_verdict(held(turn(250), turn(400), turn(None)))
    assert verdict.sign is Sign.OVER
    assert verdict.told.startswith("1 of 3 answers came within 300 ms")
    assert "Of 9 answers begun at a pause 4 were thrown away (44 %)." in verdict.told


def test_the_table_has_a_line_for_every_turn() -> None:
    table = conversation.tabulate(held(turn(254), turn(None)))
    assert [row[1] for row in table.rows] == ["254", "never"]
    assert table.rows[0][2:7] == ("60", "80", "170", "190", "200")


def test_the_turn_in_the_middle_is_one_that_was_answered() -> None:
    turns = [turn(900), turn(None), turn(100), turn(300)]
    assert middle_turn(turns) is turns[3]
    assert middle_turn([turn(None)]) is None
    with pytest.raises(ValueError, match="no turn was answered"):
        conversation.conversation(held(turn(None)))
