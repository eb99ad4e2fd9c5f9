"""Whisper's graphs in PyTorch: eager in any precision, or with the encoder's layers compiled.

The encoder is most of a clip's time and has one shape; its layers are alike, so one compilation
serves all of them. The decoder's steps have a past that grows, so they take longer to compile, and
gain nothing afterwards, because reading the weights is what they wait for.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

# The compiler imports this in the middle of its work, and with it setuptools, which then replaces
# distutils; in a process that has come far, that was seen to fail. Early, it never was.
import torch.utils.cpp_extension

from lab_kit.audio.pcm import FloatArray
from lab_kit.experiments.runtimes.graphs import DecoderGraph, EncoderGraph
from lab_kit.experiments.runtimes.network import Memory
from lab_kit.models.device import Device
from lab_kit.models.whisper.model import torch_dtype, torch_place
from lab_kit.models.whisper.weights import load_whisper

_CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


class TorchNetwork:
    """The two graphs, run by PyTorch.

    Args:
        weights: ``model.bin``.
        dtype: of weights and arithmetic, by PyTorch's name.
    """

    def __init__(self, weights: Path, device: Device, dtype: str) -> None:
        self.device = device
        self._place, self._dtype = torch_place(device), torch_dtype(dtype)
        network = load_whisper(weights, self._dtype, self._place)
        self._encoder = EncoderGraph(network).eval()
        self._decoder = DecoderGraph(network).eval()
        config = network.config
        heads = config.decoder_attention_heads
        nothing = torch.zeros((1, heads, 0, config.d_model // heads), dtype=self._dtype)
        self._empty = (nothing.to(self._place),) * (2 * config.decoder_layers)
        self.size_bytes = sum(parameter.nbytes for parameter in network.parameters())

    def compile_encoder(self, folder: Path, mel: FloatArray) -> None:
        """Compile what runs for the shape of ``mel``; what was compiled is kept in ``folder``."""
        for layer in self._encoder.encoder.layers:
            layer.compile(dynamic=False)
        with _compiler_cache(folder):
            self.encode(mel)

    def encode(self, mel: FloatArray) -> Memory:
        """(1, 80, 3000) log-mel to what the decoder listens to."""
        with torch.inference_mode():
            heard: Memory = self._encoder(torch.from_numpy(mel).to(self._place, self._dtype))
            if self._place.type == "cuda":
                torch.cuda.synchronize()  # or it would be timed as part of the first step
            return heard

    def empty(self) -> Memory:
        """The past before the first token."""
        return self._empty

    def decode(
        self, tokens: Sequence[int], past: Memory, heard: Memory
    ) -> tuple[FloatArray, Memory]:
        """Feed ``tokens``; the (words,) scores after the last, and the longer past."""
        with torch.inference_mode():
            fed = torch.tensor([tokens], device=self._place)
            scores, *longer = self._decoder(fed, tuple(past), tuple(heard))
            return np.asarray(scores[0].float().cpu()), longer


def why_no_compiler() -> str | None:
    """What ``torch.compile`` lacks on this machine; None where it has all."""
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        return f"no C++ compiler: {compiler} is not installed"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return "no Python.h: this Python was installed without its C headers"
    return None


def why_no_cuda() -> str | None:
    """Why PyTorch cannot use a GPU here; None where it can."""
    if torch.version.cuda is None:
        return "this build of PyTorch has no CUDA"
    return None if torch.cuda.is_available() else "PyTorch finds no CUDA device"


def why_no_bfloat16(device: Device) -> str | None:
    """Why bfloat16 is not worth running on ``device``; None where the hardware has it."""
    if device.kind == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
        return None if supported else "this GPU has no bfloat16 arithmetic"
    found = torch.cpu.get_capabilities()
    supported = any(found.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return None if supported else "this processor has no bfloat16 arithmetic"


@contextmanager
def _compiler_cache(folder: Path) -> Iterator[None]:
    """Let PyTorch keep what it compiles in ``folder``, and leave the environment as it was."""
    before = os.environ.get(_CACHE_VARIABLE)
    os.environ[_CACHE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CACHE_VARIABLE]
        else:
            os.environ[_CACHE_VARIABLE] = before
