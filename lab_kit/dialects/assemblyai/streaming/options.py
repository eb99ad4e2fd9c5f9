"""What a session may be asked for: in the query when it is opened, some of it later once more.

Names that the provider does not know are ignored, as it does. What it knows and is not imitated is
ignored too, unless the server is strict; but not what would be taken for granted: personal data
that nobody redacts, and a language that nobody hears.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab_kit.audio.codecs import check_encoding
from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.events import StreamOptions
from lab_kit.core.shown import shown
from lab_kit.protocol.imitated import check_imitated

PATH = "/v3/ws"
TOKEN_PATH = "/v3/token"
MIN_SILENCE_S = 0.1
"""Shorter silences lie inside words; a smaller ``min_turn_silence`` is raised to this."""
MOST_SILENCE_MS = 60_000
LONGEST_SESSION_S = 10_800.0
"""The provider's."""
MOST_COMMAND_CHARS = 65_536
"""Of one text message: the prompts that the provider takes are shorter by far."""
OPUS_HZ = 48_000
"""Of Opus packets the provider ignores the rate that is told, which may be left out."""
USUAL_MODEL = "universal-streaming-english"
"""The provider asks for a name; its older clients send none."""
TURN_SETTINGS = (
    "end_of_turn_confidence_threshold",
    "format_turns",
    "max_turn_silence",
    "min_turn_silence",
    "vad_threshold",
)
"""That can be changed while the session goes on."""
OLD_MIN_SILENCE = "min_end_of_turn_silence_when_confident"
"""Its older name, which the SDK rewrites and other clients send."""
IMITATED = frozenset(
    {
        *TURN_SETTINGS,
        *("encoding", "inactivity_timeout", "language", "language_code", "language_codes"),
        *(OLD_MIN_SILENCE, "redact_pii", "sample_rate", "speech_model", "token", "type"),
    }
)
"""What has its effect, or is refused whatever the server."""
_ENCODINGS = {"pcm_s16le": "linear16", "pcm_mulaw": "mulaw", "opus": "opus"}
_WHOLE_TURNS = ("u3-", "universal-3")
"""How the names of models begin that tell a turn whole, and format it as they go."""
_T = TypeVar("_T", bound=BaseModel)
_Silence_ms: TypeAlias = Annotated[int, Field(ge=0, le=MOST_SILENCE_MS)]
_Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class _Values(BaseModel):
    """In a query all of them are texts. Unknown fields are not kept."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Turns(_Values):
    """How turns end and are told; the defaults are the provider's.

    Attributes:
        min_turn_silence: milliseconds that end a turn of which one is sure.
        max_turn_silence: milliseconds that end any.
        vad_threshold: ours, where nothing is said: the provider's own belongs to its own detector.
    """

    format_turns: bool = False
    end_of_turn_confidence_threshold: _Share = 0.4
    min_turn_silence: _Silence_ms = 400
    max_turn_silence: _Silence_ms = 1_280
    vad_threshold: _Share = StreamOptions().speech_probability

    def changed(self, fields: Mapping[str, Any]) -> "Turns":
        """These, but for what ``fields`` name; null names nothing.

        Raises:
            InvalidParameter: a value has no meaning.
        """
        return _checked(Turns, self.model_dump() | _without_old_names(fields))


class Session(_Values):
    """What is settled when a session is opened.

    Attributes:
        sample_rate: Hz; of Opus `OPUS_HZ`, whatever is said.
        inactivity_timeout: seconds without a message after which the session ends; None leaves that
            to the server.
    """

    encoding: Literal["pcm_s16le", "pcm_mulaw", "opus"] = "pcm_s16le"
    sample_rate: int | None = Field(None, ge=1, le=1_000_000)
    speech_model: Annotated[str, Field(max_length=100)] = USUAL_MODEL
    inactivity_timeout: int | None = Field(None, ge=5, le=3_600)

    @property
    def tells_whole_turns(self) -> bool:
        """Whether the model that is asked for tells all it has heard of a turn, and its start; the
        others tell what will not change, and format a turn in a message of its own."""
        return self.speech_model.startswith(_WHOLE_TURNS)

    @property
    def rate_hz(self) -> int:
        """Samples a second."""
        return OPUS_HZ if self.encoding == "opus" else self.sample_rate or 0

    def audio_ms(self, data: bytes) -> float | None:
        """How long a chunk is; None of a packet, which does not say so."""
        sample_bytes = {"pcm_s16le": 2, "pcm_mulaw": 1}.get(self.encoding)
        return None if sample_bytes is None else len(data) / sample_bytes / self.rate_hz * 1_000


class TokenRequest(_Values):
    """A temporary token that is asked for, in seconds; both limits are the provider's."""

    expires_in_seconds: Annotated[int, Field(ge=1, le=600)]
    max_session_duration_seconds: int | None = Field(None, ge=60, le=10_800)


