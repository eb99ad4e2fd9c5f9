"""The lab's voice: text to speech by hibari, with the one voice that its wheel carries.

Nothing is downloaded and the runtime loads at the first sentence, not at import. Used for the
synthesized caller and for clips whose words are known exactly. It does not know about 16 kHz,
streams or who listens.
"""

from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab_kit.core.errors import InvalidParameter, NotInstalled

VOICE = "hibari-heart"
"""By what name the catalog and the bill have it."""
VOICE_RATE_HZ = 24_000
"""What the voice produces; everything that listens works at 16,000."""
MAX_TEXT_CHARACTERS = 1_000
"""About a minute of speech; a whole document would hold the caller up."""
MIN_SPEED = 0.5
MAX_SPEED = 2.0


@dataclass(frozen=True, slots=True)
class SynthesizedSpeech:
    """What ``speak`` returns.

    Args:
        samples: (samples,) float32 in [-1, 1] at ``sample_rate_hz``.
        sample_rate_hz: 24,000 for this voice.
        text: what was said.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int
    text: str

    @property
    def duration_s(self) -> float:
        """Length of the audio in seconds."""
        return len(self.samples) / self.sample_rate_hz


class Synthesizer:
    """Speaks English sentences; the same text, seed and speed give the same samples.

    Args:
        threads: threads of the runtime; one is enough, it runs far above real time.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._engine: Any = None
        self._loading = Lock()

    def speak(self, text: str, seed: int = 0, speed: float = 1.0) -> SynthesizedSpeech:
        """Turn text into audio.

        Args:
            text: up to ``MAX_TEXT_CHARACTERS`` of English.
            seed: of the voice's noise component.
            speed: 1.0 is the voice's own pace; ``MIN_SPEED`` to ``MAX_SPEED``.

        Raises:
            InvalidParameter: nothing to say, too much to say, or a speed out of range.
            NotInstalled: hibari-tts is not installed.
        """
        _check(text, speed)
        samples = self._load()(text, speed=speed, seed=seed)
        if not len(samples):
            raise _nothing_to_say(text)
        clipped = np.clip(samples, -1.0, 1.0).astype(np.float32)
        return SynthesizedSpeech(clipped, VOICE_RATE_HZ, text)

    def _load(self) -> Any:
        with self._loading:  # two threads must not both build a session
            if self._engine is None:
                self._engine = _import_hibari().Hibari(threads=self._threads)
            return self._engine


def _check(text: str, speed: float) -> None:
    if not any(character.isalnum() for character in text):
        raise _nothing_to_say(text)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidParameter(
            received=f"{len(text):,} characters to speak",
            expected=f"at most {MAX_TEXT_CHARACTERS:,}",
            next_step="speak it sentence by sentence",
        )
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InvalidParameter(
            received=f"speed {speed}",
            expected=f"{MIN_SPEED} to {MAX_SPEED}",
            next_step="use 1.0 for the voice's own pace",
        )


def _nothing_to_say(text: str) -> InvalidParameter:
    return InvalidParameter(
        received=f"a text with nothing to say: {text!r}",
        expected="at least one word",
        next_step="check what the text comes from before asking for speech",
    )


def _import_hibari() -> Any:
    try:
        return import_module("hibari")
    except ModuleNotFoundError as error:
        raise NotInstalled.extra("a voice", "hibari-tts", "speech") from error
