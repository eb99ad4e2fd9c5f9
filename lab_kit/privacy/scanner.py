"""Where personal data is in a text, and up to where what comes next can change nothing.

Rules and lists, standard library only: a sentence takes a fraction of a millisecond, and time grows
with the text's length. An interim is told up to `Scan.settled_chars`, since what was told cannot be
taken back: what comes next may complete a number, or show that a word was the first of an e-mail
address. Whoever has a recognizer of persons asks it first, and hands in what it said.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from lab_kit.core.errors import PayloadTooLarge
from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.addresses import addresses
from lab_kit.privacy.dates import dates_of_birth
from lab_kit.privacy.emails import emails
from lab_kit.privacy.findings import Finding, Hold, Seen, without_overlaps
from lab_kit.privacy.numbered import numbered
from lab_kit.privacy.numbers import rows_of
from lab_kit.privacy.people import people
from lab_kit.privacy.persons import persons
from lab_kit.privacy.tokens import tokens_of

MOST_CHARS = 20_000
"""Of one text: half an hour of speech, where a segment has seconds of it."""
ALL_KINDS = frozenset(PersonalKind)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a text holds.

    Attributes:
        findings: in order, without overlaps.
        settled_chars: of the text, that nothing which may follow turns into a finding.
    """

    findings: tuple[Finding, ...]
    settled_chars: int


def scan(
    text: str,
    kinds: Collection[PersonalKind] = ALL_KINDS,
    named: Iterable[tuple[int, int]] = (),
) -> Scan:
    """Look for personal data of these kinds.

    Args:
        named: characters in which a recognizer sees a person named, the end not included.

    Raises:
        PayloadTooLarge: the text has more than `MOST_CHARS` characters.
    """
    if len(text) > MOST_CHARS:
        raise PayloadTooLarge(
            f"{len(text):,} characters to look through",
            f"at most {MOST_CHARS:,}",
            "scan it segment by segment",
        )
    seen = list(_seen(text, named))
    found = (one for one in seen if isinstance(one, Finding) and one.kind in kinds)
    holds = (one.start for one in seen if isinstance(one, Hold) and one.kinds & set(kinds))
    return Scan(without_overlaps(found), min(holds, default=len(text)))


def _seen(text: str, named: Iterable[tuple[int, int]]) -> Iterator[Seen]:
    tokens = tokens_of(text)
    rows = rows_of(tokens)
    yield from numbered(tokens, rows)
    yield from emails(tokens, rows)
    yield from dates_of_birth(tokens, rows)
    yield from addresses(tokens, rows)
    yield from people(tokens)
    yield from persons(tokens, named)
