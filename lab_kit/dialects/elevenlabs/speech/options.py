"""What a request to speak asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from lab_kit.audio.containers import FORMS, FileForm
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.dialects.elevenlabs.errors import TooManyCharacters, Unprocessable
from lab_kit.protocol.imitated import check_imitated, check_language, not_imitated

PATH = "/v1/text-to-speech/{voice_id}"
USUAL_FORMAT = "mp3_44100_128"
MOST_CHARACTERS = 10_000
"""Of one request: what the SDK's usual model, multilingual v2, takes."""
_SLOWEST, _FASTEST = 0.7, 1.2


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How sound is written down.

    Attributes:
        name: the provider's.
    """

    name: str
    form: FileForm
    rate_hz: int


def _formats() -> dict[str, OutputFormat]:
    named: dict[str, tuple[str, int, int | None]] = {
        f"pcm_{hz}": ("pcm", hz, None) for hz in FORMS["pcm"].rates_hz
    }
    named |= {"ulaw_8000": ("mulaw", 8_000, None), "alaw_8000": ("alaw", 8_000, None)}
    for hz, rates in {
        22_050: (32,),
        24_000: (48,),
        44_100: (32, 64, 96, 128, 192),
    }.items():
        named |= {f"mp3_{hz}_{kbit}": ("mp3", hz, 1_000 * kbit) for kbit in rates}
    named |= {
        f"opus_48000_{kbit}": ("opus", 48_000, 1_000 * kbit) for kbit in (32, 64, 96, 128, 192)
    }
    return {
        name: OutputFormat(name, replace(FORMS[form], bits_per_s=bits_per_s), rate_hz)
        for name, (form, rate_hz, bits_per_s) in named.items()
    }


FORMATS = _formats()
"""All that the provider lists but ``wav_*``, which it keeps for some subscriptions."""
QUERY_IMITATED = frozenset({"output_format", "optimize_streaming_latency", "enable_logging"})
BODY_IMITATED = frozenset({"text", "model_id", "language_code", "voice_settings", "seed"})
"""What has its effect, or none that could be seen: the same text is always spoken in the same way,
as with a seed."""
_SETTINGS_IMITATED = frozenset({"speed"})


@checked(frozen=True, slots=True)
class _Settings:
    speed: Annotated[float, Field(ge=_SLOWEST, le=_FASTEST)] | None = None


# pydantic would remember short texts for as long as the process lives
@checked(frozen=True, slots=True, config=ConfigDict(cache_strings="keys"))
class _Body:
    text: Annotated[str, Field(min_length=1)]
    model_id: Annotated[str, Field(max_length=200)] | None = None
    voice_settings: _Settings | None = None


_body: TypeAdapter[_Body] = TypeAdapter(_Body)
_settings: TypeAdapter[_Settings | None] = TypeAdapter(_Settings | None)
_object: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What a body asks for."""

    text: str
    speed: float


def parse_format(query: Mapping[str, str]) -> OutputFormat:
    """The format that is asked for.

    Raises:
        Unprocessable: there is none of that name.
    """
    name = query.get("output_format", USUAL_FORMAT)
    if name not in FORMATS:
        raise Unprocessable(
            ("query", "output_format"),
            f"output_format={shown(name)}",
            f"one of {', '.join(FORMATS)}",
            f"choose one of these, or leave it out for {USUAL_FORMAT}",
        )
    return FORMATS[name]


def parse_body(data: bytes) -> SpeechRequest:
    """What is to be said.

    Raises:
        Unprocessable: a field is missing, or has no meaning here.
        TooManyCharacters: there is too much of it.
    """
    try:
        body = _body.validate_json(data)
    except ValidationError as error:
        raise unprocessable(error, "body") from error
    if len(body.text) > MOST_CHARACTERS:
        raise TooManyCharacters(
            f"{len(body.text):,} characters",
            f"at most {MOST_CHARACTERS:,} in a request",
            "send them in several",
        )
    settings = body.voice_settings or _Settings()
    return SpeechRequest(body.text, settings.speed or 1.0)


def parse_settings(settings: Any) -> float:
    """The speed that voice settings ask for.

    Raises:
        Unprocessable: they are none, or it has no meaning here.
    """
    try:
        told = _settings.validate_python(settings) or _Settings()
    except ValidationError as error:
        raise unprocessable(error, "voice_settings") from error
    return told.speed or 1.0


def check_query(query: Mapping[str, str]) -> None:
    """Make sure that a query asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated(query, QUERY_IMITATED)


def check_body(data: bytes) -> None:
    """The same of a body that was understood."""
    told = _object.validate_json(data)
    check_spoken(told, BODY_IMITATED)


def check_spoken(told: Mapping[str, Any], imitated: frozenset[str]) -> None:
    """The same of an object with voice settings in it."""
    asked = {name: value for name, value in told.items() if value not in ([], {}, "")}
    if asked.get("apply_text_normalization") == "auto":
        del asked["apply_text_normalization"]
    check_imitated(asked, imitated)
    check_language("language_code", asked.get("language_code"))
    for name, value in (asked.get("voice_settings") or {}).items():
        if name not in _SETTINGS_IMITATED and value is not None:
            raise not_imitated(f"voice_settings.{name}={value}")


def unprocessable(error: ValidationError, place: str) -> InvalidParameter:
    """The first value that has no meaning."""
    wrong = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = (place, *wrong["loc"])
    name = ".".join(map(str, where))
    return Unprocessable(where, f"{name}: {wrong['msg']}", "what the schema has", f"change {name}")
