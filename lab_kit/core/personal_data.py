"""The kinds of personal data that are told apart; what finds them is `privacy`'s affair."""

from dataclasses import dataclass
from enum import StrEnum


class PersonalKind(StrEnum):
    """What a piece of text tells about somebody; a placeholder is this word in brackets.

    Members:
        CARD: number of a payment card.
        PHONE: telephone number.
        EMAIL: e-mail address.
        NATIONAL_NUMBER: social security or tax number.
        DATE_OF_BIRTH: when somebody was born, in whole or in part.
        ADDRESS: where somebody lives, from the house number to the postal code.
        NAME: of a person, with its title.
        ACCOUNT: another number that identifies or opens something: an account, a policy, a passport
            or licence, a PIN, a code; and any long row of digits that nothing else explains.
    """

    CARD = "card"
    PHONE = "phone"
    EMAIL = "email"
    NATIONAL_NUMBER = "national_number"
    DATE_OF_BIRTH = "date_of_birth"
    ADDRESS = "address"
    NAME = "name"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    """Where personal data is in a text: its characters, the end not included."""

    kind: PersonalKind
    start: int
    end: int
