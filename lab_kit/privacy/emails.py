"""E-mail addresses: written, spoken, and in the mixtures that a recognizer makes of them.

"john dot smith at example dot com" may come as ``john.smith at example.com``, and "at" is a common
word: it is one of an address where a domain follows, and something that can be a mailbox stands
before it.
"""

from collections.abc import Iterator, Sequence

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.findings import Finding, Hold, Seen
from lab_kit.privacy.introductions import Topic, announced
from lab_kit.privacy.numbers import Row, is_glue
from lab_kit.privacy.tokens import Token, word_set
from lab_kit.privacy.vocabulary import (
    CONNECTIVES,
    FUNCTION_WORDS,
    HOMOPHONES,
    NUMBER_WORDS,
    REPEATS,
)

_AT = ("at", "@")
_DOT = ("dot", ".", "period", "point", "_")
_JOINERS = frozenset(
    {*_DOT, "underscore", "dash", "hyphen", "plus", "minus", "_", "-", "+", "'", "–"}
)
_SPOKEN_JOINERS = ("dot", "underscore", "hyphen")
_ENDINGS = word_set("com org net edu gov io co uk de fr eu info us ca au me app dev")
"""The domains that most addresses end with."""
_PROVIDERS = word_set("gmail hotmail yahoo outlook icloud protonmail aol")
"""They are said without their ending."""
_NO_MAILBOX = word_set(
    """\
look looks find visit visited online website site page shop order open opens stay stays staying
meet meets start starts begin begins work works working arrive arrives live lives"""
)
"""Before "at" and a domain, they speak of a site."""
_MOST_WORDS = 5
_LONGEST_DOMAIN = 24
"""Tokens that are looked at in what may become a domain."""
_EMAIL = frozenset({PersonalKind.EMAIL})


def emails(tokens: Sequence[Token], rows: Sequence[Row]) -> Iterator[Seen]:
    """The addresses, and what may become one."""
    numbers = {place for row in rows for place in range(row.first, row.end)}
    numbers |= {place for place, token in enumerate(tokens) if token.low in REPEATS}
    for at, token in enumerate(tokens):
        if token.low not in _AT:
            continue
        end, is_known = _domain(tokens, at + 1)
        last = _last_part(tokens, at - 1)
        first = _mailbox(tokens, last, numbers)
        if first is None or not (_is_written(token) or _may_be(tokens, first, last + 1)):
            continue
        if end > at + 1 and (is_known or token.text == "@" or _is_expected(tokens, first)):
            score = 0.95 if is_known else 0.7
            reason = "a mailbox, at, and a domain"
            yield Finding(
                PersonalKind.EMAIL, tokens[first].start, tokens[end - 1].end, score, reason
            )
        elif _may_go_on(tokens, at + 1):
            yield Hold(tokens[first].start, _EMAIL)
    yield from _begun(tokens, numbers)


def _is_written(token: Token) -> bool:
    """Whether it is the @ of an address that is written in one."""
    return token.text == "@" and token.is_glued


def _begun(tokens: Sequence[Token], numbers: set[int]) -> Iterator[Seen]:
    """What at the end of the text may be a mailbox, and is one where a "dot" was said in it."""
    last = _last_part(tokens, _in_number(tokens, numbers))
    first = _mailbox(tokens, last, numbers)
    if first is None or not _may_be(tokens, first, last + 1):
        return
    yield Hold(tokens[first].start, _EMAIL)
    is_domain = first > 0 and tokens[first - 1].low in _AT
    if not is_domain and any(one.low in _SPOKEN_JOINERS for one in tokens[first + 1 :]):
        place = tokens[first].start, tokens[-1].end
        yield Finding(PersonalKind.EMAIL, *place, 0.4, "a mailbox, which a domain may follow")


def _in_number(tokens: Sequence[Token], numbers: set[int]) -> int:
    """The last token; or of a number that may go on, behind "and" or "for", its last."""
    last = len(tokens) - 1
    while last > 0 and (is_glue(tokens[last]) or tokens[last].low in HOMOPHONES):
        last -= 1
    return last if last in numbers else len(tokens) - 1


def _domain(tokens: Sequence[Token], first: int) -> tuple[int, bool]:
    """Where a domain ends that begins there, and whether nothing else is said in that way."""
    end, words = first, 0
    while end < len(tokens) and words < 3 and _is_label(tokens, end):
        end, words = end + 1, words + (not tokens[end].is_glued)
        if tokens[end - 1].low in _PROVIDERS:
            after = _endings(tokens, end)
            return (after or end), True
        if _is_run_together(tokens[end - 1].text):
            return end, True
        if after := _endings(tokens, end):
            is_said = any(one.low == "dot" for one in tokens[end:after])
            return after, is_said or tokens[after - 1].low in _ENDINGS
        if end < len(tokens) and tokens[end].low in ("com", "org", "net") and words == 1:
            return end + 1, True
        while end + 1 < len(tokens) and _is_inner_joiner(tokens, end):
            end += 1
    return first, False


def _endings(tokens: Sequence[Token], at: int) -> int:
    """Past ".com", "dot co dot uk" or "dot i o"; 0 where there is none."""
    end = 0
    while at + 1 < len(tokens) and tokens[at].low in _DOT and _is_ending(tokens, at + 1):
        at = at + 2
        while at < len(tokens) and tokens[at - 1].is_letter and tokens[at].is_letter:
            at += 1
        end = at
    return end


