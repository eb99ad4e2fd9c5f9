"""Rows of digits that are somebody's: cards, telephones, national numbers, accounts and codes.

A card is confirmed by its checksum. Where a recognizer lost or doubled a digit there is none, so a
row of about that length that was announced as a card is withheld all the same, with a lower score.

People pause while they dictate, and a recognizer ends its segment there. So digits at the end of a
text count before they are complete: if they were announced, or said one by one.
"""

from collections.abc import Iterator, Sequence

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.findings import Finding, Hold, Seen
from lab_kit.privacy.introductions import Topic, announced
from lab_kit.privacy.numbers import Row, after_glue, may_go_between, may_sound_first, with_letters
from lab_kit.privacy.tokens import Token
from lab_kit.privacy.vocabulary import GLUE_MARKS, REPEATS

CARD_DIGITS = range(13, 20)
"""ISO/IEC 7812 allows for 8 to 19; cards in use have 13 to 19."""
_ANNOUNCED_CARD_DIGITS = range(8, 25)
_PHONE_DIGITS = (7, 10, 11)
_ANNOUNCED_PHONE_DIGITS = range(5, 16)
_NATIONAL_DIGITS = 9
_LEAST_CODE_DIGITS = 3
_LEAST_UNKNOWN_DIGITS = 7
_SIGNS = ("+", "(", "plus")
KINDS = frozenset(
    {
        PersonalKind.CARD,
        PersonalKind.PHONE,
        PersonalKind.NATIONAL_NUMBER,
        PersonalKind.ACCOUNT,
    }
)
_ALL_WITH_NUMBERS = KINDS | {PersonalKind.ADDRESS, PersonalKind.DATE_OF_BIRTH}
_NUMBERS = {
    Topic.CARD: PersonalKind.CARD,
    Topic.PHONE: PersonalKind.PHONE,
    Topic.NATIONAL: PersonalKind.NATIONAL_NUMBER,
    Topic.ACCOUNT: PersonalKind.ACCOUNT,
}
_LEAST_BEGUN_DIGITS = 2
_Found = tuple[PersonalKind, float, str]


def numbered(tokens: Sequence[Token], rows: Sequence[Row]) -> Iterator[Seen]:
    """The rows that are personal, and the one at the end that may become so."""
    topic: Topic | None = None
    end = 0
    for row in rows:
        whole, topic = _announced(tokens, row, end, topic)
        end = whole.end
        start = tokens[_with_sign(tokens, whole.first)].start
        found = _kind(whole, topic)
        if is_open(tokens, whole.end):
            yield Hold(min(start, _sounding_start(tokens, whole.first)), KINDS)
            found = found or _begun(whole, topic)
        if found is not None:
            kind, score, reason = found
            yield Finding(kind, start, tokens[whole.end - 1].end, score, reason)
    if (letters := _letters_at_the_end(tokens)) < len(tokens):
        yield Hold(tokens[letters].start, _ALL_WITH_NUMBERS)


def _announced(
    tokens: Sequence[Token], row: Row, end: int, before: Topic | None
) -> tuple[Row, Topic | None]:
    """The row with its letters, and what announces it.

    Args:
        end: of the row before, which ``before`` announces: with nothing between them, this one too.
    """
    spelled = with_letters(tokens, row, is_introduced=True)
    inherited = before if end and after_glue(tokens, end) >= spelled.first else None
    topic = announced(tokens, spelled.first) or inherited
    if topic is Topic.ACCOUNT:
        return spelled, topic
    plain = with_letters(tokens, row, is_introduced=False)
    return plain, announced(tokens, row.first) or inherited


def _with_sign(tokens: Sequence[Token], first: int) -> int:
    """The token before, where it is what an international number begins with, or a bracket."""
    return first - 1 if first and tokens[first - 1].low in _SIGNS else first


def _sounding_start(tokens: Sequence[Token], first: int) -> int:
    """Where a row begins to be held: at a "for" that one more digit would make a four."""
    is_digit = first > 0 and may_sound_first(tokens, first - 1)
    return tokens[first - 1 if is_digit else first].start


def is_open(tokens: Sequence[Token], end: int) -> bool:
    """Whether a row that ends there may go on with what comes next."""
    return all(may_go_between(one) for one in tokens[end:])


def passes_luhn(digits: str) -> bool:
    """Whether the last digit confirms those before [Source: ISO/IEC 7812-1, annex B]."""
    values = [int(one) for one in reversed(digits)]
    doubled = (2 * value if place % 2 else value for place, value in enumerate(values))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _kind(row: Row, topic: Topic | None) -> _Found | None:
    """What a row is, how sure that is, and by which rule."""
    count = len(row.digits)
    if count in CARD_DIGITS and passes_luhn(row.digits) and not row.is_count:
        return PersonalKind.CARD, 0.99, "13 to 19 digits that pass Luhn's check"
    if topic is Topic.CARD and count in _ANNOUNCED_CARD_DIGITS:
        return PersonalKind.CARD, 0.7, "announced as a card; Luhn's check fails"
    if topic is Topic.NATIONAL and _LEAST_CODE_DIGITS < count <= 11:
        return PersonalKind.NATIONAL_NUMBER, 0.9, "announced as a national number"
    if topic is Topic.PHONE and count in _ANNOUNCED_PHONE_DIGITS:
        return PersonalKind.PHONE, 0.9, "announced as a telephone number"
    if row.is_count:
        return None
    if topic is Topic.ACCOUNT and count + row.letters >= _LEAST_CODE_DIGITS:
        return PersonalKind.ACCOUNT, 0.8, "announced as an account, a document or a code"
    return None if row.counts_up or row.lists_years else _unannounced(count)


def _begun(row: Row, topic: Topic | None) -> _Found | None:
    """What a row at the end of a text is, as far as it goes."""
    if topic in _NUMBERS and len(row.digits) >= _LEAST_BEGUN_DIGITS:
        return _NUMBERS[topic], 0.5, "announced, and may go on"
    if row.is_digit_by_digit and len(row.digits) >= _LEAST_CODE_DIGITS and not row.counts_up:
        return PersonalKind.ACCOUNT, 0.3, "digits one by one, which may go on"
    return None


def _unannounced(count: int) -> _Found | None:
    if count == _NATIONAL_DIGITS:
        return PersonalKind.NATIONAL_NUMBER, 0.5, "9 digits, not announced"
    if count in _PHONE_DIGITS:
        return PersonalKind.PHONE, 0.6, "as many digits as a telephone number has"
    if count >= _LEAST_UNKNOWN_DIGITS:
        return PersonalKind.ACCOUNT, 0.4, "a long row of digits, not announced"
    return None


def _letters_at_the_end(tokens: Sequence[Token]) -> int:
    """Where letters said one by one begin, or a mark that a number begins with."""
    first = len(tokens)
    while first > 0 and _may_begin(tokens, first - 1):
        first -= 1
    while first < len(tokens) and tokens[first].text in GLUE_MARKS:
        first += 1
    return first


def _may_begin(tokens: Sequence[Token], at: int) -> bool:
    token = tokens[at]
    is_sign = token.low in _SIGNS or token.text in "#$€£" or token.text in GLUE_MARKS
    return is_sign or token.is_letter or token.low in REPEATS or may_sound_first(tokens, at)
