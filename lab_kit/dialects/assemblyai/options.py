"""What may be asked of AssemblyAI's transcripts: one to be made, a list, captions, words to find.

What the provider offers and is not given here is refused by its name where it is switched on, since
an answer without it would look like one in which nothing was found. What only guides the provider's
models, such as words to expect, is taken and has no effect; so are fields that are not known.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from lab_kit.core.clock import seconds_of
from lab_kit.core.errors import InvalidMessage, InvalidParameter, OperationNotFound
from lab_kit.core.shown import shown
from lab_kit.protocol.operations import OperationState

PROVIDER = "assemblyai"
PATH = "/v2/transcript"
UPLOAD_PATH = "/v2/upload"
USUAL_LIMIT, LARGEST_LIMIT = 10, 200
MOST_PHRASE_WORDS = 5
DELETED_URL = "http://deleted_by_user"
STATUSES: Mapping[str, tuple[OperationState, ...]] = {
    "queued": (OperationState.QUEUED,),
    "processing": (OperationState.RUNNING,),
    "completed": (OperationState.SUCCEEDED,),
    "error": (OperationState.FAILED, OperationState.CANCELLED),
}
"""The provider's states, and ours that they are."""
NOT_GIVEN = (
    "audio_end_at",
    "audio_start_from",
    "auto_chapters",
    "auto_highlights",
    "content_safety",
    "custom_spelling",
    "custom_topics",
    "disfluencies",
    "dual_channel",
    "entity_detection",
    "filter_profanity",
    "iab_categories",
    "language_detection",
    "multichannel",
    "redact_pii",
    "redact_pii_audio",
    "sentiment_analysis",
    "speaker_labels",
    "speech_threshold",
    "speech_understanding",
    "summarization",
)
"""Refused where they are switched on."""
ALWAYS_ON = ("punctuate", "format_text")
"""Refused where they are switched off: the model writes in no other way."""
_SPEECH_MODELS = ("best", "nano", "slam-1", "universal")
"""Those that the SDK's answer may name; any other fails there."""
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
"""A token [Source: RFC 9110, 5.6.2]."""
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,1998}[!-~])?")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers by which a message is framed and sent to its receiver."""
_DAY_S = 86_400
_URL = Annotated[str, Field(min_length=1, max_length=2_000)]
_Terms = Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=1_000)]
_json: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@checked(frozen=True, slots=True)
class Asked:
    """A transcript that is to be made; what has an effect, and what answers only repeat.

    Attributes:
        webhook_auth_header_name: sent to the webhook with ``webhook_auth_header_value``; both or
            neither.
    """

    audio_url: _URL
    language_code: str | None = None
    webhook_url: _URL | None = None
    webhook_auth_header_name: str | None = None
    webhook_auth_header_value: str | None = None
    language_codes: _Terms | None = None
    speech_model: str | None = None
    speech_models: _Terms | None = None
    word_boost: _Terms | None = None
    boost_param: Literal["low", "default", "high"] | None = None
    keyterms_prompt: _Terms | None = None
    prompt: str | None = None
    temperature: Annotated[float, Field(allow_inf_nan=False)] | None = None
    domain: str | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """What `written` wrote."""
        return cls(**_json.validate_json(text))

    def written(self) -> str:
        """To be kept."""
        return _json.dump_json(_fields(self)).decode()

    def repeated(self) -> dict[str, Any]:
        """What an answer repeats: all but what proves to the webhook who calls it."""
        fields = _fields(self)
        del fields["webhook_auth_header_value"]
        if self.speech_model not in _SPEECH_MODELS:
            fields["speech_model"] = None
        return fields

    def without_addresses(self) -> Self:
        """What is left of it when its transcript is deleted."""
        return replace(
            self,
            audio_url=DELETED_URL,
            webhook_url=None if self.webhook_url is None else DELETED_URL,
            webhook_auth_header_name=None,
            webhook_auth_header_value=None,
            word_boost=None,
            keyterms_prompt=None,
            prompt=None,
        )

    @property
    def webhook_headers(self) -> dict[str, str]:
        """What the webhook is called with."""
        name, value = self.webhook_auth_header_name, self.webhook_auth_header_value
        return {} if name is None or value is None else {name.lower(): value}

    @property
    def upload(self) -> UUID | None:
        """The upload that its address names, whatever host stands before it; None for one of the
        web."""
        return _upload(self.audio_url)


