"""A text to be spoken, as our own API takes it."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

SYNTHESIZE_PATH = "/v1/audio:synthesize"
MOST_CHARACTERS = 5_000
"""Some five minutes; OpenAI takes 4,096 [Source: OpenAI, 2025]."""
SLOWEST, FASTEST = 0.5, 2.0
"""Of the voice's own pace."""


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        strict=True,
        cache_strings="keys",  # pydantic would remember short texts while the process lives
        json_schema_extra={"examples": [{"text": "The door is open.", "format": "mulaw"}]},
    ),
)
class SpeechRequest:
    """What is to be said, and how it is written.

    Attributes:
        text: English.
        format: wav, pcm (16 bit, little-endian), mulaw, alaw, opus (in OGG), flac, mp3 or aac.
        sample_rate_hz: one of the format's; None for its usual one.
        speed: 1 is the voice's own pace.
    """

    text: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    format: str = "wav"
    sample_rate_hz: int | None = None
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] = 1.0
