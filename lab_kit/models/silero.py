"""Silero VAD: the probability that a 32 ms window holds speech.

The network carries a state from window to window, so every stream has a scorer of its own while
all share one session. It runs on the CPU everywhere: a window costs about 0.15 ms there, less
than the trip to a GPU.
"""

from pathlib import Path

import numpy as np
import onnxruntime

from lab_kit.audio.pcm import FloatArray
from lab_kit.models.device import Device, open_session

WINDOW_SAMPLES = 512
_CONTEXT_SAMPLES = 64
_RATE = np.array(16_000, np.int64)


def open_silero(path: Path) -> onnxruntime.InferenceSession:
    """Open the graph that the silero-vad package ships.

    The package itself is not imported: it would load torch, which a serving process has no other
    use for.
    """
    return open_session(path, Device("cpu", "VAD", workers=1))


class SileroScorer:
    """Scores one stream's windows in order."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros((1, _CONTEXT_SAMPLES), np.float32)

    def score(self, window: FloatArray) -> float:
        """Probability in [0, 1] that ``window``, (512,) float32 at 16 kHz, holds speech."""
        padded = np.concatenate([self._context, window[None, :]], axis=1)  # (1, 576)
        probability, self._state = self._session.run(
            None, {"input": padded, "state": self._state, "sr": _RATE}
        )
        self._context = padded[:, -_CONTEXT_SAMPLES:]
        return float(probability[0, 0])
