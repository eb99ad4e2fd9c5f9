"""Dates of birth: a date, or a part of one, that "born", "birthday" or the like announces."""

from collections.abc import Iterator, Sequence

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.findings import Finding, Hold, Seen
from lab_kit.privacy.introductions import Topic, announced, speaks_of_birth
from lab_kit.privacy.numbers import Row, is_glue, may_go_between
from lab_kit.privacy.tokens import Token, word_set

_MONTHS = word_set(
    """\
january february march april may june july august september october november december jan feb mar
apr jun jul aug sep sept oct nov dec"""
)
_ORDINALS = word_set(
    """\
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth st nd rd th"""
)
_BETWEEN = frozenset({"of", "the", "in"})
_KINDS = frozenset({PersonalKind.DATE_OF_BIRTH})
_YEAR_DIGITS = 4


def dates_of_birth(tokens: Sequence[Token], rows: Sequence[Row]) -> Iterator[Seen]:
    """The dates, and one at the end that may go on."""
    row_at = {row.first: row for row in rows}
    at = 0
    while at < len(tokens):
        first = at
        at, is_date, has_month = _date(tokens, at, row_at)
        if at == first:
            at += 1
            continue
        is_announced = announced(tokens, first, *_ORDINALS) is Topic.BIRTH
        if not (is_announced or speaks_of_birth(tokens, first)):
            continue
        if all(one.low in _BETWEEN or may_go_between(one) for one in tokens[at:]):
            yield Hold(tokens[first].start, _KINDS)
        if is_date and (is_announced or has_month):
            yield Finding(
                PersonalKind.DATE_OF_BIRTH,
                tokens[first].start,
                tokens[at - 1].end,
                0.9,
                "a date that is announced as a birth",
            )


def _date(tokens: Sequence[Token], first: int, row_at: dict[int, Row]) -> tuple[int, bool, bool]:
    """Where a run of a date's parts ends, whether it tells enough to be one, and of a month."""
    end = at = first
    months = parts = 0
    has_year = False
    while at < len(tokens):
        token = tokens[at]
        if at in row_at:
            row = row_at[at]
            has_year |= any(len(group) == _YEAR_DIGITS for group in row.groups)
            has_year |= len(row.digits) >= _YEAR_DIGITS
            parts, at = parts + len(row.groups), row.end
        elif token.low in _MONTHS:
            months, at = months + 1, at + 1
        elif token.low in _ORDINALS:
            parts, at = parts + 1, at + 1
        elif end > first and (is_glue(token) or token.low in _BETWEEN):
            at += 1
            continue
        else:
            break
        end = at
    return end, bool(months) or has_year or parts > 1, bool(months)
