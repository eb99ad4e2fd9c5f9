"""The recent past of a stream, addressed by sample number since its beginning."""

import numpy as np

from lab_kit.audio.pcm import FloatArray


class AudioBuffer:
    """Audio from ``start_sample`` to ``end_sample``; what is behind is forgotten on request."""

    def __init__(self) -> None:
        self._audio = np.zeros(0, np.float32)
        self.start_sample = 0

    @property
    def end_sample(self) -> int:
        """First sample not yet received."""
        return self.start_sample + len(self._audio)

    def push(self, audio: FloatArray) -> None:
        """Append (samples,)."""
        self._audio = np.concatenate([self._audio, audio])

    def between(self, start_sample: int, end_sample: int) -> FloatArray:
        """A copy of what is held of that range."""
        start = max(0, start_sample - self.start_sample)
        return self._audio[start : max(start, end_sample - self.start_sample)].copy()

    def forget_before(self, sample: int) -> None:
        """Free everything before ``sample``."""
        drop = min(max(0, sample - self.start_sample), len(self._audio))
        self._audio = self._audio[drop:]
        self.start_sample += drop
