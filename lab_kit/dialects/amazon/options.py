"""What a stream is asked for: the same names as headers of a request, and in a WebSocket's address.

As headers they begin with ``x-amzn-transcribe-``. A switch that is off reads as one that is not
there, in whatever letters: one SDK always sends all of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import StreamOptions
from lab_kit.core.personal_data import PersonalKind, redaction_of
from lab_kit.core.shown import shown
from lab_kit.protocol.imitated import check_imitated, check_language, not_imitated

HTTP_PATH, SOCKET_PATH = "/stream-transcription", "/stream-transcription-websocket"
HEADER_PREFIX = "x-amzn-transcribe-"
ENDPOINT_S = 0.2
"""Silence that ends a segment; the provider publishes none."""
LOWEST_HZ, HIGHEST_HZ = 8_000, 48_000
OGG_OPUS = "ogg-opus"
ENCODINGS = {"pcm": "linear16", OGG_OPUS: "opus"}
"""The provider's names of what is heard here, and ours."""
OTHER_ENCODINGS = ("flac",)
"""The provider's others. Where a frame of FLAC ends is known some ten frames later."""
MOST_LANGUAGE_CHARS = 35
"""Of a language tag [Source: RFC 5646, section 4.4.1]."""
_SIGNATURE_PREFIX = "x-amz-"
_SESSION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
IMITATED = frozenset(
    {
        *("language-code", "sample-rate", "media-encoding", "session-id"),
        *("enable-partial-results-stabilization", "partial-results-stability"),
        *("content-redaction-type", "pii-entity-types"),
    }
)
"""What has its effect."""
_IDENTIFICATIONS = ("identify-language", "identify-multiple-languages")
_SWITCHES = (
    *("show-speaker-label", "enable-channel-identification", *_IDENTIFICATIONS),
    "enable-partial-results-stabilization",
)
_ECHOED = (
    *("language-code", "sample-rate", "media-encoding", "session-id", "vocabulary-name"),
    *("vocabulary-names", "vocabulary-filter-name", "vocabulary-filter-names"),
    *("vocabulary-filter-method", "language-model-name", "number-of-channels"),
    *("partial-results-stability", "language-options", "preferred-language"),
    *("content-identification-type", "content-redaction-type", "pii-entity-types", *_SWITCHES),
)
"""Told again in an answer's headers, where they were asked for."""


class Stability(StrEnum):
    """How soon a word of a partial result is settled."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_KINDS = {
    "ADDRESS": PersonalKind.ADDRESS,
    "BANK_ACCOUNT_NUMBER": PersonalKind.ACCOUNT,
    "BANK_ROUTING": PersonalKind.ACCOUNT,
    "CREDIT_DEBIT_CVV": PersonalKind.ACCOUNT,
    "CREDIT_DEBIT_NUMBER": PersonalKind.CARD,
    "EMAIL": PersonalKind.EMAIL,
    "NAME": PersonalKind.NAME,
    "PHONE": PersonalKind.PHONE,
    "PIN": PersonalKind.ACCOUNT,
    "SSN": PersonalKind.NATIONAL_NUMBER,
}
"""The provider's types of entities, and our kinds that they are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stream is asked for.

    Attributes:
        session_id: the client's name for it; None where the server is to make one.
        stability: None where words are not settled before a segment is complete.
        language: named in results where several were offered; None where it is not.
        has_channels: whether results name their channel.
    """

    options: StreamOptions
    session_id: str | None
    stability: Stability | None
    language: str | None
    has_channels: bool


def fields_of_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What the headers of a request ask for, by bare names."""
    begins = HEADER_PREFIX
    return _present({n.removeprefix(begins): v for n, v in headers.items() if n.startswith(begins)})


def fields_of_query(query: Mapping[str, str]) -> dict[str, str]:
    """What an address asks for beside its signature."""
    return _present({n: v for n, v in query.items() if not n.lower().startswith(_SIGNATURE_PREFIX)})


def parse_fields(fields: Mapping[str, str]) -> Asked:
    """What a stream is asked for.

    Raises:
        InvalidParameter: something is missing, has no meaning, or excludes something else.
    """
    channels = _channels(fields)
    return Asked(
        StreamOptions(
            encoding=_encoding(fields.get("media-encoding")),
            sample_rate_hz=_rate_hz(fields.get("sample-rate")),
            channels=channels,
            endpoint_silence_s=ENDPOINT_S,
            speech_events=False,
            interim_words=True,
            postprocess=_steps(fields),
        ),
        _session_id(fields.get("session-id")),
        _stability(fields),
        _language(fields),
        channels > 1,
    )


