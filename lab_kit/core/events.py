"""The vocabulary of a live stream: what the recognizer says, in no provider's words.

Times named ``*_s`` count from the first audio sample of the stream. Stamps named ``*_ns`` are
the server's monotonic clock. A dialect turns these into its provider's messages.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.personal_data import Redaction


class PriorityClass(StrEnum):
    """How urgent somebody's work is; the most urgent first.

    Members share the device by weight (`engine.fairness`); none of them starves.
    """

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a client may choose when it opens a stream.

    Attributes:
        encoding: how the audio is written down, one of `audio.codecs.LIVE_ENCODINGS`; for Opus
            each message is one packet.
        sample_rate_hz: rate of the audio that arrives.
        channels: interleaved channels; they are averaged to mono.
        interim_results: whether interims are wanted at all.
        endpoint_silence_s: silence that ends an utterance; None switches endpointing off.
        unfinished_silence_s: silence that ends an utterance which did not sound finished when
            ``endpoint_silence_s`` was over; None lets silence alone decide.
        finished_probability: from what probability on an utterance sounds finished.
        utterance_end_s: gap after the last final that is announced as the utterance's end.
        speech_events: whether `SpeechStarted` is wanted.
        priority_class: how urgent the stream is, against others'.
        postprocess: optional steps that results go through, as `stream.sink.steps.STEPS` lists;
            ``redact:KIND`` narrows redaction, see `personal_data.redaction_of`.
        interim_words: whether interims carry the times of their words, as finals do.
        speech_probability: from what probability on a window of sound begins speech.
        pause_events: whether the first sign of a pause is told, by an interim with ``at_pause``,
            and by one without it where it was none: for who answers ahead.
    """

    encoding: str = "linear16"
    sample_rate_hz: int = 16_000
    channels: int = 1
    interim_results: bool = True
    endpoint_silence_s: float | None = 0.2
    utterance_end_s: float | None = None
    speech_events: bool = True
    priority_class: PriorityClass = PriorityClass.INTERACTIVE
    postprocess: tuple[str, ...] = ()
    interim_words: bool = False
    unfinished_silence_s: float | None = None
    finished_probability: float = 0.5
    speech_probability: float = 0.5
    pause_events: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """When the work behind one result happened, on the server's clock.

    Attributes:
        trigger_audio_s: end of the audio that had to arrive before the result was possible.
        received_ns: that audio's arrival.
        decided_ns: it was decoded and judged (speech, pause, endpoint).
        submitted_ns, started_ns, finished_ns: the inference request's life in the engine, all its
            waiting before its start; for a speculative final all three may lie before
            `received_ns`.
        compute_ns: device time of that request, its share of passes made together with others.
    """

    trigger_audio_s: float
    received_ns: int
    decided_ns: int
    submitted_ns: int
    started_ns: int
    finished_ns: int
    compute_ns: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone began to speak."""

    at_s: float


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word as it is written in a text, punctuation included, and when it sounded.

    Attributes:
        confidence: geometric mean of its tokens' probabilities, in [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Interim:
    """The segment's text so far; the next interim or the final may revise it.

    Attributes:
        sequence: counts the results of one stream, interims and finals together.
        stable_chars: length of the prefix that two successive passes agree on.
        confidence: geometric mean of the token probabilities, in [0, 1].
        words: those of the text with their times, where the client asked for them.
        at_pause: the speaker paused, and this will be the final if they say no more. The next
            result without it says that they do.
    """

    sequence: int
    start_s: float
    end_s: float
    text: str
    stable_chars: int
    confidence: float
    timing: Timing
    words: tuple[TimedWord, ...] = ()
    at_pause: bool = False


@dataclass(frozen=True, slots=True)
class Final:
    """The segment's text; it will not change.

    Attributes:
        endpoint: true when an endpoint closed the segment, false when its length or the end of
            the stream did.
        requested: true when the client asked for it (`Finalize`).
        words: those of the text, with their times.
        finished_probability: that the speaker had finished, by how it sounded; None where silence
            alone decided.
        redactions: what was taken out of the text, where the stream asked for that.
        tokens: that the model wrote for it.
    """

    sequence: int
    start_s: float
    end_s: float
    text: str
    confidence: float
    endpoint: bool
    requested: bool
    timing: Timing
    words: tuple[TimedWord, ...] = ()
    finished_probability: float | None = None
    redactions: tuple[Redaction, ...] = ()
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """The gap after the last final grew past what the client asked to be told of."""

    last_word_end_s: float


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """Everything the stream will ever say has been said.

    Attributes:
        audio_s: audio received.
        sha256: of the raw bytes received, as hexadecimal.
    """

    audio_s: float
    sha256: str
    channels: int


Event = SpeechStarted | Interim | Final | UtteranceEnd | StreamEnded


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answered, and where it ran."""

    name: str
    version: str
    architecture: str
    device: str
