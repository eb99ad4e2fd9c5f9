"""How sure a model is of its words while the room grows louder, each judged by what was said."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from lab_kit.audio import signals
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.call_record import RequestCall
from lab_kit.datasets import Clip
from lab_kit.measure.confidence import JudgedWord, judged_words

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
"""Of pink noise below the speech: a quiet office to a room that is as loud as the speaker."""
NOISE_SEED = 11


class Transcriber(Protocol):
    """Who has sound transcribed, as `bench.Caller` does."""

    async def transcribe(self, clip: FloatArray) -> RequestCall:
        """The words of (samples,) float32 at 16 kHz."""
        ...


async def judge_confidence(
    transcriber: Transcriber, clips: Sequence[Clip], snrs_db: Sequence[float] = SNRS_DB
) -> list[JudgedWord]:
    """Have the clips heard as recorded and in each noise, and judge every word that comes back."""
    sounds = [(clip, clip.samples) for clip in clips]
    sounds += [(clip, in_pink_noise(clip, snr_db)) for snr_db in snrs_db for clip in clips]
    calls = await asyncio.gather(*(transcriber.transcribe(sound) for _, sound in sounds))
    return [
        word
        for (clip, _), call in zip(sounds, calls, strict=True)
        for word in judged_words(clip.text, call.words)
    ]


def in_pink_noise(clip: Clip, snr_db: float) -> FloatArray:
    """The clip with noise so far below its speech, the same each time: float32 at 16 kHz."""
    spoken_s = [(word.start_s, word.end_s) for word in clip.words]
    noise = signals.pink(len(clip.samples), NOISE_SEED)
    return signals.in_noise(clip.samples, noise, snr_db, spoken_s)
