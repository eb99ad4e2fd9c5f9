"""What a recognizer of persons says about a text, as findings.

It was trained on written news and takes some words with a capital for people that are none when
somebody dictates: the name of a card, "PIN", a number. A name is more than such words.
"""

from collections.abc import Iterable, Iterator, Sequence

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.findings import Finding
from lab_kit.privacy.introductions import announces
from lab_kit.privacy.tokens import Token
from lab_kit.privacy.vocabulary import FUNCTION_WORDS, NUMBER_WORDS

SCORE = 0.6
REASON = "a model takes it for a person"


def persons(tokens: Sequence[Token], spans: Iterable[tuple[int, int]]) -> Iterator[Finding]:
    """The names in ``spans``, without what no name begins or ends with.

    Args:
        spans: the characters of each, the end not included.
    """
    for start, end in spans:
        inside = [one for one in tokens if one.start < end and start < one.end]
        named = [one for one in inside if _may_be_of_a_name(one)]
        if named:
            place = named[0].start, named[-1].end
            yield Finding(PersonalKind.NAME, *place, SCORE, REASON)


def _may_be_of_a_name(token: Token) -> bool:
    is_ending = token.low == "s" and token.is_glued  # of Tariq's
    is_other = token.low in FUNCTION_WORDS or token.low in NUMBER_WORDS or announces(token.low)
    return token.is_word and not is_ending and not is_other
