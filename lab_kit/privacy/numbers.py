"""Rows of digits as speech has them, and as a recognizer writes them, in any mixture.

"four one five, double five five, oh one nine two", ``415-555-0192`` and ``555-012. Three, four``
are rows. A recognizer puts commas, hyphens and full stops where it likes, so these never end a row;
a word that is no number does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lab_kit.privacy.tokens import Token
from lab_kit.privacy.vocabulary import (
    COUNTED,
    GLUE_MARKS,
    GLUE_WORDS,
    HOMOPHONES,
    REPEATS,
    SCALES,
    TEENS,
    TENS,
    UNITS,
)

_MOST_GLUE = 3
_MOST_CODE_TOKENS = 40
_BEFORE_NUMBERS = frozenset({"is", "s", "number", "code", "plus"})


@dataclass(frozen=True, slots=True)
class Row:
    """Digits one after the other.

    Attributes:
        first, end: its tokens, the end not included.
        digits: all of them.
        groups: the same, as they were said or written.
        letters: that stand with them, and count where a code is expected.
        is_count: it is written or said as a quantity: 1,250,000, three million, 12 dollars.
    """

    first: int
    end: int
    digits: str
    groups: tuple[str, ...]
    is_count: bool = False
    letters: int = 0

    @property
    def counts_up(self) -> bool:
        """One, two, three, four: no number, but counting."""
        values = list(map(int, self.groups))
        return len(values) > 2 and all(b == a + 1 for a, b in pairwise(values))

    @property
    def lists_years(self) -> bool:
        """1859, 1861 and 1865."""
        return all(len(one) == 4 and 1500 <= int(one) <= 2100 for one in self.groups)

    @property
    def is_digit_by_digit(self) -> bool:
        """No group has more than one digit."""
        return all(len(one) == 1 for one in self.groups)


def rows_of(tokens: Sequence[Token]) -> tuple[Row, ...]:
    """All rows, in order."""
    rows: list[Row] = []
    at = 0
    while at < len(tokens):
        row = _row(tokens, at)
        if row is None:
            at += 1
        else:
            rows.append(row)
            at = row.end
    return tuple(rows)


def after_glue(tokens: Sequence[Token], at: int) -> int:
    """Past what may stand between two parts of a number."""
    end = at
    while end < len(tokens) and end - at < _MOST_GLUE and is_glue(tokens[end]):
        end += 1
    return end


def may_go_between(token: Token) -> bool:
    """Whether a number may go on behind it: glue, "double", a letter, what sounds like a digit."""
    is_digit = token.low in HOMOPHONES or token.low in REPEATS
    return is_glue(token) or is_digit or token.is_letter


def is_glue(token: Token) -> bool:
    """Whether it may stand between two parts of a number."""
    return token.low in GLUE_WORDS or token.text in GLUE_MARKS


def _row(tokens: Sequence[Token], first: int) -> Row | None:
    end, digits = _first_group(tokens, first)
    if not digits:
        return None
    groups, is_count = [digits], _is_money(tokens, first)
    while True:
        if end < len(tokens) and tokens[end].low in SCALES:
            groups.append(SCALES[tokens[end].low])
            is_count |= tokens[end].low != "hundred"
            end += 1
            continue
        at = after_glue(tokens, end)
        after, digits = _group(tokens, at, is_inside=True)
        if not digits:
            break
        is_count |= _is_thousands(tokens, at, end)
        groups.append(digits)
        end = after
    is_count |= end < len(tokens) and (tokens[end].low in COUNTED or tokens[end].text == "%")
    return Row(first, end, "".join(groups), tuple(groups), is_count)


def _first_group(tokens: Sequence[Token], at: int) -> tuple[int, str]:
    """What a row begins with: a digit, or a word that sounds like one before two that are said."""
    end, digits = _group(tokens, at)
    if digits or not may_sound_first(tokens, at):
        return end, digits
    second, follows = _group(tokens, at + 1)
    _, more = _group(tokens, after_glue(tokens, second)) if follows else (0, "")
    if follows and more and tokens[at + 1].is_word:
        return at + 1, HOMOPHONES[tokens[at].low]
    return at, ""


def may_sound_first(tokens: Sequence[Token], at: int) -> bool:
    """Whether "for" may be a four there: not within a sentence that goes on to a number."""
    if tokens[at].low not in HOMOPHONES:
        return False
    return at == 0 or tokens[at - 1].is_mark or tokens[at - 1].low in _BEFORE_NUMBERS


def _group(tokens: Sequence[Token], at: int, *, is_inside: bool = False) -> tuple[int, str]:
    """The digits said or written from one token on, and where they end; none where none are."""
    if at >= len(tokens):
        return at, ""
    token = tokens[at]
    if token.is_digits:
        return at + 1, "".join(str(int(one)) for one in token.text)
    if token.low in UNITS:
        return at + 1, UNITS[token.low]
    if token.low in TEENS:
        return at + 1, TEENS[token.low]
    if token.low in TENS:
        return _tens(tokens, at)
    if token.low in REPEATS:
        end, digits = _group(tokens, at + 1)
        return (end, digits * REPEATS[token.low]) if len(digits) == 1 else (at, "")
    if is_inside and token.low in HOMOPHONES and _group(tokens, after_glue(tokens, at + 1))[1]:
        return at + 1, HOMOPHONES[token.low]
    return at, ""


def _tens(tokens: Sequence[Token], at: int) -> tuple[int, str]:
    unit = at + 1
    if unit < len(tokens) and tokens[unit].text == "-":
        unit += 1
    digit = UNITS.get(tokens[unit].low, "0") if unit < len(tokens) else "0"
    tens = TENS[tokens[at].low]
    return (at + 1, tens + "0") if digit == "0" else (unit + 1, tens + digit)


def _is_money(tokens: Sequence[Token], at: int) -> bool:
    return at > 0 and tokens[at - 1].text in ("$", "€", "£")


def _is_thousands(tokens: Sequence[Token], at: int, end: int) -> bool:
    """Whether the group is one of a number written as 1,250,000."""
    is_comma = at == end + 1 and tokens[end].text == "," and tokens[end].is_glued
    return is_comma and tokens[at].is_glued and tokens[at].is_digits and len(tokens[at].text) == 3


def with_letters(tokens: Sequence[Token], row: Row, *, is_introduced: bool) -> Row:
    """The row with the letters that belong to it, as in X4481207 or 1EG4-TE5.

    Letters that stand alone, and digits behind letters, belong to it only where a number is
    expected.
    """
    first, end = row.first, row.end
    while row.first - first < _MOST_CODE_TOKENS:
        if (before := _one_back(tokens, first, is_introduced)) == first:
            break
        first = before
    while end - row.end < _MOST_CODE_TOKENS:
        if (after := _one_on(tokens, end, is_introduced)) == end:
            break
        end = after
    while end > row.end and tokens[end - 1].low in ("a", "i") and not tokens[end - 1].is_glued:
        end -= 1  # words, more probably
    letters = sum(len(one.text) for one in tokens[first:end] if one.is_word)
    return replace(row, first=first, end=end, letters=letters)


def _one_back(tokens: Sequence[Token], first: int, is_introduced: bool) -> int:
    """One token further to the left, if it belongs to what begins there."""
    if first == 0:
        return first
    is_glued = tokens[first].is_glued
    joiner = tokens[first - 1]
    if is_introduced and is_glued and first > 1 and joiner.text in "-–" and joiner.is_glued:
        return first - 2 if _belongs(tokens[first - 2], True, True) else first
    return first - 1 if _belongs(tokens[first - 1], is_introduced, is_glued) else first


def _one_on(tokens: Sequence[Token], end: int, is_introduced: bool) -> int:
    """One token, or group of digits, further to the right."""
    at = end
    if is_introduced:
        at = after_glue(tokens, end) if tokens[end - 1].is_word else end
        if at < len(tokens) and tokens[at].text in "-–" and tokens[at].is_glued:
            at += 1
    if at >= len(tokens):
        return end
    if _belongs(tokens[at], is_introduced, tokens[at].is_glued):
        return at + 1
    after, digits = _group(tokens, at) if is_introduced else (end, "")
    return after if digits else end


def _belongs(token: Token, is_introduced: bool, is_glued: bool) -> bool:
    is_short = is_glued and len(token.text) <= 3
    return token.is_word and (is_short or (is_introduced and token.is_letter))
