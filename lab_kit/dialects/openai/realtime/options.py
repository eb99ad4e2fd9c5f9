"""What may be asked: a session's sound and turns, chosen before its first audio.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

import copy
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.events import StreamOptions
from lab_kit.core.shown import shown
from lab_kit.protocol.imitated import check_imitated, check_language

PATH = "/v1/realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
LEAST_COMMIT_S = 0.1
MOST_UNCOMMITTED_S = 600.0
"""Without turn detection one item is all that was heard since the last commit. It is told in one
event with all its words, and the words of ten minutes take some 5 ms of the server's loop."""
MIN_SILENCE_MS = 100
_FORMATS = {
    "audio/pcm": ("linear16", 24_000, 2),
    "audio/pcmu": ("mulaw", 8_000, 1),
    "audio/pcma": ("alaw", 8_000, 1),
}
"""Encoding, samples a second, bytes a sample."""
_DEFAULTS: dict[str, Any] = {
    "format": {"type": "audio/pcm", "rate": 24_000},
    "transcription": {"model": "moonshine-tiny-en"},
    "noise_reduction": None,
    "turn_detection": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
    },
}
SEMANTIC_SILENCE_S = 0.2
"""After which a turn that sounds finished ends; the provider publishes none."""
_EAGERNESS = {"low": (0.7, 8.0), "medium": (0.5, 4.0), "auto": (0.5, 4.0), "high": (0.3, 2.0)}
"""How sure one must be that a turn is over, which is ours; and the silence that ends it anyway
[Source: OpenAI (2025), guide "Voice activity detection", maximum timeouts]."""
_SETTLED = ("format", "turn_detection")
MAX_SILENCE_MS = 60_000


class _Model(BaseModel):
    """Values are what they are, not what they can be turned into. Unknown fields are not kept."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


_Text: TypeAlias = Annotated[str, Field(max_length=1_000)]
"""It is told back in every event about the session."""
_Texts: TypeAlias = Annotated[list[_Text], Field(max_length=32)]


class _Format(_Model):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: int | None = Field(None, ge=1, le=1_000_000)


class _ServerVad(_Model):
    type: Literal["server_vad"]
    threshold: float = Field(0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(300, ge=0, le=MAX_SILENCE_MS)
    silence_duration_ms: int = Field(500, ge=0, le=MAX_SILENCE_MS)
    create_response: bool = True
    interrupt_response: bool = True


class _SemanticVad(_Model):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


_TURN_DETECTIONS = ("server_vad", "semantic_vad")
"""Which of them it is stands in the place of an error, but in no message."""


class _Transcription(_Model):
    """Told back, and of no effect: there is one model, and it takes no hints."""

    model: _Text | None = None
    language: _Text | None = None
    languages: _Texts | None = None
    prompt: _Text | None = None
    keywords: _Texts | None = None
    delay: _Text | None = None


class _NoiseReduction(_Model):
    """Told back, and of no effect."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class _AudioInput(_Model):
    """``audio.input``."""

    format: _Format
    transcription: _Transcription | None
    noise_reduction: _NoiseReduction | None
    turn_detection: Annotated[_ServerVad | _SemanticVad, Field(discriminator="type")] | None


def default_input() -> dict[str, Any]:
    """The ``audio.input`` of a session that nothing was said about."""
    return copy.deepcopy(_DEFAULTS)


def stream_options(audio_input: dict[str, Any]) -> StreamOptions:
    """What ``audio.input`` asks of the recognizer."""
    encoding, rate_hz, _ = _FORMATS[audio_input["format"]["type"]]
    turns = audio_input["turn_detection"]
    if turns is None:
        return StreamOptions(encoding, rate_hz, endpoint_silence_s=None)
    if turns["type"] == "semantic_vad":
        probability, unfinished_s = _EAGERNESS[turns.get("eagerness", "auto")]
        return StreamOptions(
            encoding,
            rate_hz,
            endpoint_silence_s=SEMANTIC_SILENCE_S,
            unfinished_silence_s=unfinished_s,
            finished_probability=probability,
        )
    silence_s = max(MIN_SILENCE_MS, turns.get("silence_duration_ms", 500)) / 1000
    return StreamOptions(encoding, rate_hz, endpoint_silence_s=silence_s)


def bytes_per_s(audio_input: dict[str, Any]) -> int:
    """Bytes of a second of the session's sound, before base64."""
    _, rate_hz, sample_bytes = _FORMATS[audio_input["format"]["type"]]
    return rate_hz * sample_bytes


def updated_input(current: dict[str, Any], session: Any) -> dict[str, Any]:
    """The ``audio.input`` after a `session.update` with ``session``.

    Raises:
        InvalidMessage: it is no session.
        InvalidParameter: a value has no meaning here.
    """
    if not isinstance(session, dict) or "type" not in session:
        raise InvalidMessage(
            "session.update without session.type", "transcription", 'add "type": "transcription"'
        )
    if session["type"] != "transcription":
        raise InvalidParameter(
            f"session.type {shown(session['type'])}",
            "transcription, as the session was opened",
            'send "type": "transcription", or connect with ?model= to talk',
        )
    return merged_input(current, session)


def merged_input(current: dict[str, Any], session: dict[str, Any]) -> dict[str, Any]:
    """The ``audio.input`` after the changes that a session of any kind has for it.

    Raises:
        InvalidParameter: a value has no meaning here.
    """
    audio = session.get("audio") or {}
    changes = audio.get("input") or {} if isinstance(audio, dict) else {}
    if not isinstance(changes, dict):
        raise InvalidParameter(
            f"audio.input of type {type(changes).__name__}",
            "an object",
            "send audio.input with the fields to change",
        )
    return _merged(current, changes)


def check_session(session: Any) -> None:
    """Make sure that a session that was understood asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    changes = (session.get("audio") or {}).get("input") or {}
    hints = changes.get("transcription") or {}
    check_imitated(changes, ("format", "transcription", "turn_detection"))
    check_imitated(hints, ("model", "language"))
    check_language("transcription.language", hints.get("language"))


def needs_another_session(current: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether ``wanted`` changes what stays as it is from the first audio on."""
    return any(wanted[name] != current[name] for name in _SETTLED)


def _merged(current: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Only what is named changes; null clears.

    Raises:
        InvalidParameter: a value has no meaning here.
    """
    merged = current | {name: changes[name] for name in current if name in changes}
    try:
        checked = _AudioInput.model_validate(merged)
    except ValidationError as error:
        raise _no_meaning(error) from error
    rate_hz = _FORMATS[checked.format.type][1]
    if checked.format.rate not in (None, rate_hz):
        raise InvalidParameter(
            f"{checked.format.type} at {checked.format.rate} Hz",
            f"{rate_hz} Hz",
            f"resample to {rate_hz:,} Hz, or leave format.rate out",
        )
    return checked.model_dump(exclude_unset=True)


def _no_meaning(error: ValidationError) -> InvalidParameter:
    """The first value that has none, by its name."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(name) for name in first["loc"] if name not in _TURN_DETECTIONS)
    return InvalidParameter(
        f"{where}: {shown(first['input'])}",
        first["msg"],
        f"send {where} as the API's reference has it, or leave it out",
    )
