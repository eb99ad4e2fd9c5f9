"""OpenAI's text to speech: what is asked for, and speech as events.

Source: OpenAI (2025), API reference, "Create speech"; as openai 3.57 sends it.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from lab_kit.audio.containers import FORMS, FileForm
from lab_kit.core.errors import InvalidParameter

PATH = "/v1/audio/speech"
MOST_CHARACTERS = 4_096
EVENT_STREAM = "text/event-stream"
PCM_HZ = 24_000
"""Of ``pcm``, which is sent without a head."""
_SLOWEST, _FASTEST = 0.5, 2.0
"""The provider's own goes from 0.25 to 4; this voice does not."""
_MEDIA_TYPES = {"pcm": "audio/pcm", "opus": "audio/opus"}
"""The provider's names, where they are not the form's."""


# pydantic would remember short texts for as long as the process lives
@checked(frozen=True, slots=True, config=ConfigDict(cache_strings="keys"))
class _Body:
    """What is read of a request; the rest is ignored, as the provider's older models do."""

    input: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    model: str
    voice: str | dict[str, Any]
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=_SLOWEST, le=_FASTEST)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


_body: TypeAdapter[_Body] = TypeAdapter(_Body)


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """What is asked for.

    Attributes:
        rate_hz: of the file.
        media_type: of the answer, where it is no event stream.
        is_events: whether the file comes as events.
    """

    text: str
    form: FileForm
    rate_hz: int
    speed: float
    media_type: str
    is_events: bool


def parse_body(body: bytes) -> SpeechOptions:
    """The options of a request.

    Raises:
        InvalidParameter: a field is missing, or asks for what cannot be given here.
    """
    try:
        asked = _body.validate_json(body)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, wrong["loc"])) or "the body"
        raise InvalidParameter(
            f"{place}: {wrong['msg']}", "model, voice and input as JSON", "change that field"
        ) from error
    form = FORMS[asked.response_format]
    return SpeechOptions(
        text=asked.input,
        form=form,
        rate_hz=PCM_HZ if asked.response_format == "pcm" else form.rates_hz[0],
        speed=asked.speed,
        media_type=_MEDIA_TYPES.get(asked.response_format, form.media_type),
        is_events=asked.stream_format == "sse",
    )


def delta(piece: bytes) -> bytes:
    """A piece of the file as an event."""
    return _event({"type": "speech.audio.delta", "audio": b64encode(piece).decode("ascii")})


def done() -> bytes:
    """The last event. Tokens are not counted here, so there are none of them."""
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return _event({"type": "speech.audio.done", "usage": usage})


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()
