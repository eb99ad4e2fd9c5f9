"""Smart Turn: the probability that whoever just paused has said all they meant to say.

It hears how something was said, not the words: the melody and the pace of the last seconds, the way
listeners know. So it needs no transcript, and its answer is there while the silence is still short.

The published graph takes eight seconds. Cut to five, with the same weights, it takes half of the
time; `tests/benchmarks/turns.py` counts what it takes for ends.

Source: Daily, 2026, Smart Turn v3.2, in pipecat-ai 1.14; its input is Whisper's log-mel
spectrogram: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022,
arXiv:2212.04356.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.lib.stride_tricks import sliding_window_view

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.models.device import Device, open_session
from lab_kit.models.store.kept import fingerprint, kept

HEARD_S = 8
"""What the spectrogram's level is taken from."""
WINDOW_S = 5
"""What the network sees of it: the end."""
_FFT_SAMPLES, _STEP_SAMPLES, _BANDS = 400, 160, 80
_SHORTEST_POWER = 1e-10
_RANGE = 8.0
"""Powers of ten below the loudest that are told apart."""
_GRAPH = "turn.onnx"
_POSITIONS = "inner.encoder.embed_positions.weight"
_FRAMES, _WANTED_FRAMES = 50 * HEARD_S, 50 * WINDOW_S


def open_smart_turn(path: Path) -> "SmartTurn":
    """The network, cut to `WINDOW_S`, on one thread.

    Raises:
        ModelStoreError: the cut graph cannot be kept.
    """

    def write(folder: Path) -> None:
        (folder / _GRAPH).write_bytes(_cut(path))

    made_from = fingerprint([path], ("onnx",), [Path(__file__)])
    graph = kept(f"smart-turn-{made_from}", write) / _GRAPH
    return SmartTurn(open_session(graph, Device("cpu", "turns", workers=1)))


class SmartTurn:
    """Judges one pause at a time; any thread may ask."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def completeness(self, audio: FloatArray) -> float:
        """Probability in [0, 1] that the turn is complete.

        Args:
            audio: (samples,) float32 at 16 kHz, up to the present moment, a tenth of a second of
                silence or more at its end; of more than `HEARD_S` the end counts.
        """
        wanted = HEARD_S * SAMPLE_RATE_HZ
        heard = np.zeros(wanted, np.float32)
        if len(audio):
            heard[-min(len(audio), wanted) :] = audio[-wanted:]
        features = spectrogram(heard)[None, :, -2 * _WANTED_FRAMES :]
        (answers,) = self._session.run(None, {"input_features": features})
        return float(np.asarray(answers).ravel()[0])


def spectrogram(audio: FloatArray) -> FloatArray:
    """Log-mel spectrogram, (80, frames) float32: a frame every 10 ms of (samples,) at 16 kHz."""
    level = audio - audio.mean()
    level = level / np.sqrt(audio.var() + 1e-7)
    padded = np.pad(level.astype(np.float32), _FFT_SAMPLES // 2, mode="reflect")
    windows = sliding_window_view(padded, _FFT_SAMPLES)[::_STEP_SAMPLES][:-1]
    powers = np.abs(np.fft.rfft(windows * _HANN, axis=1)) ** 2  # (frames, 201)
    levels = np.log10(np.maximum(_SHORTEST_POWER, powers @ _MELS)).T
    bounded: FloatArray = np.maximum(levels, levels.max() - _RANGE)
    return np.asarray((bounded + 4) / 4, np.float32)


def _mels() -> FloatArray:
    """Triangles over the FFT's frequencies, (201, 80): narrow below 1 kHz, then ever wider.

    Each has the same area. Source: Slaney, "Auditory Toolbox", 1998.
    """

    def hertz(mel: FloatArray) -> FloatArray:
        linear, bent = mel * 200 / 3, 1_000 * np.exp((mel - 15) * np.log(6.4) / 27)
        return np.where(mel < 15, linear, bent)

    highest = 15 + 27 * np.log(SAMPLE_RATE_HZ / 2 / 1_000) / np.log(6.4)
    edges_hz = hertz(np.linspace(0, highest, _BANDS + 2))
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, _FFT_SAMPLES // 2 + 1)[:, None]
    widths_hz = np.diff(edges_hz)
    rising = (bins_hz - edges_hz[:-2]) / widths_hz[:-1]
    falling = (edges_hz[2:] - bins_hz) / widths_hz[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * 2 / (edges_hz[2:] - edges_hz[:-2]), np.float32)


_HANN = np.hanning(_FFT_SAMPLES + 1)[:-1].astype(np.float32)
_MELS = _mels()


def _cut(path: Path) -> bytes:
    """The graph for the last `WINDOW_S`: fewer positions, of the same weights."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    graph = model.graph
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.name == _POSITIONS:
            weight.CopyFrom(numpy_helper.from_array(values[-_WANTED_FRAMES:].copy(), weight.name))
        elif values.dtype == np.int64 and values.tolist() == [_FRAMES]:
            weight.CopyFrom(numpy_helper.from_array(np.array([_WANTED_FRAMES]), weight.name))
    graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2 * _WANTED_FRAMES
    del graph.value_info[:]
    return bytes(model.SerializeToString())
