"""Guesses from pairs of tokens: what was learnt is proposed, nothing else is."""

from lab_kit.engine.drafting import NgramDraft


def test_what_followed_a_pair_last_time_is_proposed() -> None:
    drafter = NgramDraft()
    drafter.learn([1, 2, 3, 4, 5])
    assert drafter.propose([9, 1, 2], room=10) == (3, 4, 5)


def test_a_draft_is_no_longer_than_there_is_room() -> None:
    drafter = NgramDraft(most=3)
    drafter.learn([1, 2, 3, 4, 5, 6, 7])
    assert drafter.propose([1, 2], room=10) == (3, 4, 5)
    assert drafter.propose([1, 2], room=1) == (3,)
    assert drafter.propose([1, 2], room=0) == ()


def test_the_newest_wins() -> None:
    drafter = NgramDraft()
    drafter.learn([1, 2, 3])
    drafter.learn([1, 2, 8])
    assert drafter.propose([1, 2], room=1) == (8,)


def test_of_the_unknown_nothing_is_proposed() -> None:
    drafter = NgramDraft()
    drafter.learn([1, 2])
    assert drafter.propose([1, 2], room=4) == ()
    assert drafter.propose([1], room=4) == ()
