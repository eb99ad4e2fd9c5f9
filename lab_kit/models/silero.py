"""Silero VAD: the probability that a 32 ms window holds speech.

The network carries a state from window to window, so every stream has a scorer of its own while
all share one session. It runs on the CPU everywhere: a window costs about 0.1 ms there, less
than the trip to a GPU. Of the graphs in the package this is the one that takes windows in a row:
two at once cost 0.15 ms, and the probabilities are those of the graph that takes them singly.
"""

from pathlib import Path

import numpy as np
import onnxruntime

from lab_kit.audio.pcm import FloatArray
from lab_kit.models.device import Device, open_session

WINDOW_SAMPLES = 512
_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)


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
        self._hidden = self._cell = np.zeros(_STATE_SHAPE, np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)

    def score(self, windows: FloatArray) -> list[float]:
        """Probability in [0, 1] that each of ``windows``, (n, 512) float32 at 16 kHz, is speech."""
        # every window is shown with the end of the one before
        padded = np.empty((len(windows), _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        padded[:, _CONTEXT_SAMPLES:] = windows
        padded[0, :_CONTEXT_SAMPLES] = self._context
        padded[1:, :_CONTEXT_SAMPLES] = windows[:-1, -_CONTEXT_SAMPLES:]
        self._context = padded[-1, -_CONTEXT_SAMPLES:]
        inputs = {"input": padded, "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = self._session.run(None, inputs)
        scores: list[float] = probabilities.tolist()
        return scores
