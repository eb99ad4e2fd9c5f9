"""The words of a text that was made from timed ones, with the times that they keep."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from lab_kit.core.events import TimedWord
from lab_kit.stream.stability import bare_word


def shifted(words: Iterable[TimedWord], by_s: float, end_s: float) -> tuple[TimedWord, ...]:
    """The words ``by_s`` later, none of them before the stream or beyond ``end_s``."""
    return tuple(
        replace(
            word,
            start_s=max(0.0, min(word.start_s + by_s, end_s)),
            end_s=max(0.0, min(word.end_s + by_s, end_s)),
        )
        for word in words
    )


def carried(words: Sequence[TimedWord], text: str) -> tuple[TimedWord, ...]:
    """The words of ``text``, which was made from ``words`` by leaving out and rewriting.

    What is the same keeps its time. What replaced some words shares theirs; what came out of
    nothing takes none, where the word before it ended.
    """
    before, after = [word.text for word in words], text.split()
    if not words or before == after:
        return tuple(words)
    made: list[TimedWord] = []
    alike = SequenceMatcher(
        a=list(map(bare_word, before)), b=list(map(bare_word, after)), autojunk=False
    )
    for change, first, last, begin, end in alike.get_opcodes():
        if change in ("equal", "replace"):
            made += _shared(words[first:last], after[begin:end])
        elif change == "insert":
            at_s = made[-1].end_s if made else words[0].start_s
            made += [TimedWord(word, at_s, at_s, words[0].confidence) for word in after[begin:end]]
    return tuple(made)


def _shared(words: Sequence[TimedWord], texts: Sequence[str]) -> list[TimedWord]:
    """As many words as there are texts: one each where that fits, else equal parts of the time."""
    if len(words) == len(texts):
        return [replace(word, text=text) for word, text in zip(words, texts, strict=True)]
    start_s, end_s = words[0].start_s, words[-1].end_s
    sure = min(word.confidence for word in words)
    part_s = (end_s - start_s) / len(texts)
    return [
        TimedWord(text, start_s + n * part_s, start_s + (n + 1) * part_s, sure)
        for n, text in enumerate(texts)
    ]
