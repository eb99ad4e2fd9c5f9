"""What may be asked of a conversation: its answers, their sound, what they may call.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.replies import Function, ReplyOptions, TalkSettings
from lab_kit.core.shown import shown
from lab_kit.dialects.openai.realtime.options import default_input
from lab_kit.protocol.imitated import check_imitated, not_imitated

INSTRUCTIONS = "You are on the phone. Answer in one very short sentence."
MOST_CHARS = 10_000
"""Of instructions, or of an item."""
_MOST_SCHEMA_CHARS = 10_000
_SLOWEST, _FASTEST = 0.5, 1.5
"""The provider's own goes from 0.25; this voice does not."""
_FORMATS = {
    "audio/pcm": ("pcm", 24_000),
    "audio/pcmu": ("mulaw", 8_000),
    "audio/pcma": ("alaw", 8_000),
}


class _Model(BaseModel):
    """Values are what they are, not what they can be turned into. Unknown fields are not kept."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


_Text: TypeAlias = Annotated[str, Field(max_length=MOST_CHARS)]
_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]


class _Format(_Model):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: int | None = None


class _Output(_Model):
    """``audio.output``."""

    format: _Format
    voice: _Name | dict[str, _Name]
    speed: Annotated[float, Field(ge=_SLOWEST, le=_FASTEST)]


class _Tool(_Model):
    type: Literal["function"]
    name: _Name
    description: _Text = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class _Chosen(_Model):
    type: Literal["function"]
    name: _Name


class _Answers(_Model):
    """What a session and a single answer may choose."""

    instructions: _Text
    output_modalities: Annotated[list[Literal["audio", "text"]], Field(min_length=1, max_length=1)]
    tools: Annotated[list[_Tool], Field(max_length=32)]
    tool_choice: Literal["auto", "none", "required"] | _Chosen
    max_output_tokens: Annotated[int, Field(ge=1, le=4_096)] | Literal["inf"]
    output: _Output


def default_session() -> dict[str, Any]:
    """A session that nothing was said about, but for its input."""
    return {
        "instructions": INSTRUCTIONS,
        "output_modalities": ["audio"],
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "output": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "voice": "hibari-heart",
            "speed": 1.0,
        },
    }


def talk_input() -> dict[str, Any]:
    """The ``audio.input`` of a conversation that nothing was said about: without transcripts."""
    return default_input() | {"transcription": None}


def check_kind(session: Any) -> dict[str, Any]:
    """A session as a client may change it.

    Raises:
        InvalidMessage, InvalidParameter: it is none, or of another kind.
    """
    if not isinstance(session, dict) or "type" not in session:
        raise InvalidMessage(
            "session.update without session.type", "realtime", 'add "type": "realtime"'
        )
    if session["type"] != "realtime":
        raise InvalidParameter(
            f"session.type {shown(session['type'])}",
            "realtime, as the session was opened",
            'send "type": "realtime", or connect with ?intent=transcription',
        )
    return session


def merged(current: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The session's answers, or a single one, after changes: only what is named changes.

    Raises:
        InvalidParameter: a value has no meaning here.
    """
    audio = changes.get("audio") or {}
    output = (audio.get("output") if isinstance(audio, dict) else None) or {}
    if not isinstance(output, dict):
        raise InvalidParameter("audio.output that is no object", "an object", "send its fields")
    named = {name: changes[name] for name in current if name in changes and name != "output"}
    wanted = current | named
    known = {name: value for name, value in output.items() if name in current["output"]}
    wanted["output"] = current["output"] | known
    try:
        checked = _Answers.model_validate(wanted)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(name) for name in first["loc"])
        raise InvalidParameter(
            f"{where}: {shown(first['input'])}",
            first["msg"],
            f"send {where} as the API's reference has it, or leave it out",
        ) from error
    schemas = sum(len(json.dumps(tool.parameters)) for tool in checked.tools)
    if schemas > _MOST_SCHEMA_CHARS:
        raise InvalidParameter(
            f"tools with {schemas:,} characters of parameters",
            f"at most {_MOST_SCHEMA_CHARS:,}",
            "describe fewer or smaller functions",
        )
    return checked.model_dump()


def check_imitated_talk(session: dict[str, Any]) -> None:
    """Make sure that what was understood asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    known = ("type", "id", "object", "model", "audio", "output", "expires_at")
    check_imitated(session, (*known, *default_session()))


def check_in_conversation(response: dict[str, Any]) -> None:
    """Make sure that an answer is one to the conversation, and a part of it.

    Raises:
        InvalidParameter: it would stand outside of it.
    """
    if response.get("conversation") not in (None, "auto"):
        raise not_imitated(f"response.conversation={response['conversation']}")
    if response.get("input") is not None:
        raise not_imitated("response.input")


def reply_options(answers: dict[str, Any]) -> ReplyOptions:
    """How an answer is made."""
    choice, most = answers["tool_choice"], answers["max_output_tokens"]
    return ReplyOptions(
        is_spoken=answers["output_modalities"] == ["audio"],
        speed=answers["output"]["speed"],
        functions=tuple(
            Function(tool["name"], tool["description"], tool["parameters"])
            for tool in answers["tools"]
        ),
        choice=choice if isinstance(choice, str) else choice["name"],
        most_tokens=None if most == "inf" else most,
    )


def settings(answers: dict[str, Any], audio_input: dict[str, Any]) -> TalkSettings:
    """How the conversation is held."""
    encoding, rate_hz = _FORMATS[answers["output"]["format"]["type"]]
    turns = audio_input["turn_detection"]
    return TalkSettings(
        instructions=answers["instructions"],
        reply=reply_options(answers),
        answers=turns is not None and turns.get("create_response", True),
        yields=turns is not None and turns.get("interrupt_response", True),
        encoding=encoding,
        rate_hz=rate_hz,
    )


def sample_bytes(answers: dict[str, Any]) -> int:
    """Bytes of a second of the answers' sound, before base64."""
    encoding, rate_hz = _FORMATS[answers["output"]["format"]["type"]]
    return rate_hz * (2 if encoding == "pcm" else 1)