def check_fields(fields: Mapping[str, str]) -> None:
    """Make sure that a stream asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated(fields, IMITATED)
    check_language("language-code", fields.get("language-code"))


def answer_headers(fields: Mapping[str, str], session_id: str) -> dict[str, str]:
    """What the answer to a request tells of what was asked for."""
    told = {name: fields[name] for name in _ECHOED if name in fields} | {"session-id": session_id}
    return {f"{HEADER_PREFIX}{name}": value for name, value in told.items()}


def _present(fields: Mapping[str, str]) -> dict[str, str]:
    """Without switches that are off, and in small letters those that are on."""
    return {
        name: value.lower() if name in _SWITCHES else value
        for name, value in fields.items()
        if not (name in _SWITCHES and value.lower() == "false")
    }


def _is_on(fields: Mapping[str, str], name: str) -> bool:
    value = fields.get(name)
    if value not in (None, "true"):
        raise InvalidParameter(f"{name}={shown(value)}", "true or false", "send true or false")
    return value is not None


def _encoding(name: str | None) -> str:
    if name in OTHER_ENCODINGS:
        raise InvalidParameter(
            f"media-encoding={name}, which is not imitated here",
            " or ".join(ENCODINGS),
            "send signed 16-bit samples, little-endian, with media-encoding=pcm",
        )
    if name not in ENCODINGS:
        raise InvalidParameter(
            "no media-encoding" if name is None else f"media-encoding={shown(name)}",
            " or ".join(ENCODINGS),
            "add media-encoding=pcm for signed 16-bit samples, little-endian",
        )
    return ENCODINGS[name]


def _rate_hz(text: str | None) -> int:
    rate_hz = int(text) if text is not None and re.fullmatch("[0-9]{1,9}", text) else 0
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        raise InvalidParameter(
            "no sample-rate" if text is None else f"sample-rate={shown(text)}",
            f"{LOWEST_HZ:,} to {HIGHEST_HZ:,}, in hertz",
            "send the rate of the audio as digits",
        )
    return rate_hz


def _channels(fields: Mapping[str, str]) -> int:
    """Both of the two fields, or none of them, as the provider has it."""
    is_asked, number = _is_on(fields, "enable-channel-identification"), "number-of-channels"
    if is_asked != (number in fields):
        raise InvalidParameter(
            f"one of enable-channel-identification and {number}",
            "both, or none of them",
            f"add enable-channel-identification=true and {number}=2, or leave both out",
        )
    if is_asked and _is_on(fields, "show-speaker-label"):
        raise InvalidParameter(
            "show-speaker-label with enable-channel-identification", "one of them", "leave one out"
        )
    if is_asked and fields[number] != "2":
        raise InvalidParameter(f"{number}={shown(fields[number])}", "2", f"send {number}=2")
    return 2 if is_asked else 1


def _session_id(text: str | None) -> str | None:
    if text is not None and not _SESSION.fullmatch(text):
        raise InvalidParameter(
            f"session-id={shown(text)}", "a UUID", "send one, or leave session-id out"
        )
    return text


def _stability(fields: Mapping[str, str]) -> Stability | None:
    level = fields.get("partial-results-stability", Stability.HIGH)
    if level not in tuple(Stability):
        raise InvalidParameter(
            f"partial-results-stability={shown(level)}",
            f"one of {', '.join(Stability)}",
            "choose one of these, or leave it out",
        )
    is_asked = _is_on(fields, "enable-partial-results-stabilization")
    return Stability(level) if is_asked else None


def _language(fields: Mapping[str, str]) -> str | None:
    """The language that results name: of those that were offered, the one that is heard here."""
    code = fields.get("language-code")
    asked = ["language-code"] if code is not None else []
    asked += [name for name in _IDENTIFICATIONS if _is_on(fields, name)]
    if len(asked) != 1:
        raise InvalidParameter(
            " with ".join(asked) or "no language-code",
            "one of language-code, identify-language and identify-multiple-languages",
            "add language-code=en-US",
        )
    if code is not None:
        if not 0 < len(code) <= MOST_LANGUAGE_CHARS:
            raise InvalidParameter(
                f"a language-code of {len(code):,} characters",
                f"at most {MOST_LANGUAGE_CHARS}, as in en-US",
                "send a language tag",
            )
        return None
    offered = fields.get("language-options", "").split(",")
    heard = (one for one in offered if one.startswith("en-") and len(one) <= MOST_LANGUAGE_CHARS)
    return next(heard, "en-US")


def _steps(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Our optional steps: the provider's redaction is one of them."""
    redaction = fields.get("content-redaction-type")
    if redaction is None:
        return ()
    if redaction != "PII":
        raise InvalidParameter(f"content-redaction-type={shown(redaction)}", "PII", "send PII")
    if "content-identification-type" in fields:
        raise InvalidParameter(
            "content-redaction-type with content-identification-type", "one of them", "choose one"
        )
    return redaction_of(_kinds(fields.get("pii-entity-types", "ALL")))


def _kinds(value: str) -> tuple[PersonalKind, ...]:
    """Our kinds for the provider's; none, which is every kind, where all are asked for."""
    names = [name.strip() for name in value.split(",")]
    if names == ["ALL"]:
        return ()
    if strange := [name for name in names if name not in _KINDS]:
        raise not_imitated(f"pii-entity-types={','.join(strange)}")
    return tuple(_KINDS[name] for name in names)
