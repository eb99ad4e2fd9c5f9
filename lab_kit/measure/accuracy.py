"""Word error rate: substitutions, deletions and insertions per reference word."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WordErrors:
    """What was heard wrong of a text.

    Attributes:
        errors: substitutions, deletions and insertions; may exceed ``words``.
        words: of the reference.
    """

    errors: int
    words: int


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Errors per word of ``reference``, ignoring case and punctuation; may exceed 1.

    Raises:
        ValueError: the reference has no words.
    """
    found = word_errors(reference, hypothesis)
    return found.errors / found.words


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """The errors themselves, to be added up over texts of different lengths.

    Raises:
        ValueError: the reference has no words.
    """
    words = bare_words(reference)
    if not words:
        raise ValueError("the reference has no words, so an error rate means nothing")
    import jiwer  # here, because a server that compares no versions does without it

    found = jiwer.process_words(" ".join(words), " ".join(bare_words(hypothesis)))
    return WordErrors(found.substitutions + found.deletions + found.insertions, len(words))


def bare_words(text: str) -> list[str]:
    """The words in lower case, hyphens taken as spaces, punctuation dropped but inside a word."""
    spaced = re.sub(r"[-–—]", " ", text.lower().replace("’", "'"))
    words = (word.strip("'") for word in re.sub(r"[^\w' ]", " ", spaced).split())
    return [word for word in words if word]