def parse_query(query: Mapping[str, str]) -> tuple[Session, Turns]:
    """What a session is opened with.

    Raises:
        InvalidParameter: a value has no meaning, or asks for what is not given here.
        UnsupportedSampleRate: see `audio.codecs.check_encoding`.
    """
    session = _checked(Session, query)
    if session.encoding != "opus" and session.sample_rate is None:
        raise InvalidParameter(
            "no sample_rate", "that of the sound, in Hz", "send such as sample_rate=16000"
        )
    check_encoding(_ENCODINGS[session.encoding], session.rate_hz)
    check_available(query)
    return session, Turns().changed(query)


def stream_options(session: Session, turns: Turns, steps: tuple[str, ...] = ()) -> StreamOptions:
    """What the recognizer is asked for.

    Args:
        steps: optional ones that every result passes, by name.
    """
    silence_s = max(MIN_SILENCE_S, turns.min_turn_silence / 1_000)
    return StreamOptions(
        encoding=_ENCODINGS[session.encoding],
        sample_rate_hz=session.rate_hz,
        endpoint_silence_s=silence_s,
        unfinished_silence_s=max(silence_s, turns.max_turn_silence / 1_000),
        finished_probability=turns.end_of_turn_confidence_threshold,
        speech_probability=turns.vad_threshold,
        speech_events=session.tells_whole_turns,
        postprocess=steps,
        interim_words=True,
    )


def parse_command(text: str) -> dict[str, Any]:
    """A text message.

    Raises:
        InvalidMessage: it is no JSON, or no object with a type.
    """
    try:
        if len(text) > MOST_COMMAND_CHARS:
            raise ValueError(f"longer than {MOST_COMMAND_CHARS:,} characters")
        command = orjson.loads(text)
    except ValueError as error:
        raise InvalidMessage(
            f"Invalid JSON: {shown(text)}", "a JSON object", "send sound as binary messages"
        ) from error
    if not isinstance(command, dict) or not isinstance(command.get("type"), str):
        raise InvalidMessage(
            f"Invalid Message: {shown(text)}",
            'a JSON object such as {"type": "KeepAlive"}',
            "send such a message",
        )
    return command


def check_available(fields: Mapping[str, Any]) -> None:
    """Make sure that nothing is asked for whose absence would be taken for its result.

    Raises:
        InvalidParameter: it is.
    """
    _check_redaction(fields)
    _check_languages(fields)


def check_settings(fields: Mapping[str, Any]) -> None:
    """Make sure that nothing is asked for that is not imitated.

    Raises:
        InvalidParameter: it is.
    """
    check_imitated(fields, IMITATED)


def parse_token_query(query: Mapping[str, str]) -> TokenRequest:
    """The token that a query asks for.

    Raises:
        InvalidParameter: it does not say for how long, or not as it may.
    """
    return _checked(TokenRequest, query)


def _without_old_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: fields[name] for name in TURN_SETTINGS if fields.get(name) is not None}
    old = fields.get(OLD_MIN_SILENCE)
    return named if old is None else {"min_turn_silence": old} | named


def _check_redaction(fields: Mapping[str, Any]) -> None:
    """Who asks for it and gets none must not believe that it was done."""
    if str(fields.get("redact_pii", "false")).lower() not in ("", "false", "0"):
        raise InvalidParameter(
            "redact_pii, which is not available on this server",
            "a session without it",
            "leave it out; this server's own step is asked for with redact=true",
        )


def _check_languages(fields: Mapping[str, Any]) -> None:
    codes = fields.get("language_codes") or []
    if isinstance(codes, str):  # as a query has it
        try:
            codes = orjson.loads(codes)
        except ValueError:
            codes = [codes]
    for code in codes if isinstance(codes, list) else [codes]:
        _check_language(code)
    for name in ("language", "language_code"):
        _check_language(fields.get(name) or "en")


def _check_language(code: object) -> None:
    if not str(code).lower().startswith("en"):
        raise InvalidParameter(
            f"the language {shown(code)}, which is not available on this server",
            "en, or one of its kinds",
            "send such a code, or leave it out",
        )


def _checked(kind: type[_T], fields: Mapping[str, Any]) -> _T:
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise InvalidParameter(
            f"no {name}" if first["type"] == "missing" else f"{name}: {shown(first['input'])}",
            first["msg"],
            f"send {name} as the API's reference has it, or leave it out",
        ) from error