_asked: TypeAdapter[Asked] = TypeAdapter(Asked)


@checked(frozen=True, slots=True)
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


def parse_request(body: bytes) -> Asked:
    """The transcript that a body asks for.

    Raises:
        InvalidMessage: it is no JSON object.
        InvalidParameter: a field has no meaning, or asks for what is not given here.
    """
    try:
        fields = _json.validate_json(body)
    except ValidationError as error:
        raise InvalidMessage(
            shown(body), 'a JSON object such as {"audio_url": "https://…"}', "send such a body"
        ) from error
    _check_given(fields)
    try:
        asked = _asked.validate_python(fields)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, wrong["loc"]))
        raise InvalidParameter(
            f"{field}: {wrong['msg']}", "what the field is documented with", f"correct {field}"
        ) from error
    for code in (asked.language_code or "en", *(asked.language_codes or ())):
        _check_language(code)
    _check_webhook(asked)
    return asked


def parse_listing(query: Mapping[str, str]) -> Listing:
    """The list that a query asks for; unknown names are ignored.

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


def parse_words(query: Mapping[str, str]) -> tuple[str, ...]:
    """The words and phrases to find, each once.

    Raises:
        InvalidParameter: there are none, or a phrase is too long.
    """
    phrases = tuple(
        dict.fromkeys(p for p in map(str.strip, query.get("words", "").split(",")) if p)
    )
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
    found = _uuid(text)
    if found is None:
        raise OperationNotFound(
            f"the transcript {shown(text)}", "one of yours that has not expired", f"list {PATH}"
        )
    return found


def _fields(asked: Asked) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in asked.__dataclass_fields__}


def _check_given(fields: Mapping[str, Any]) -> None:
    for name in NOT_GIVEN:
        if fields.get(name):
            raise InvalidParameter(
                f"{name}, which is not available on this server",
                "a transcript without it",
                f"leave {name} out, or send null or false",
            )
    for name in ALWAYS_ON:
        if fields.get(name) is False:
            raise InvalidParameter(
                f"{name}=false, which is not available on this server",
                "text as the model writes it",
                f"leave {name} out, or send true",
            )


def _check_language(code: str) -> None:
    if re.split("[_-]", code.lower())[0] != "en":
        raise InvalidParameter(
            f"the language {shown(code)}, which is not available on this server",
            "en, en_us, en_uk or en_au",
            "send one of these, or leave it out",
        )


def _check_webhook(asked: Asked) -> None:
    name, value = asked.webhook_auth_header_name, asked.webhook_auth_header_value
    if name is None and value is None:
        return
    if name is None or value is None:
        raise InvalidParameter(
            "one of webhook_auth_header_name and webhook_auth_header_value",
            "both, or neither",
            "send the other one, too",
        )
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
        raise InvalidParameter(
            f"webhook_auth_header_name {shown(name)}",
            "a header's name that is not needed for sending",
            "choose one of your own, such as X-Webhook-Secret",
        )
    if not _HEADER_VALUE.fullmatch(value):
        raise InvalidParameter(  # without the value, which is a secret
            f"a webhook_auth_header_value of {len(value):,} characters, or with some that do not"
            " fit into a header",
            "1 to 2,000 visible ASCII characters, with spaces between them",
            "choose such a value",
        )


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
    found = _uuid(text or "")
    if text is not None and found is None:
        raise InvalidParameter(
            f"{name}={shown(text)}", "the id of a transcript", "take one from a list"
        )
    return found


def _upload(url: str) -> UUID | None:
    try:
        path = urlsplit(url).path
    except ValueError:  # no address at all; whoever fetches it says so
        return None
    folder, _, name = path.rpartition("/")
    return _uuid(name) if folder == UPLOAD_PATH else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
