"""Endpointing: deciding that speech began, paused, went on, ended.

Voice activity labels windows; this decides what they mean. Two witnesses are heard. The detector
knows speech from noise but notices its end late; the level falls at once but knows nothing. So a
pause begins as soon as either calls it, and its place is where the level fell. It becomes an
endpoint if the detector confirms it, or if speech had stood out so far from the noise that the
level alone is proof.

How long the silence must be may depend on a third witness, who says whether what was said sounds
finished. Where that answer is late, silence decides as if nobody had been asked.
"""

from dataclasses import dataclass
from enum import Enum, auto

from lab_kit.audio.detect.vad import Window
from lab_kit.core.units import samples

ONSET_PROBABILITY = 0.5
"""Silero's own default threshold."""
RELEASE_GAP = 0.15
"""So much lower than the onset's is the probability that ends speech, so that one quiet syllable
does not; Silero's default."""
QUIET_SAMPLES = samples(0.07)
"""A quiet spell this long may be the end; most stop consonants are shorter."""
DOUBT_SAMPLES = samples(0.3)
"""A quiet spell that the detector goes on calling speech for this long was quiet speech; from then
on the level is not heard until something loud has shown that it can hear this speech at all."""
LATEST_RELEASE_SAMPLES = samples(0.15)
"""The detector's fall is seldom later than this, so the end is not placed further before it."""
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
    """Something happened at ``at_sample``: speech began, or (for a pause or an endpoint) ended.

    Attributes:
        confirmed: for a pause or its end, whether the detector called it one too.
    """

    mark: Mark
    at_sample: int
    confirmed: bool = True


class _Phase(Enum):
    SILENCE = auto()
    SPEECH = auto()
    PAUSE = auto()


LATEST_ANSWER_SAMPLES = samples(0.06)
"""So much longer than an utterance's silence an answer is waited for, whether it sounds finished.
It is asked when the pause is a tenth of a second long, so that most answers are early."""


class Endpointer:
    """Follows one stream.

    Args:
        silence_samples: silence that ends an utterance; None never ends one.
        unfinished_samples: silence that ends one of which `judged` said that it is not finished;
            None where nobody is asked.
        onset_probability: from which on a window begins speech.
    """

    def __init__(
        self,
        silence_samples: int | None,
        unfinished_samples: int | None = None,
        onset_probability: float = ONSET_PROBABILITY,
    ) -> None:
        self.change(silence_samples, unfinished_samples, onset_probability)
        self._is_finished: bool | None = None
        self._phase = _Phase.SILENCE
        self._speech_end = 0
        self._confirmed = False
        self._clear = False
        # speech is known to have reached here; its end is not placed earlier
        self._onset = 0
        # no quiet spell is believed before this; see DOUBT_SAMPLES
        self._trusted_from = 0
        # the level was wrong, and has not heard anything loud since
        self._refuted = False

    def change(
        self,
        silence_samples: int | None,
        unfinished_samples: int | None,
        onset_probability: float,
    ) -> None:
        """Go on with these, also in a pause that has begun."""
        self._silence_samples = silence_samples
        self._unfinished_samples = unfinished_samples
        self._onset_probability = onset_probability

    @property
    def release_probability(self) -> float:
        """Below which a window ends speech."""
        return max(0.01, self._onset_probability - RELEASE_GAP)

    def push(self, window: Window) -> SpeechMark | None:
        """Judge one window."""
        if self._phase is _Phase.SILENCE:
            return self._in_silence(window)
        if self._phase is _Phase.SPEECH:
            return self._in_speech(window)
        return self._in_pause(window)

    def heard_until(self, end_sample: int) -> SpeechMark | None:
        """Tell how much audio there is; windows lag behind it by up to 32 ms."""
        if self._phase is not _Phase.PAUSE or self._silence_samples is None:
            return None
        is_sure = self._confirmed or self._clear
        if not is_sure or end_sample - self._speech_end < self._wanted(self._silence_samples):
            return None
        self._phase = _Phase.SILENCE
        return SpeechMark(Mark.ENDPOINT, self._speech_end)

    def judged(self, is_finished: bool) -> None:
        """Whether what was said before the present pause sounds finished."""
        self._is_finished = is_finished

    def restart(self) -> None:
        """Take the utterance as ended; speech that goes on begins the next one."""
        self._phase = _Phase.SILENCE

    def _wanted(self, silence_samples: int) -> int:
        """Silence that ends the utterance, as far as is known."""
        if self._unfinished_samples is None or self._is_finished:
            return silence_samples
        if self._is_finished is None:
            return silence_samples + LATEST_ANSWER_SAMPLES
        return max(silence_samples, self._unfinished_samples)

    def _in_silence(self, window: Window) -> SpeechMark | None:
        # where speech stands out, what is near the noise floor is breath and not speech
        breath = window.is_clear and window.end_sample - window.loud_until_sample > QUIET_SAMPLES
        if window.speech_probability < self._onset_probability or breath:
            return None
        self._phase = _Phase.SPEECH
        self._trusted_from = window.end_sample
        self._refuted = False
        self._onset = max(0, window.start_sample - ONSET_LAG_SAMPLES)
        return SpeechMark(Mark.ONSET, self._onset)

    def _in_speech(self, window: Window) -> SpeechMark | None:
        released = window.speech_probability < self.release_probability
        quiet_from = max(window.loud_until_sample, self._trusted_from)
        self._refuted = self._refuted and window.loud_until_sample <= self._trusted_from
        quiet = not self._refuted and window.end_sample - quiet_from >= QUIET_SAMPLES
        if not (released or quiet):
            return None
        self._phase = _Phase.PAUSE
        self._confirmed = released
        self._clear = window.is_clear
        self._is_finished = None
        self._speech_end = self._end_by_level(window, released)
        return SpeechMark(Mark.PAUSE, self._speech_end, self._confirmed)

    def _in_pause(self, window: Window) -> SpeechMark | None:
        speech = window.speech_probability >= self._onset_probability
        if speech and (self._confirmed or window.loud_until_sample > self._speech_end):
            return self._resume(window)
        if speech and window.end_sample - self._speech_end > DOUBT_SAMPLES:
            self._trusted_from = window.end_sample
            self._refuted = True
            return self._resume(window)
        if not self._confirmed and window.speech_probability < self.release_probability:
            self._confirmed = True
            self._speech_end = self._end_by_level(window, released=True)
        return None

    def _resume(self, window: Window) -> SpeechMark:
        self._phase = _Phase.SPEECH
        return SpeechMark(Mark.RESUMED, window.start_sample, self._confirmed)

    def _end_by_level(self, window: Window, released: bool) -> int:
        end = min(max(window.loud_until_sample, self._onset), window.start_sample)
        return max(end, window.start_sample - LATEST_RELEASE_SAMPLES) if released else end
