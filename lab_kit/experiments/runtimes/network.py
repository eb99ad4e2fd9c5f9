"""A network that a runtime has loaded, and the one loop that makes words of any of them.

Spectrogram, prompt, forbidden tokens and the loop are the same code for all, so what differs
between two runtimes is the runtime.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import seconds
from lab_kit.models.device import Device
from lab_kit.models.whisper.rules import WhisperRules

Memory: TypeAlias = Sequence[Any]
"""Keys and values in the runtime's own kind of tensor; nobody else looks inside."""


class Network(Protocol):
    """Whisper's two graphs in some runtime; one clip at a time."""

    @property
    def device(self) -> Device:
        """Where it really runs."""
        ...

    @property
    def size_bytes(self) -> int:
        """What the weights take: in memory, or as the files that hold them."""
        ...

    def encode(self, mel: FloatArray) -> Memory:
        """(1, 80, 3000) log-mel to what the decoder listens to; returns when it is computed."""
        ...

    def empty(self) -> Memory:
        """The past before the first token."""
        ...

    def decode(
        self, tokens: Sequence[int], past: Memory, heard: Memory
    ) -> tuple[FloatArray, Memory]:
        """Feed ``tokens``; the (words,) float32 scores after the last, and the longer past."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """What one clip came to, and what it took.

    Attributes:
        encode_s: spectrogram and encoder.
        decode_s: all passes of the decoder.
        steps: passes of the decoder; the last one chose the end.
    """

    text: str
    tokens: tuple[int, ...]
    encode_s: float
    decode_s: float
    steps: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A runtime that is ready.

    Attributes:
        prepare_s: making what can be kept: an export, a quantization, a compilation.
        load_s: from files, or from the loaded weights, to something that can be called.
    """

    network: Network
    rules: WhisperRules
    prepare_s: float
    load_s: float

    def transcribe(self, audio: FloatArray) -> Transcript:
        """The words of one clip, (samples,) float32 in [-1, 1] at 16 kHz, at most 30 s.

        Raises:
            PayloadTooLarge: it is longer.
        """
        began_ns = time.perf_counter_ns()
        heard = self.network.encode(self.rules.features([audio]))
        encoded_ns = time.perf_counter_ns()
        tokens, steps = self._said(heard, self.rules.token_limit(len(audio)))
        done_ns = time.perf_counter_ns()
        return Transcript(
            self.rules.text(tokens),
            tuple(tokens),
            seconds(encoded_ns - began_ns),
            seconds(done_ns - encoded_ns),
            steps,
        )

    def scores(self, audio: FloatArray, tokens: Sequence[int]) -> FloatArray:
        """The raw scores after the prompt and after each of ``tokens``, whoever chose those.

        Returns:
            (1 + tokens, words) float32.
        """
        heard = self.network.encode(self.rules.features([audio]))
        rows, past = [], self.network.empty()
        for fed in (self.rules.prompt, *((token,) for token in tokens)):
            scores, past = self.network.decode(fed, past, heard)
            rows.append(scores)
        return np.stack(rows)

    def _said(self, heard: Memory, limit: int) -> tuple[list[int], int]:
        tokens: list[int] = []
        past, fed, steps = self.network.empty(), self.rules.prompt, 0
        while len(tokens) < limit:
            scores, past = self.network.decode(fed, past, heard)
            steps += 1
            token = self.rules.choose(scores, is_first=not tokens)
            if token == self.rules.end_token:
                break
            tokens.append(token)
            fed = (token,)
        return tokens, steps
