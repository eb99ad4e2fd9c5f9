"""What a transcript of AssemblyAI's may be asked for with.

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

from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.dialects.assemblyai.redaction import steps_of
from lab_kit.protocol.operations import OperationState

PROVIDER = "assemblyai"
PATH = "/v2/transcript"
UPLOAD_PATH = "/v2/upload"
DELETED_URL = "http://deleted_by_user"
STATUSES: Mapping[str, tuple[OperationState, ...]] = {
    "queued": (OperationState.QUEUED,),
    "processing": (OperationState.RUNNING,),
    "completed": (OperationState.SUCCEEDED,),
    "error": (OperationState.FAILED, OperationState.CANCELLED),
}
"""The provider's states, and ours that they are."""
NOT_GIVEN = (
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
_URL = Annotated[str, Field(min_length=1, max_length=2_000)]
_Ms = Annotated[int, Field(ge=0, le=10**9)]
_Terms = Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=1_000)]
_Method = Literal["silence"] | None
_json: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@checked(frozen=True, slots=True)
class Asked:
    """A transcript that is to be made; what has an effect, and what answers only repeat.

    Attributes:
        webhook_auth_header_name: sent to the webhook with ``webhook_auth_header_value``; both or
            neither.
        redact_pii: whether personal data is taken out, by ``redact_pii_policies``, and replaced as
            ``redact_pii_sub`` says.
        redact_pii_audio: whether the sound is kept without it, too, as a file of
            ``redact_pii_audio_quality`` with a tone in its place, or as
            ``redact_pii_audio_options`` say.
    """

    audio_url: _URL
    audio_start_from: _Ms | None = None
    audio_end_at: _Ms | None = None
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
    redact_pii: bool | None = None
    redact_pii_policies: _Terms | None = None
    redact_pii_sub: Literal["hash", "entity_name"] | None = None
    redact_pii_audio: bool | None = None
    redact_pii_audio_quality: Literal["mp3", "wav"] | None = None
    redact_pii_audio_options: dict[Literal["override_audio_redaction_method"], _Method] | None = (
        None
    )

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
        fields["redact_pii"] = bool(self.redact_pii)
        fields["redact_pii_audio"] = bool(self.redact_pii_audio)
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
    def steps(self) -> tuple[str, ...]:
        """Our optional steps: redaction is one of them.

        Raises:
            InvalidParameter: a policy is not given here.
        """
        return steps_of(self.redact_pii_policies) if self.redact_pii else ()

    @property
    def audio_quality(self) -> Literal["mp3", "wav"]:
        """What the redacted sound is written as; mp3 is the provider's own choice."""
        return self.redact_pii_audio_quality or "mp3"

    @property
    def is_beeped(self) -> bool:
        """Whether a tone stands in the sound for what was taken out of it, and not silence."""
        return not any((self.redact_pii_audio_options or {}).values())

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
    if asked.audio_end_at is not None and asked.audio_end_at <= (asked.audio_start_from or 0):
        raise InvalidParameter(
            f"audio_end_at={asked.audio_end_at} with audio_start_from={asked.audio_start_from}",
            "an end behind the beginning, both in milliseconds",
            "correct one of them, or leave both out",
        )
    if asked.redact_pii_audio and not asked.redact_pii:
        raise InvalidParameter(
            "redact_pii_audio without redact_pii",
            "both",
            "send redact_pii=true, too, or leave redact_pii_audio out",
        )
    for code in (asked.language_code or "en", *(asked.language_codes or ())):
        _check_language(code)
    _check_webhook(asked)
    return asked


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


def _upload(url: str) -> UUID | None:
    try:
        path = urlsplit(url).path
    except ValueError:  # no address at all; whoever fetches it says so
        return None
    folder, _, name = path.rpartition("/")
    return uuid_of(name) if folder == UPLOAD_PATH else None


def uuid_of(text: str) -> UUID | None:
    """The number that a text is, as it is usually written; None where it is none."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
