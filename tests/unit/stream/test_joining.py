import pytest

from lab_kit.stream.joining import after_cut, before_cut


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("It was the best of times.", "It was the best of times"),
        ("It was the best,", "It was the best,"),
        ("Was it?", "Was it?"),
        ("Wait...", "Wait..."),
        ("", ""),
    ],
)
def test_what_is_cut_off_ends_no_sentence(text: str, joined: str) -> None:
    assert before_cut(text) == joined


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("It was the worst.", "it was the worst."),
        ("It's late.", "it's late."),
        ("The", "the"),
        ("But, London", "but, London"),
        ("London was.", "London was."),
        ("I was.", "I was."),
        ("I'm here.", "I'm here."),
        ("Mary", "Mary"),
        ("", ""),
    ],
)
def test_what_goes_on_begins_no_sentence(text: str, joined: str) -> None:
    assert after_cut(text) == joined
