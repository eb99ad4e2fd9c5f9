"""Whisper's exported graphs in ONNX Runtime; keys and values stay where they were computed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from lab_kit.audio.pcm import FloatArray
from lab_kit.experiments.runtimes.exporting import DECODER, ENCODER
from lab_kit.experiments.runtimes.network import Memory
from lab_kit.models.device import CUDA, Device, open_session, session_device
from lab_kit.models.placement import share_on_cpu


class OnnxNetwork:
    """The two graphs of an export, run by ONNX Runtime.

    Args:
        folder: holds ``encoder.onnx`` and ``decoder.onnx``.
    """

    def __init__(self, folder: Path, device: Device) -> None:
        self._encoder = open_session(folder / ENCODER, device)
        self._decoder = open_session(folder / DECODER, device)
        self._kind = "cuda" if CUDA in self._decoder.get_providers() else "cpu"
        past, heads, width = _past_of(self._decoder)
        self._nothing = _value(np.zeros((1, heads, 0, width), np.float32), self._kind)
        self._past_names = past
        self.size_bytes = sum((folder / name).stat().st_size for name in (ENCODER, DECODER))
        self.device = device
        if device.kind == "cuda":
            share = share_on_cpu(folder / ENCODER, device, _encode_silence)
            self.device = session_device(self._encoder.get_providers(), device, share)

    def encode(self, mel: FloatArray) -> Memory:
        """(1, 80, 3000) log-mel to what the decoder listens to."""
        names = [output.name for output in self._encoder.get_outputs()]
        places = dict.fromkeys(names, self._kind)
        return _run(self._encoder, {"mel": _value(mel, self._kind)}, places)

    def empty(self) -> Memory:
        """The past before the first token."""
        return [self._nothing] * len(self._past_names)

    def decode(
        self, tokens: Sequence[int], past: Memory, heard: Memory
    ) -> tuple[FloatArray, Memory]:
        """Feed ``tokens``; the (words,) scores after the last, and the longer past."""
        fed = {"tokens": _value(np.array([tokens], np.int64), self._kind)}
        for index, name in enumerate(self._past_names):
            fed[name] = past[index]
            fed[name.replace("past", "heard")] = heard[index]
        places = {output.name: self._kind for output in self._decoder.get_outputs()}
        scores, *longer = _run(self._decoder, fed, {**places, "scores": "cpu"})
        return scores.numpy()[0], longer


def _run(
    session: onnxruntime.InferenceSession, inputs: Mapping[str, Any], places: Mapping[str, str]
) -> list[Any]:
    """Run a graph and leave each output where ``places`` says."""
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    for name, place in places.items():
        binding.bind_output(name, place)
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    return list(binding.get_outputs())


def _value(array: np.ndarray[Any, Any], kind: str) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), kind, 0)


def _past_of(decoder: onnxruntime.InferenceSession) -> tuple[list[str], int, int]:
    """Names of the past's tensors, and the heads and head width that each has."""
    past = [each for each in decoder.get_inputs() if each.name.startswith("past_")]
    _, heads, _, width = past[0].shape
    return [each.name for each in past], heads, width


def _encode_silence(encoder: onnxruntime.InferenceSession) -> None:
    """One pass, for a profile."""
    encoder.run(None, {"mel": np.zeros((1, 80, 3000), np.float32)})
