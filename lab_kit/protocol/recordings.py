"""A recording transcribed in one request, as our own API answers it."""

from typing import Self

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from lab_kit.core.events import Final
from lab_kit.core.personal_data import Redaction

TRANSCRIBE_PATH = "/v1/audio:transcribe"
REDACT_SOUND_PATH = "/v1/audio:redact"
LINES = "application/x-ndjson"
"""Asked for as ``Accept``, it brings each segment when it is done."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, punctuation included, and when it sounded.

    Attributes:
        confidence: in [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    confidence: float


# pydantic would remember short texts for as long as the process lives
@dataclass(frozen=True, slots=True, config=ConfigDict(cache_strings="keys"))
class Segment:
    """A stretch of speech; times count from the recording's beginning.

    Attributes:
        confidence: of its words, in [0, 1].
        words: those of the text, in order.
        redactions: what was taken out of the text, where that was asked for.
    """

    start_s: float
    end_s: float
    text: str
    confidence: float
    words: tuple[Word, ...]
    redactions: tuple[Redaction, ...] = ()

    @classmethod
    def of(cls, final: Final) -> Self:
        """What a final says."""
        words = tuple(Word(w.text, w.start_s, w.end_s, w.confidence) for w in final.words)
        return cls(
            final.start_s, final.end_s, final.text, final.confidence, words, final.redactions
        )


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One line of an answer that comes in lines; the last line is a `Transcript` or an error."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class Stages:
    """How far the request was when, on the server's monotonic clock.

    Attributes:
        received: the whole body was there.
        decoded: the sound in it was, and the engine was asked.
        started, finished: the engine, from the first segment to the last.
        responded: the answer was put together.
    """

    received: int
    decoded: int
    started: int
    finished: int
    responded: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in a recording.

    Attributes:
        text: of all segments.
        audio_s: length of the recording.
        version: of the model.
        device: that computed it.
    """

    text: str
    segments: tuple[Segment, ...]
    audio_s: float
    model: str
    version: str
    device: str
    stages_ns: Stages
