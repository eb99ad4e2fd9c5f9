"""A text in tokens: runs of letters, runs of digits, and single marks, each with its place.

Written and spoken forms become alike: ``john.smith@example.com`` and "john dot smith at example
dot com" have a token for each of the same parts.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Token:
    """One of them.

    Attributes:
        low: in small letters, as words are compared.
        is_glued: nothing stands between it and the token before.
    """

    text: str
    low: str
    start: int
    end: int
    is_glued: bool

    @property
    def is_word(self) -> bool:
        return self.text.isalpha()

    @property
    def is_digits(self) -> bool:
        return self.text.isdecimal()

    @property
    def is_mark(self) -> bool:
        return not (self.is_word or self.is_digits)

    @property
    def is_letter(self) -> bool:
        return self.is_word and len(self.text) == 1

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def tokens_of(text: str) -> tuple[Token, ...]:
    """The tokens, in order."""
    made: list[Token] = []
    end = -1
    for found in _TOKEN.finditer(text):
        word = found.group()
        made.append(Token(word, word.lower(), found.start(), found.end(), found.start() == end))
        end = found.end()
    return tuple(made)


def word_set(listed: str) -> frozenset[str]:
    """A list of words that is written with spaces between them."""
    return frozenset(listed.split())