def _is_ending(tokens: Sequence[Token], at: int) -> bool:
    """A word behind a dot; behind a full stop only one that is glued to it, or a known ending."""
    is_known = tokens[at].low in _ENDINGS and not tokens[at].is_capital
    return tokens[at].is_word and (
        tokens[at - 1].is_word or tokens[at].is_glued or (is_known and len(tokens[at].text) == 3)
    )


def _is_label(tokens: Sequence[Token], at: int) -> bool:
    token = tokens[at]
    return not token.is_mark and (token.low not in FUNCTION_WORDS or token.is_letter)


def _is_inner_joiner(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].low in ("dash", "hyphen", "minus", "-", "–")


def _is_run_together(word: str) -> bool:
    """``ExamplesCom`` or ``examplecom``: a recognizer's word for a domain."""
    return (len(word) > 5 and word[-3:] in ("Com", "Org", "Net")) or (
        len(word) > 7 and word.endswith("com")
    )


def _mailbox(tokens: Sequence[Token], last: int, numbers: set[int]) -> int | None:
    """Where the mailbox begins whose last token that is; None where it can be none."""
    if last < 0 or tokens[last].is_mark or tokens[last].low in _AT:
        return None
    first = last
    while (before := _before(tokens, first, numbers)) is not None:
        first = before
    return _back_to_announcement(tokens, first)


def _last_part(tokens: Sequence[Token], last: int) -> int:
    """The last token that is no joiner and no comma: "Smith, at", "john dot"."""
    while last >= 0 and (
        tokens[last].text in ",." or (tokens[last].low in _JOINERS and not tokens[last].is_letter)
    ):
        last -= 1
    return last


def _before(tokens: Sequence[Token], first: int, numbers: set[int]) -> int | None:
    """One step further to the left, as long as the parts belong to each other."""
    before = _past_commas(tokens, first - 1)
    if before < 0:
        return None
    if tokens[before].low in _JOINERS:
        part = _past_commas(tokens, before - 1)
        return None if part < 0 else _joined(tokens, part, before, first)
    is_apart = before < first - 1 and first not in numbers
    if is_apart or tokens[before].is_mark or tokens[before].low in _AT:
        return None
    return (
        before
        if _are_one(tokens[before], tokens[first], before in numbers, first in numbers)
        else None
    )


def _past_commas(tokens: Sequence[Token], at: int) -> int:
    while at > 0 and tokens[at].text == ",":
        at -= 1
    return at


def _joined(tokens: Sequence[Token], part: int, joiner: int, first: int) -> int | None:
    """The part before a dot, a dash or the like; None where there is none, or a sentence ends."""
    token = tokens[part]
    if tokens[joiner].is_glued and tokens[first].is_glued and not token.is_mark:
        return part  # written as one
    is_stop = tokens[joiner].text == "." and not token.is_letter
    is_other = token.low in FUNCTION_WORDS and not _is_sign(token)
    is_other |= token.is_mark or token.low in _NO_MAILBOX or token.low in _JOINERS
    return None if is_stop or is_other else part


def _is_sign(token: Token) -> bool:
    return token.is_letter or token.low in NUMBER_WORDS


def _are_one(before: Token, this: Token, is_number: bool, before_number: bool) -> bool:
    """Whether two parts with nothing between them are of one mailbox: "ann lee", "j s", "lee 84".

    Args:
        is_number: the first is part of a number; ``before_number``: the second is.
    """
    if this.is_glued:
        return True
    if before.is_letter:
        return this.is_letter or before_number or before.low not in ("a", "i")
    if is_number or before.low in FUNCTION_WORDS or before.low in _NO_MAILBOX:
        return is_number and before_number
    if before_number:
        return not this.is_letter
    return this.is_capital and before.is_capital and this.is_word and not this.is_letter


def _back_to_announcement(tokens: Sequence[Token], first: int) -> int:
    """All the words since "my e-mail is", where such words come before; else where it began."""
    start = first
    for _ in range(_MOST_WORDS):
        if _is_expected(tokens, start):
            return start
        before = start - 1
        if before < 0 or tokens[before].is_mark or _is_plain(tokens[before].low):
            return first
        start = before
    return first


def _is_plain(low: str) -> bool:
    return len(low) > 1 and (low in FUNCTION_WORDS or low in CONNECTIVES or low in _JOINERS)


def _is_expected(tokens: Sequence[Token], first: int) -> bool:
    return announced(tokens, first) in (Topic.EMAIL, Topic.ADDRESS)


def _may_be(tokens: Sequence[Token], first: int, end: int) -> bool:
    """Whether that can be a mailbox, and no word that happens to stand before "at"."""
    if end - first > 1 or _is_expected(tokens, first):
        return True
    low = tokens[first].low
    return (low not in FUNCTION_WORDS or _is_sign(tokens[first])) and low not in _NO_MAILBOX


def _may_go_on(tokens: Sequence[Token], first: int) -> bool:
    """Whether what stands behind "at" up to the text's end can still become a domain."""
    rest = tokens[first : first + _LONGEST_DOMAIN + 1]
    words = sum(not (one.is_mark or one.is_glued or one.low in _JOINERS) for one in rest)
    return (
        len(rest) <= _LONGEST_DOMAIN
        and words <= 3
        and all(
            one.low in _JOINERS or one.text == "," or _is_label(tokens, place)
            for place, one in enumerate(rest, start=first)
        )
    )
