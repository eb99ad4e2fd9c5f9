"""What queries may ask of AssemblyAI's transcripts: a list, captions of a size, words to find.

Unknown names are ignored, as the provider does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from lab_kit.core.clock import seconds_of
from lab_kit.core.errors import InvalidParameter, OperationNotFound
from lab_kit.core.shown import shown
from lab_kit.dialects.assemblyai.options import PATH, STATUSES, uuid_of
from lab_kit.protocol.operations import OperationState

USUAL_LIMIT, LARGEST_LIMIT = 10, 200
MOST_PHRASE_WORDS = 5
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Listing:
    """Which transcripts are to be listed.

    Attributes:
        created_ms: from when, and to when without that, since 1970; None for any time.
        before_id: older than this one.
        after_id: newer than this one.
    """

    limit: int
    states: tuple[OperationState, ...]
    created_ms: tuple[int, int] | None
    before_id: UUID | None
    after_id: UUID | None


def parse_listing(query: Mapping[str, str]) -> Listing:
    """The list that a query asks for.

    Raises:
        InvalidParameter: a value has no meaning.
    """
    status = query.get("status")
    if status is not None and status not in STATUSES:
        raise InvalidParameter(
            f"status={shown(status)}", " or ".join(STATUSES), "send one of these, or leave it out"
        )
    everything = tuple(state for states in STATUSES.values() for state in states)
    return Listing(
        _number(query, "limit", USUAL_LIMIT, LARGEST_LIMIT),
        everything if status is None else STATUSES[status],
        _day_ms(query.get("created_on")),
        _neighbour(query, "before_id"),
        _neighbour(query, "after_id"),
    )


def parse_chars(query: Mapping[str, str]) -> int | None:
    """How many characters a caption may have; None where it is not said.

    Raises:
        InvalidParameter: it is no such number.
    """
    if "chars_per_caption" not in query:
        return None
    return _number(query, "chars_per_caption", 1, 10_000)


def parse_words(text: str) -> tuple[str, ...]:
    """The words and phrases to find, with commas between them; each once.

    Raises:
        InvalidParameter: there are none, or a phrase is too long.
    """
    phrases = tuple(dict.fromkeys(one for one in map(str.strip, text.split(",")) if one))
    if not phrases:
        raise InvalidParameter(
            "no words to find", "words=ONE,ANOTHER", "name the words, with commas between them"
        )
    for phrase in phrases:
        if len(phrase.split()) > MOST_PHRASE_WORDS:
            raise InvalidParameter(
                f"the phrase {shown(phrase)}",
                f"at most {MOST_PHRASE_WORDS} words",
                "search for fewer at a time",
            )
    return phrases


def parse_transcript_id(text: str) -> UUID:
    """The number of a transcript.

    Raises:
        OperationNotFound: no transcript is named so.
    """
    found = uuid_of(text)
    if found is None:
        raise OperationNotFound(
            f"the transcript {shown(text)}", "one of yours that has not expired", f"list {PATH}"
        )
    return found


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= value <= most:
        raise InvalidParameter(
            f"{name}={shown(text)}", f"1 to {most:,}", f"send such as {name}={min(most, 100)}"
        )
    return value


def _day_ms(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        day_s = seconds_of(f"{text}T00:00:00Z")
    except ValueError as error:
        raise InvalidParameter(
            f"created_on={shown(text)}", "a date, in UTC, as 2026-01-31", "send such a date"
        ) from error
    return day_s * 1_000, (day_s + _DAY_S) * 1_000


def _neighbour(query: Mapping[str, str], name: str) -> UUID | None:
    text = query.get(name)
    found = uuid_of(text or "")
    if text is not None and found is None:
        raise InvalidParameter(
            f"{name}={shown(text)}", "the id of a transcript", "take one from a list"
        )
    return found
