"""Which words of an answer were heard before somebody broke in."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from lab_kit.core.events import TimedWord


def heard_words(text: str, recognized: Sequence[TimedWord], until_s: float) -> str:
    """The beginning of ``text`` that had sounded.

    A word was heard if its middle was. A recognizer wrote down the text's own sound, so most words
    are the same; one that it wrote otherwise lies between its neighbours.

    Args:
        recognized: the words of its sound, with their times.
        until_s: how much of its sound was played.
    """
    words = text.split()
    bare, known = [_bare(word) for word in words], [_bare(word.text) for word in recognized]
    ends_s: list[float | None] = [None] * len(words)
    alike = SequenceMatcher(a=bare, b=known, autojunk=False)
    for first, begin, count in alike.get_matching_blocks():
        for n in range(count):
            word = recognized[begin + n]
            ends_s[first + n] = (word.start_s + word.end_s) / 2
    last = max(
        (n for n, at_s in enumerate(ends_s) if at_s is not None and at_s <= until_s), default=-1
    )
    unknown = [n for n in range(last + 1, len(words)) if ends_s[n] is not None]
    first_unheard = unknown[0] if unknown else len(words)
    # of words that nobody recognized, between one that was heard and one that was not: half of them
    last += (first_unheard - last - 1) // 2
    return " ".join(words[: last + 1])


def _bare(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())
