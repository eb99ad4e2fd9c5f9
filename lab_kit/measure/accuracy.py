"""Word error rate: substitutions, deletions and insertions per reference word."""

import re


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Errors per word of ``reference``, ignoring case and punctuation; may exceed 1.

    Raises:
        ValueError: the reference has no words.
    """
    if not bare_words(reference):
        raise ValueError("the reference has no words, so an error rate means nothing")
    import jiwer  # here, because a server that compares no versions does without it

    return float(jiwer.wer(" ".join(bare_words(reference)), " ".join(bare_words(hypothesis))))


def bare_words(text: str) -> list[str]:
    """The words in lower case, hyphens taken as spaces, punctuation dropped but inside a word."""
    spaced = re.sub(r"[-–—]", " ", text.lower().replace("’", "'"))
    words = (word.strip("'") for word in re.sub(r"[^\w' ]", " ", spaced).split())
    return [word for word in words if word]
