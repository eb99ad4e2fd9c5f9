"""Endpointing: deciding that speech began, paused, went on, ended.

Voice activity labels windows; this decides what they mean. A detector's probability falls only
after speech has ended, so the silence is counted from a corrected end, not from the fall.
"""

from dataclasses import dataclass
from enum import Enum, auto

from lab_kit.audio.vad import Window
from lab_kit.units import samples

ONSET_PROBABILITY = 0.5
"""Silero's own default threshold."""
RELEASE_PROBABILITY = 0.35
"""Lower than the onset's, so that one quiet syllable does not end speech; Silero's default gap."""
RELEASE_LAG_SAMPLES = samples(0.060)
"""How long after the true end of speech the probability falls below the release threshold: 30 to
90 ms on the read speech of the dataset, whose ends are known by forced alignment."""
ONSET_LAG_SAMPLES = samples(0.032)
"""Speech may have begun anywhere in the window before the one that crossed the threshold."""


class Mark(Enum):
    """What happened."""

    ONSET = auto()
    PAUSE = auto()
    RESUMED = auto()
    ENDPOINT = auto()


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """Something happened at ``at_sample``: speech began, or (for a pause or an endpoint) ended."""

    mark: Mark
    at_sample: int


class _Phase(Enum):
    SILENCE = auto()
    SPEECH = auto()
    PAUSE = auto()


class Endpointer:
    """Follows one stream.

    Args:
        silence_samples: silence that ends an utterance; None never ends one.
    """

    def __init__(self, silence_samples: int | None) -> None:
        self._silence_samples = silence_samples
        self._phase = _Phase.SILENCE
        self._speech_end = 0

    def push(self, window: Window) -> SpeechMark | None:
        """Judge one window."""
        probability = window.speech_probability
        if self._phase is _Phase.SILENCE and probability >= ONSET_PROBABILITY:
            self._phase = _Phase.SPEECH
            return SpeechMark(Mark.ONSET, max(0, window.start_sample - ONSET_LAG_SAMPLES))
        if self._phase is _Phase.SPEECH and probability < RELEASE_PROBABILITY:
            self._phase = _Phase.PAUSE
            self._speech_end = max(0, window.start_sample - RELEASE_LAG_SAMPLES)
            return SpeechMark(Mark.PAUSE, self._speech_end)
        if self._phase is _Phase.PAUSE and probability >= ONSET_PROBABILITY:
            self._phase = _Phase.SPEECH
            return SpeechMark(Mark.RESUMED, window.start_sample)
        return None

    def heard_until(self, end_sample: int) -> SpeechMark | None:
        """Tell how much audio there is; windows lag behind it by up to 32 ms."""
        if self._phase is not _Phase.PAUSE or self._silence_samples is None:
            return None
        if end_sample - self._speech_end < self._silence_samples:
            return None
        self._phase = _Phase.SILENCE
        return SpeechMark(Mark.ENDPOINT, self._speech_end)

    def restart(self) -> None:
        """Take the utterance as ended; speech that goes on begins the next one."""
        self._phase = _Phase.SILENCE
