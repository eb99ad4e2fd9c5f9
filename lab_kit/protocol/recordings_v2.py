"""The second version of what a recording's answer looks like, written from the first.

Three things differ, and each breaks a client of the first: times are whole milliseconds, which
compare and add up without rounding; words are one list of the whole recording, each with the number
of its segment, so that whoever looks for a word or cuts sound needs no loop inside a loop; and what
names the model is one object. The server computes the first version alone. Nothing is lost, and
nothing is computed twice.
"""

from typing import Self

from pydantic.dataclasses import dataclass

from lab_kit.protocol import recordings as first
from lab_kit.protocol.recordings import Stages

TRANSCRIBE_V2_PATH = "/v2/audio:transcribe"


def _ms(seconds: float) -> int:
    return round(1_000 * seconds)


@dataclass(frozen=True, slots=True)
class RecordingWord:
    """A word as it is written, punctuation included, and when it sounded.

    Attributes:
        segment: the number of its segment, from 0.
        start_ms, end_ms: count from the recording's beginning.
        confidence: in [0, 1].
    """

    text: str
    segment: int
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class RecordingRedaction:
    """Something that was taken out of a text.

    Attributes:
        kind: of personal data, or ``withheld`` where a text could not be looked through.
        score: how sure that is, in [0, 1].
        reason: the rule that found it.
    """

    kind: str
    start_ms: int
    end_ms: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class RecordingSegment:
    """A stretch of speech.

    Attributes:
        number: from 0.
        start_ms, end_ms: count from the recording's beginning.
        confidence: of its words, in [0, 1].
        redactions: what was taken out of the text, where that was asked for.
    """

    number: int
    start_ms: int
    end_ms: int
    text: str
    confidence: float
    redactions: tuple[RecordingRedaction, ...] = ()

    @classmethod
    def of(cls, segment: first.Segment, number: int) -> Self:
        """The segment without its words."""
        start_ms, end_ms = _ms(segment.start_s), _ms(segment.end_s)
        gone = tuple(
            RecordingRedaction(one.kind, _ms(one.start_s), _ms(one.end_s), one.score, one.reason)
            for one in segment.redactions
        )
        return cls(number, start_ms, end_ms, segment.text, segment.confidence, gone)


@dataclass(frozen=True, slots=True)
class RecordingModel:
    """What answered.

    Attributes:
        version: its number.
        device: that computed it.
    """

    name: str
    version: str
    device: str


@dataclass(frozen=True, slots=True)
class RecordingLine:
    """One line of an answer that comes in lines; the last is a `RecordingTranscript` or an error.

    Attributes:
        words: those of the segment.
    """

    segment: RecordingSegment
    words: tuple[RecordingWord, ...]

    @classmethod
    def of(cls, segment: first.Segment, number: int) -> Self:
        """A segment that is done."""
        return cls(RecordingSegment.of(segment, number), _words(segment, number))


@dataclass(frozen=True, slots=True)
class RecordingTranscript:
    """What was heard in a recording.

    Attributes:
        text: of all segments.
        duration_ms: of the recording.
        words: of all segments, in order.
        stages_ns: as in the first version.
    """

    text: str
    duration_ms: int
    words: tuple[RecordingWord, ...]
    segments: tuple[RecordingSegment, ...]
    model: RecordingModel
    stages_ns: Stages

    @classmethod
    def of(cls, told: first.Transcript) -> Self:
        """The same answer."""
        numbered = list(enumerate(told.segments))
        return cls(
            text=told.text,
            duration_ms=_ms(told.audio_s),
            words=tuple(word for number, one in numbered for word in _words(one, number)),
            segments=tuple(RecordingSegment.of(one, number) for number, one in numbered),
            model=RecordingModel(told.model, told.version, told.device),
            stages_ns=told.stages_ns,
        )


def _words(segment: first.Segment, number: int) -> tuple[RecordingWord, ...]:
    return tuple(
        RecordingWord(word.text, number, _ms(word.start_s), _ms(word.end_s), word.confidence)
        for word in segment.words
    )
