"""The kinds of personal data, and how a client names those to redact.

What finds them is `privacy`'s affair.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.errors import InvalidParameter


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


@dataclass(frozen=True, slots=True)
class Redaction:
    """Something that was taken out of a result, told without what it was.

    Attributes:
        kind: a `PersonalKind`, or ``withheld`` where a text could not be looked through.
        start_s, end_s: when it sounded, from the stream's first sample.
        score: how sure that is, in [0, 1].
        reason: the rule that found it.
    """

    kind: str
    start_s: float
    end_s: float
    score: float
    reason: str


REDACT = "redact"
"""The step that takes personal data out; alone it takes out every kind."""


def redaction_of(kinds: Iterable[PersonalKind] = ()) -> tuple[str, ...]:
    """The steps that ask for redaction of these kinds, or of every kind where none is named.

    Each kind narrows the step: ``("redact", "redact:card")``. So whoever looks for ``redact`` finds
    it, and where the narrowing is lost, more is taken out and not less.
    """
    return (REDACT, *(f"{REDACT}:{kind}" for kind in dict.fromkeys(kinds)))


def redacted_kinds(steps: Iterable[str]) -> frozenset[PersonalKind]:
    """The kinds that steps ask to redact; see `redaction_of`.

    Raises:
        InvalidParameter: there is no such kind.
    """
    asked = [step.partition(":")[2] for step in steps if step.startswith(f"{REDACT}:")]
    return frozenset(map(_kind, asked)) or frozenset(PersonalKind)


def parse_redact(value: str) -> tuple[str, ...]:
    """The steps that ``redact=VALUE`` asks for: true, false, or kinds with commas between them.

    Raises:
        InvalidParameter: it is none of these.
    """
    if value.lower() in ("true", "false"):
        return redaction_of() if value.lower() == "true" else ()
    return redaction_of(_kind(one.strip()) for one in value.split(","))


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A query with one value for each name: the last, but of ``redact`` all, with commas.

    Whoever asks twice for redaction wants both, and must not get the smaller part of it.
    """
    query: dict[str, str] = {}
    for name, value in pairs:
        is_more = name == REDACT and name in query
        query[name] = f"{query[name]},{value}" if is_more else value
    return query


def united(*steps: str) -> tuple[str, ...]:
    """Steps from several places: redaction is of every kind where one of them asks for that.

    Each place lists ``redact`` and then the kinds that it is narrowed to.
    """
    asks = [n for n, step in enumerate(steps) if step == REDACT]
    is_narrowed = all(f"{REDACT}:" in "".join(steps[n + 1 : n + 2]) for n in asks)
    kept = steps if is_narrowed else [step for step in steps if not step.startswith(f"{REDACT}:")]
    return tuple(dict.fromkeys(kept))


def redact_value(steps: Iterable[str]) -> str:
    """What `parse_redact` reads as the same."""
    asked = tuple(steps)
    if REDACT not in asked:
        return "false"
    narrowed = [step.partition(":")[2] for step in asked if step.startswith(f"{REDACT}:")]
    return ",".join(narrowed) or "true"


def _kind(name: str) -> PersonalKind:
    try:
        return PersonalKind(name)
    except ValueError as error:
        raise InvalidParameter(
            f"{REDACT}={name[:80]}",
            f"true, false, or any of {', '.join(PersonalKind)}",
            f"send {REDACT}=true for every kind, or kinds with commas between them",
        ) from error
