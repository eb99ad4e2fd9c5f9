"""What the words before a number announce: "my card number is", "call me back on", "my social is".

Between a word that announces and the number only connectives may stand, so that "my card was
declined at 12 shops" announces nothing. Words of an earlier sentence count, if nothing else came in
between: people and recognizers put a full stop anywhere.
"""

from collections.abc import Sequence
from enum import Enum, auto

from lab_kit.privacy.tokens import Token
from lab_kit.privacy.vocabulary import CONNECTIVES

_MOST_BETWEEN = 14
"""Tokens that are looked at, marks included."""


class Topic(Enum):
    """What is announced."""

    CARD = auto()
    PHONE = auto()
    NATIONAL = auto()
    ACCOUNT = auto()
    BIRTH = auto()
    EMAIL = auto()
    ADDRESS = auto()
    NAME = auto()


_TOPICS = {
    Topic.CARD: "card cards visa mastercard amex credit debit",
    Topic.PHONE: "phone telephone mobile cell cellphone landline fax text dial call reach whatsapp",
    Topic.NATIONAL: "social ssn",
    Topic.ACCOUNT: "account routing pin passcode password cvv cvc code policy member id passport "
    "license licence permit iban confirmation customer reference medicare insurance membership "
    "verification registration",
    Topic.BIRTH: "born birth birthday birthdate dob",
    Topic.EMAIL: "email emails mail login username",
    Topic.ADDRESS: "address live lives living moved ship shipped deliver delivery delivered "
    "staying mailing home resident residing",
    Topic.NAME: "name names surname",
}
_WORDS = {word: topic for topic, words in _TOPICS.items() for word in words.split()}
_PAIRS = {
    ("social", "security"): Topic.NATIONAL,
    ("tax", "number"): Topic.NATIONAL,
    ("tax", "id"): Topic.NATIONAL,
    ("area", "code"): Topic.PHONE,
    ("zip", "code"): None,
    ("postal", "code"): None,
    ("user", "name"): Topic.EMAIL,
    ("email", "address"): Topic.EMAIL,
    ("mail", "address"): Topic.EMAIL,
}
"""Two words that announce something else than the second of them, or nothing."""


def announced(tokens: Sequence[Token], at: int, *also: str) -> Topic | None:
    """What the words before a token announce; None where they announce nothing.

    Args:
        also: further words that may stand in between.
    """
    for place in range(at - 1, max(-1, at - 1 - _MOST_BETWEEN), -1):
        low = tokens[place].low
        pair = (_word_before(tokens, place), low)
        if pair in _PAIRS:
            return _PAIRS[pair]
        if low in _WORDS:
            return _WORDS[low]
        if low == "b" and _letters_before(tokens, place) == ["d", "o"]:
            return Topic.BIRTH  # "D. O. B."
        if not (tokens[place].is_mark or low in CONNECTIVES or low in also):
            return None
    return None


def announces(word: str) -> bool:
    """Whether a word, in small letters, announces something by itself."""
    return word in _WORDS


def speaks_of_birth(tokens: Sequence[Token], at: int) -> bool:
    """Whether a birth was spoken of shortly before, in the same sentence."""
    for place in range(at - 1, max(-1, at - 1 - _MOST_BETWEEN), -1):
        if tokens[place].text in ".?!":
            return False
        if _WORDS.get(tokens[place].low) is Topic.BIRTH:
            return True
    return False


def _letters_before(tokens: Sequence[Token], at: int) -> list[str]:
    """The two tokens before that are no marks."""
    return [one.low for one in tokens[max(0, at - 4) : at] if not one.is_mark][-2:]


def _word_before(tokens: Sequence[Token], at: int) -> str:
    """The word before, over a hyphen."""
    place = at - 2 if at > 1 and tokens[at - 1].text == "-" else at - 1
    return tokens[place].low if place >= 0 else ""
