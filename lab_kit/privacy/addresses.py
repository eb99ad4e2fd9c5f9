"""Where somebody lives: a house number and a street, and what of town, state and code follows.

A street alone tells little and stands in every novel, so it counts only where words such as "I live
at" announce it.
"""

from collections.abc import Iterator, Sequence

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.findings import Finding, Hold, Seen
from lab_kit.privacy.introductions import Topic, announced
from lab_kit.privacy.numbers import Row, may_go_between
from lab_kit.privacy.tokens import Token, word_set
from lab_kit.privacy.vocabulary import COUNTED, FUNCTION_WORDS, NUMBER_WORDS

_STREETS = word_set(
    """\
street avenue ave road rd lane ln drive court boulevard blvd way place terrace square circle
highway parkway trail crescent alley row"""
)
_STREET_ENDINGS = ("way", "street", "road", "avenue")
_UNITS_OF_HOUSES = word_set("apartment apt suite unit floor flat room")
_NO_NAMES = word_set("way lane hour minute mile block day week") | COUNTED
"""In small letters, no names of streets: a two hour drive, a three mile road."""
_BEGINNINGS = _UNITS_OF_HOUSES | {"p", "o", "po", "box"}
_MOST_HOUSE_DIGITS = 5
_MOST_NAME_WORDS = 4
_MOST_TOWN_WORDS = 3
_MOST_TOWN_PARTS = 3
_POSTAL_DIGITS = (5, 9)
_KINDS = frozenset({PersonalKind.ADDRESS})


def _begun(tokens: Sequence[Token]) -> Iterator[Seen]:
    """What at the end may be the first of a post office box, or of an apartment."""
    first = len(tokens)
    while first > 0 and (tokens[first - 1].low in _BEGINNINGS or tokens[first - 1].is_mark):
        first -= 1
    while first < len(tokens) and tokens[first].is_mark:
        first += 1
    if first < len(tokens):
        yield Hold(tokens[first].start, _KINDS)


def addresses(tokens: Sequence[Token], rows: Sequence[Row]) -> Iterator[Seen]:
    """The addresses, and a house number at the end that a street may follow."""
    row_at = {row.first: row for row in rows}
    for row in rows:
        if len(row.digits) <= _MOST_HOUSE_DIGITS and not row.is_count:
            yield from _at_house(tokens, row, row_at)
    for at, token in enumerate(tokens):
        if token.low in _STREETS and token.is_capital:
            yield from _announced_street(tokens, at, row_at)
    yield from _boxes(tokens, row_at)
    yield from _begun(tokens)


def _at_house(tokens: Sequence[Token], row: Row, row_at: dict[int, Row]) -> Iterator[Seen]:
    end = _street(tokens, row.end)
    start = tokens[row.first].start
    if end == 0 or all(map(may_go_between, tokens[row.end :])):
        yield Hold(start, _KINDS)
    if not end:
        return
    end = _with_town(tokens, end, row_at)
    yield Finding(
        PersonalKind.ADDRESS, start, tokens[end - 1].end, 0.9, "a house number and a street"
    )


def _street(tokens: Sequence[Token], first: int) -> int | None:
    """Past the street behind a house number; None where there is none, 0 where one may come."""
    at, names = first, 0
    while at < len(tokens) and names <= _MOST_NAME_WORDS:
        token = tokens[at]
        if token.is_mark:
            if token.text not in ".-,'" or (token.text == "," and names):
                return None
        elif (names and token.low in _STREETS) or _is_whole_street(token):
            return at + 1
        elif not _may_name_a_street(token):
            return None
        else:
            names += not token.is_glued
        at += 1
    return 0 if at == len(tokens) else None


def _is_whole_street(token: Token) -> bool:
    """Broadway, or Harborway where Harbor Way was said."""
    return token.is_capital and token.low.endswith(_STREET_ENDINGS) and token.low != "norway"


def _may_name_a_street(token: Token) -> bool:
    if token.low in FUNCTION_WORDS and token.low not in NUMBER_WORDS:
        return False
    return token.is_capital or token.low not in _NO_NAMES


def _announced_street(tokens: Sequence[Token], at: int, row_at: dict[int, Row]) -> Iterator[Seen]:
    """A street without a number, or with one that was not heard as a number."""
    first = at
    while first > 0 and at - first < _MOST_NAME_WORDS and _is_proper(tokens[first - 1]):
        first -= 1
    if first < at and announced(tokens, first, "has") is Topic.ADDRESS:
        end = _with_town(tokens, at + 1, row_at)
        yield Finding(
            PersonalKind.ADDRESS,
            tokens[first].start,
            tokens[end - 1].end,
            0.6,
            "a street that is announced as an address",
        )


def _is_proper(token: Token) -> bool:
    return token.is_word and token.is_capital and token.low not in FUNCTION_WORDS


def _with_town(tokens: Sequence[Token], end: int, row_at: dict[int, Row]) -> int:
    """Past the apartment, the town, the state and the postal code, as far as they follow."""
    for _ in range(_MOST_TOWN_PARTS):
        at = _past_marks(tokens, end)
        after = _house_unit(tokens, at, row_at) or _postal(tokens, at, row_at)
        if not after and (at == end or tokens[end].text == ","):
            after = _proper_run(tokens, at)
        if not after:
            break
        end = after
    at = _past_marks(tokens, end)
    return _postal(tokens, at, row_at) or end


def _past_marks(tokens: Sequence[Token], at: int) -> int:
    """Past a comma or a full stop, and a stray mark behind it."""
    end = at
    while end < len(tokens) and end - at < 2 and tokens[end].text in ",.'":
        end += 1
    return end


def _house_unit(tokens: Sequence[Token], at: int, row_at: dict[int, Row]) -> int:
    """Past "apartment five"; 0 where there is none."""
    if at + 1 >= len(tokens) or not (tokens[at].low in _UNITS_OF_HOUSES or tokens[at].text == "#"):
        return 0
    if at + 1 in row_at:
        return row_at[at + 1].end
    return at + 2 if tokens[at + 1].is_letter else 0


def _postal(tokens: Sequence[Token], at: int, row_at: dict[int, Row]) -> int:
    row = row_at.get(at)
    return row.end if row is not None and len(row.digits) in _POSTAL_DIGITS else 0


def _proper_run(tokens: Sequence[Token], first: int) -> int:
    end = first
    while end < len(tokens) and end - first < _MOST_TOWN_WORDS and _is_proper(tokens[end]):
        end += 1
    return end if end > first else 0


def _boxes(tokens: Sequence[Token], row_at: dict[int, Row]) -> Iterator[Seen]:
    """A post office box, which is an address without a street."""
    for at, token in enumerate(tokens):
        if token.low != "box" or at + 1 not in row_at:
            continue
        before = [one.low for one in tokens[max(0, at - 4) : at] if not one.is_mark]
        if before[-2:] != ["p", "o"] and before[-1:] != ["po"]:
            continue
        first = at - 1
        while first > 0 and (tokens[first - 1].is_mark or tokens[first - 1].low in ("p", "o")):
            first -= 1
        end = _with_town(tokens, row_at[at + 1].end, row_at)
        yield Finding(
            PersonalKind.ADDRESS, tokens[first].start, tokens[end - 1].end, 0.9, "a post office box"
        )
