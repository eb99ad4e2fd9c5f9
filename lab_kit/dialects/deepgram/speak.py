"""Deepgram's text to speech: what is asked for, and what an answer says about itself.

Source: Deepgram (2025), API reference "Text to Speech: Single Request" and "Continuous Text
Stream", as deepgram-sdk 7.17 sends them. Without an encoding the reference names MP3 for a request;
a socket has bare samples alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from lab_kit.audio.containers import FORMS, FileForm
from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.core.shown import shown
from lab_kit.dialects.deepgram.errors import PayloadError
from lab_kit.dialects.deepgram.server import MODEL_UUID

PATH = "/v1/speak"
MOST_CHARACTERS = 2_000
USUAL = "mp3"
_FORMS = {
    ("linear16", "wav"): "wav",
    ("linear16", "none"): "pcm",
    ("mulaw", "wav"): "mulaw_wav",
    ("mulaw", "none"): "mulaw",
    ("alaw", "wav"): "alaw_wav",
    ("alaw", "none"): "alaw",
    ("mp3", "none"): "mp3",
    ("opus", "ogg"): "opus",
    ("flac", "none"): "flac",
    ("aac", "none"): "aac",
}
"""By encoding and container; an encoding's first is its usual one."""
_USUAL_HZ = {"mp3": 22_050, "aac": 22_050, "opus": 48_000}
_FIXED = frozenset(_USUAL_HZ)
"""Their rate cannot be chosen."""
_SLOWEST, _FASTEST = 0.7, 1.5
_SOCKET_HZ = {"linear16": 24_000, "mulaw": 8_000, "alaw": 8_000}
"""Of a socket: what it may be asked for, and each one's usual rate."""


@dataclass(frozen=True, slots=True)
class SpeakOptions:
    """What is asked for.

    Attributes:
        model: the voice's name, as it was asked for.
    """

    model: str
    form: FileForm
    rate_hz: int
    speed: float


# pydantic would remember short texts for as long as the process lives
@checked(frozen=True, slots=True, config=ConfigDict(cache_strings="keys"))
class _Body:
    text: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]


_body: TypeAdapter[_Body] = TypeAdapter(_Body)


def parse_query(query: Mapping[str, str]) -> SpeakOptions:
    """The options of a request; unknown names are ignored, as the provider does.

    Raises:
        InvalidParameter: one of them asks for what there is not.
    """
    encoding = query.get("encoding", USUAL)
    known = [container for one, container in _FORMS if one == encoding]
    if not known:
        encodings = ", ".join(dict.fromkeys(one for one, _ in _FORMS))
        raise InvalidParameter(
            f"encoding={shown(encoding)}", f"one of {encodings}", "choose one of these"
        )
    container = query.get("container", known[0])
    if container not in known:
        raise InvalidParameter(
            f"container={shown(container)} with encoding={encoding}",
            " or ".join(known),
            "choose it, or leave container out",
        )
    form = FORMS[_FORMS[encoding, container]]
    speed = _number(query, "speed", 1.0, _SLOWEST, _FASTEST)
    return SpeakOptions(query.get("model", ""), form, _rate_hz(query, encoding, form), speed)


def parse_body(body: bytes) -> str:
    """The text.

    Raises:
        PayloadError: there is none, or too much.
    """
    try:
        return _body.validate_json(body).text
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise PayloadError(
            f"a body whose text is wrong: {wrong['msg']}",
            f'{{"text": "…"}} of at most {MOST_CHARACTERS:,} characters',
            "send such a body",
        ) from error


def parse_socket_query(query: Mapping[str, str]) -> SpeakOptions:
    """The same of a socket.

    Raises:
        InvalidParameter: one of them asks for what there is not.
    """
    encoding = query.get("encoding", "linear16")
    if encoding not in _SOCKET_HZ or query.get("container", "none") != "none":
        raise InvalidParameter(
            f"encoding={shown(encoding)}, container={shown(query.get('container', 'none'))}",
            f"one of {', '.join(_SOCKET_HZ)}, without a container",
            "choose one of these, or send a request by POST",
        )
    usual = {"sample_rate": str(_SOCKET_HZ[encoding])}
    return parse_query({**usual, **query, "encoding": encoding, "container": "none"})


class SpeakCommand(StrEnum):
    """What a client says on a socket."""

    SPEAK = "Speak"
    FLUSH = "Flush"
    CLEAR = "Clear"
    CLOSE = "Close"


def parse_socket_message(message: bytes | str) -> tuple[SpeakCommand, str]:
    """A command, and the text of one that speaks.

    Raises:
        PayloadError: it is none.
    """
    try:
        told = json.loads(message)
        command = SpeakCommand(told["type"])
        text = told["text"] if command is SpeakCommand.SPEAK else ""
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PayloadError(
            f"a message that is no command: {shown(str(message))}",
            f'{{"type": …}} with one of {", ".join(SpeakCommand)}',
            "send such a message",
        ) from error
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        raise PayloadError(
            "a text that is none, or too long",
            f"at most {MOST_CHARACTERS:,} characters in a message",
            "send it in parts",
        )
    return command, text


def socket_metadata(asked: SpeakOptions, request_id: str) -> dict[str, object]:
    """The first message of a socket."""
    return {
        "type": "Metadata",
        "request_id": request_id,
        "model_name": asked.model or "lab",
        "model_version": "1",
        "model_uuid": MODEL_UUID,
        "additional_model_uuids": [],
    }


def flushed(number: int) -> dict[str, object]:
    """All sound of the texts before a flush has been sent."""
    return {"type": "Flushed", "sequence_id": number}


def cleared(number: int) -> dict[str, object]:
    """Nothing more of the texts before it will be sent."""
    return {"type": "Cleared", "sequence_id": number}


def warning(error: LabError) -> dict[str, object]:
    """A message was of no use, and the socket goes on."""
    return {"type": "Warning", "code": error.reason, "description": str(error)}


def headers(asked: SpeakOptions, text: str, request_id: str) -> dict[str, str]:
    """What an answer says about itself."""
    return {
        "dg-request-id": request_id,
        "dg-model-name": asked.model or "lab",
        "dg-model-uuid": MODEL_UUID,
        "dg-char-count": str(len(text)),
    }


def _rate_hz(query: Mapping[str, str], encoding: str, form: FileForm) -> int:
    usual_hz = _USUAL_HZ.get(encoding, form.rates_hz[0])
    rate_hz = int(_number(query, "sample_rate", usual_hz, 1, 10**6))
    allowed = (usual_hz,) if encoding in _FIXED else form.rates_hz
    if rate_hz not in allowed:
        raise InvalidParameter(
            f"sample_rate={rate_hz} with encoding={encoding}",
            " or ".join(map(str, sorted(allowed))),
            "choose it, or leave sample_rate out",
        )
    return rate_hz


def _number(
    query: Mapping[str, str], name: str, default: float, lowest: float, highest: float
) -> float:
    text = query.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value <= highest:
        raise InvalidParameter(
            f"{name}={shown(text)}", f"{lowest:g} to {highest:g}", f"leave {name} out for its usual"
        )
    return value
