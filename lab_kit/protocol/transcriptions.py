"""Transcriptions as resources: made by an operation, kept for a while, read in several forms."""

from enum import StrEnum

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from lab_kit.protocol.recordings import Segment

TRANSCRIPTIONS_PATH = "/v1/transcriptions"
SHORTEST_TTL_S, USUAL_TTL_S, LONGEST_TTL_S = 60.0, 86_400.0, 7 * 86_400.0
"""How long one is kept, from when it was asked for: a minute, a day, a week."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class RecordingAddress:
    """Where a recording is that the server is to fetch, instead of being sent it."""

    url: str


class TextFormat(StrEnum):
    """In which form one is read."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said in a recording. Times of day are UTC, as RFC 3339 writes them.

    Attributes:
        name: under ``/v1``.
        expire_time: when it is removed.
        audio_s: length of the recording.
        version: of the model.
        device: that computed it.
        text: of all segments.
    """

    name: str
    create_time: str
    expire_time: str
    audio_s: float
    model: str
    version: str
    device: str
    text: str
    segments: tuple[Segment, ...]
