"""Whose turn it is: what begins an answer, what throws it away, what lets it be heard."""

import pytest

from lab_kit.core.replies import AlreadyAnswering
from lab_kit.voice.turns import (
    Drop,
    Interrupt,
    Read,
    Release,
    State,
    Think,
    Turns,
)


def test_the_model_reads_along_all_but_the_last_word() -> None:
    turns = Turns()
    assert turns.heard("What is") == [Read("What")]
    assert turns.heard("What") == []
    assert turns.state is State.LISTENING


def test_a_pause_begins_an_answer_and_the_end_of_the_turn_lets_it_be_heard() -> None:
    turns = Turns()
    assert turns.paused("What is new?") == [Think(1, "What is new?", is_ahead=True)]
    assert turns.state is State.THINKING
    assert turns.said("what is new", is_over=True) == [Release(1, dropped=0)]
    assert turns.state is State.SPEAKING
    turns.over(1)
    assert turns.state is State.LISTENING


def test_who_goes_on_costs_an_answer_that_nobody_heard() -> None:
    turns = Turns()
    turns.paused("What is")
    assert turns.resumed() == [Drop(1)]
    assert turns.paused("What is new?") == [Think(2, "What is new?", is_ahead=True)]
    assert turns.said("What is new?", is_over=True) == [Release(2, dropped=1)]


def test_other_words_at_the_end_than_at_the_pause_are_answered_afresh() -> None:
    turns = Turns()
    turns.paused("Ten of clubs")
    acts = turns.said("Ten of hearts", is_over=True)
    assert acts == [Drop(1), Think(2, "Ten of hearts", is_ahead=False), Release(2, dropped=1)]


def test_a_turn_without_a_pause_is_answered_at_its_end() -> None:
    turns = Turns()
    assert turns.said("Stop.", is_over=True) == [Think(1, "Stop.", False), Release(1, 0)]


def test_a_long_turn_is_one_though_it_was_cut() -> None:
    turns = Turns()
    turns.said("It was the best of times,", is_over=False)
    assert turns.heard("it was the") == [Read("It was the best of times, it was")]
    acts = turns.paused("it was the worst.")
    assert acts == [Think(1, "It was the best of times, it was the worst.", is_ahead=True)]
    turns.said("it was the worst.", is_over=True)
    turns.over(1)
    assert turns.paused("Next.") == [Think(2, "Next.", is_ahead=True)]


def test_a_cut_throws_away_what_was_begun_at_the_pause_before() -> None:
    turns = Turns()
    turns.paused("It was the best")
    assert turns.said("It was the best", is_over=False) == [Drop(1)]


def test_nothing_said_is_not_answered() -> None:
    turns = Turns()
    assert turns.said("", is_over=True) == []
    assert turns.paused("") == []


def test_a_caller_who_breaks_in_stops_the_answer() -> None:
    turns = Turns()
    turns.said("Tell me a story.", is_over=True)
    assert turns.spoke() == [Interrupt(1)]
    assert turns.state is State.LISTENING
    assert turns.paused("Stop it.") == [Think(2, "Stop it.", is_ahead=True)]


def test_whoever_speaks_before_the_answer_stops_nothing() -> None:
    assert Turns().spoke() == []


def test_an_answer_that_does_not_yield_goes_on_and_the_caller_is_not_answered() -> None:
    turns = Turns(yields=False)
    turns.said("Tell me a story.", is_over=True)
    assert turns.spoke() == []
    assert turns.paused("Stop it.") == []
    assert turns.said("Stop it.", is_over=True) == []


def test_without_being_asked_nothing_is_answered_where_turns_are_not() -> None:
    turns = Turns(answers=False)
    assert turns.heard("What is new") == []
    assert turns.paused("What is new?") == []
    assert turns.said("What is new?", is_over=True) == []
    assert turns.asked() == [Think(1, None, is_ahead=False), Release(1, 0)]


def test_one_answer_at_a_time() -> None:
    turns = Turns()
    turns.asked()
    with pytest.raises(AlreadyAnswering, match="one at a time"):
        turns.asked()
    assert turns.stopped() == [Interrupt(1)]
    assert turns.stopped() == []


def test_the_end_of_an_answer_that_was_stopped_changes_nothing() -> None:
    turns = Turns()
    turns.asked()
    turns.stopped()
    turns.asked()
    turns.over(1)
    assert turns.state is State.SPEAKING
