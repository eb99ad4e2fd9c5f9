"""A conversation in order, bounded, and cut to what fits."""

from lab_kit.core.replies import Role, Said
from lab_kit.voice.history import MOST_ITEMS, History, Remembered


def user(text: str) -> Said:
    return Said(Role.USER, text)


def length(said: Said) -> int:
    return len(said.text)


def test_items_stand_where_they_were_put() -> None:
    history = History()
    for name in "abd":
        history.add(name, user(name))
    history.add("c", user("c"), after="b")
    history.add("a", user("A"))
    history.remove("d")
    assert [one.text for one in history.said("Be brief.")] == ["Be brief.", "A", "b", "c"]
    assert history.last == "c"


def test_an_empty_item_is_nothing_that_was_said() -> None:
    history = History()
    history.add("a", user(""))
    assert history.said() == []


def test_what_was_said_longest_ago_is_forgotten() -> None:
    history = History()
    for number in range(MOST_ITEMS + 5):
        history.add(str(number), user(str(number)))
    assert len(history.said()) == MOST_ITEMS
    assert history.get("4") is None


def test_a_model_takes_what_fits_behind_the_instructions() -> None:
    said = [Said(Role.SYSTEM, "12345"), user("1234"), user("123"), user("12")]
    assert Remembered(20, length).of(said) == said
    assert Remembered(13, length).of(said) == [said[0], said[3]]
    assert Remembered(1, length).of(said) == [said[0], said[-1]]


def test_what_is_forgotten_stays_forgotten_and_the_rest_stays_until_it_is_too_much() -> None:
    said = [user("1234"), user("123"), user("12")]
    remembered = Remembered(8, length)
    assert remembered.of(said) == said[2:]
    said += [user("123"), user("12")]
    assert remembered.of(said) == said[2:]
    said += [user("1")]
    assert remembered.of(said) == said[2:]
    said += [user("1")]
    assert remembered.of(said) == said[4:]
