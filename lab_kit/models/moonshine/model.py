"""Moonshine tiny-en: 16 kHz audio to tokens, through two ONNX graphs and an explicit KV cache.

The encoder turns samples into one frame per 384 samples; its cost grows with length, so short
windows are cheap. The decoder turns frames and tokens into the next token; ``DecodeBatch`` holds
what it remembers, so that several sequences can share a step. The graph has no mask over past
tokens, therefore only sequences of equal length can share one; frames of different number can,
because the graph masks those. `graph` wrote the graphs, from the published weights.

This module computes; who is computed when is the engine's affair. Source of the architecture:
Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024,
arXiv:2410.15608.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import PayloadTooLarge
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.models.choice import Choice
from lab_kit.models.device import Device, open_session, session_device
from lab_kit.models.moonshine.int8 import Weights
from lab_kit.models.moonshine.kept_graphs import signed_sums_are_exact, written
from lab_kit.models.moonshine.layout import (
    ALIGNING_HEADS,
    CROSS_NAMES,
    DECODER,
    ENCODER,
    HEAD_WIDTH,
    HEADS,
    PAST_NAMES,
    POSITIONS,
    PRESENT_NAMES,
    QUERY_NAMES,
)
from lab_kit.models.placement import share_on_cpu
from lab_kit.models.word_times import Frames, spelled

BEGIN_TOKEN = 1
END_TOKEN = 2
TOKENS_PER_AUDIO_S = 6.5
"""Speech does not yield more; a decoder that wants to is repeating itself.
[Source: Useful Sensors, 2024, the model's published generation settings]"""
EXTRA_TOKENS = 3
SHORTEST_SAMPLES = 2_048
"""The encoder's strided convolutions return nothing below this; shorter audio is padded."""
FRAME_SAMPLES = 384
LONGEST_SAMPLES = POSITIONS * FRAME_SAMPLES
FRAMES = Frames(447 / SAMPLE_RATE_HZ, FRAME_SAMPLES / SAMPLE_RATE_HZ)
"""The middle of what the three convolutions see: 127, 7 and 3 wide, 64, 3 and 2 apart."""
_OUTPUTS = ["log_probabilities", *PRESENT_NAMES, *QUERY_NAMES]

OrtValue: TypeAlias = Any  # onnxruntime.OrtValue; the package has no types


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """One clip after the encoder.

    Attributes:
        cross: what the decoder attends to, by name, (1, 8, frames, 36) float32 each.
    """

    cross: dict[str, OrtValue]

    @property
    def frames(self) -> int:
        """How many there are, one for each 384 samples or so."""
        return int(self.cross[CROSS_NAMES[0]].shape()[2])


@dataclass(slots=True)
class DecodeBatch:
    """What the decoder remembers of sequences that move in lockstep.

    Attributes:
        past: keys and values of its tokens by name, (sequences, 8, position, 36) float32 each.
        cross: those of the audio, (sequences, 8, frames, 36) each, zero-padded at the end.
        heard: (sequences, frames) int32, 1 where a frame is the sequence's own.
        position: tokens in the past, BEGIN included.
    """

    past: dict[str, OrtValue]
    cross: dict[str, OrtValue]
    heard: OrtValue
    position: int

    @property
    def width(self) -> int:
        """Number of sequences."""
        return int(self.heard.shape()[0])


class Moonshine:
    """The two graphs, written anew for this device, and the vocabulary.

    Args:
        files: ``encoder_model.ort``, ``decoder_model_merged.ort`` and ``tokenizer.bin`` by name.
        device: where to run.
        tokens_per_audio_s: where decoding is cut off; less than speech holds loses its end.

    Raises:
        ModelStoreError: the files hold other graphs.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        device: Device,
        tokens_per_audio_s: float = TOKENS_PER_AUDIO_S,
    ) -> None:
        self._tokens_per_audio_s = tokens_per_audio_s
        self._pieces = read_vocabulary(files["tokenizer.bin"].read_bytes())
        self.device = device
        decoder = self._open(files)
        if device.kind == "cuda":
            share = share_on_cpu(decoder, device, self._prefill_silence)
            self.device = session_device(self._decoder.get_providers(), device, share)
            if self.device.kind == "cpu":
                # a GPU that the runtime lists and cannot reach; a CPU is slow with a GPU's graphs
                self._open(files)

    def _open(self, files: Mapping[str, Path]) -> Path:
        """Both graphs as the device wants them; returns the decoder's file."""
        graphs = written(files, weights_for(self.device))
        self._encoder = open_session(graphs / ENCODER, self.device)
        self._decoder = open_session(graphs / DECODER, self.device)
        return graphs / DECODER

    @property
    def words(self) -> int:
        """Entries of the vocabulary."""
        return len(self._pieces)

    def _prefill_silence(self, decoder: onnxruntime.InferenceSession) -> None:
        """One pass of ``decoder``, for a profile."""
        batch = _unsaid([self.encode(np.zeros(SAMPLE_RATE_HZ, np.float32))])
        decoder.run_with_ort_values(_OUTPUTS, _feeds(batch, [[BEGIN_TOKEN]]))

    def encode(self, audio: FloatArray) -> EncodedAudio:
        """Encode one clip, (samples,) float32 in [-1, 1] at 16 kHz.

        Raises:
            PayloadTooLarge: it is longer than `LONGEST_SAMPLES`.
        """
        if len(audio) > LONGEST_SAMPLES:
            raise PayloadTooLarge(
                f"a clip of {len(audio) / SAMPLE_RATE_HZ:.0f} s",
                f"at most {LONGEST_SAMPLES / SAMPLE_RATE_HZ:.0f} s",
                "cut it at pauses",
            )
        if len(audio) < SHORTEST_SAMPLES:
            audio = np.pad(audio, (0, SHORTEST_SAMPLES - len(audio)))
        cross = self._encoder.run_with_ort_values(CROSS_NAMES, {"audio": _value(audio[None, :])})
        return EncodedAudio(dict(zip(CROSS_NAMES, cross, strict=True)))

    def prefill(
        self, clips: Sequence[EncodedAudio], prompt: Sequence[int] = ()
    ) -> tuple[list[list[Choice]], DecodeBatch]:
        """Start decoding ``clips`` together, each from BEGIN and the same ``prompt``.

        Returns:
            For each clip the choices after BEGIN and after each prompt token, and the batch.
        """
        batch = _unsaid(clips)
        return self._advance(batch, [[BEGIN_TOKEN, *prompt]] * len(clips)), batch

    def step(self, batch: DecodeBatch, tokens: Sequence[int]) -> list[Choice]:
        """Append one token to each sequence of ``batch`` and choose the next."""
        return [choices[0] for choices in self._advance(batch, [[token] for token in tokens])]

    def cache_bytes(self) -> tuple[int, int]:
        """Bytes that the decoder keeps of one token, and of one second of audio; measured.

        Two passes over silence, one token and one second apart, and the difference.
        """
        short, long = (
            self.prefill([self.encode(np.zeros(seconds * SAMPLE_RATE_HZ, np.float32))])[1]
            for seconds in (2, 3)
        )
        token_bytes = -_bytes(short.past)
        self.step(short, [BEGIN_TOKEN])
        token_bytes += _bytes(short.past)
        return token_bytes, _bytes(long.cross) - _bytes(short.cross)

    def _advance(self, batch: DecodeBatch, tokens: Sequence[Sequence[int]]) -> list[list[Choice]]:
        """Append each sequence's tokens, and choose what comes after each of them."""
        scores, *states = self._decoder.run_with_ort_values(_OUTPUTS, _feeds(batch, tokens))
        present, queries = states[: len(PRESENT_NAMES)], states[len(PRESENT_NAMES) :]
        batch.past = dict(zip(PAST_NAMES, present, strict=True))
        batch.position += len(tokens[0])
        return _choices(scores, queries)

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        return round(self._tokens_per_audio_s * audio_samples / SAMPLE_RATE_HZ) + EXTRA_TOKENS

    def text(self, tokens: Sequence[int]) -> str:
        """The words that ``tokens`` spell."""
        return tidy("".join(self.pieces(tokens)))

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """What each of ``tokens`` adds to the text; a space comes with the word that follows it."""
        spoken = [self._pieces[token] if token > END_TOKEN else b"" for token in tokens]
        return [piece.replace("▁", " ") for piece in spelled(spoken)]


def weights_for(device: Device) -> Weights:
    """As what to write the int8 matrices for this device."""
    if device.kind == "cuda":
        return Weights.FLOAT
    return Weights.SIGNED if signed_sums_are_exact() else Weights.UNSIGNED


def tidy(text: str) -> str:
    """The text without marks that the model was trained on and nobody spoke.

    Its training text was full of dialogue, so it opens quotations that nothing closes, and on
    very short audio it says a comma twice.
    """
    text = re.sub(r"([,;:])\1+", r"\1", text.strip())
    if text.count('"') % 2:
        text = text.replace('"', "")
    if text.startswith("'") and not text.rstrip(".,!?").endswith("'"):
        text = text[1:]
    return text.strip()


def aligning_keys(batch: DecodeBatch, row: int) -> FloatArray:
    """What the heads that follow the words find the frames by, (heads, frames, 36) float32."""
    frames = int(batch.heard.numpy()[row].sum())
    keys = [(batch.cross[f"cross.{layer}.key"].numpy(), head) for layer, head in ALIGNING_HEADS]
    return np.stack([key[row, head, :frames] for key, head in keys])


def select(batch: DecodeBatch, rows: Sequence[int]) -> DecodeBatch:
    """The batch with only ``rows`` left in it, in that order."""
    keep = np.array(rows)
    past, cross = (
        {name: _value(value.numpy()[keep]) for name, value in cache.items()}
        for cache in (batch.past, batch.cross)
    )
    return DecodeBatch(past, cross, _value(batch.heard.numpy()[keep]), batch.position)


def join(batches: Sequence[DecodeBatch]) -> DecodeBatch:
    """Batches of equal position as one; frames are padded to the longest clip."""
    if len(batches) == 1:
        return batches[0]
    past = {
        name: _value(np.concatenate([batch.past[name].numpy() for batch in batches]))
        for name in PAST_NAMES
    }
    cross = _stacked([batch.cross for batch in batches])
    heard = _value(_stack([batch.heard.numpy() for batch in batches], axis=1))
    return DecodeBatch(past, cross, heard, batches[0].position)


def truncate(batch: DecodeBatch, position: int) -> DecodeBatch:
    """The batch as it was when it held only ``position`` tokens."""
    past = {
        name: _value(np.ascontiguousarray(value.numpy()[:, :, :position]))
        for name, value in batch.past.items()
    }
    return DecodeBatch(past, batch.cross, batch.heard, position)


def read_vocabulary(data: bytes) -> list[bytes]:
    """Parse ``tokenizer.bin``: pieces, each after its length.

    A length of 128 or more takes two bytes, the low seven bits first.
    """
    pieces, at = [], 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length = (length & 127) + 128 * data[at]
            at += 1
        pieces.append(data[at : at + length])
        at += length
    return pieces


def warm_up(model: Moonshine) -> None:
    """Run every path once, so that the first caller does not pay for allocation."""
    clips = [model.encode(np.zeros(SAMPLE_RATE_HZ * n, np.float32)) for n in (1, 3)]
    _, batch = model.prefill(clips)
    for _ in range(3):
        model.step(batch, [BEGIN_TOKEN] * len(clips))


def _value(array: npt.NDArray[np.generic]) -> OrtValue:
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _unsaid(clips: Sequence[EncodedAudio]) -> DecodeBatch:
    """Nothing decoded yet."""
    empty = np.zeros((len(clips), HEADS, 0, HEAD_WIDTH), np.float32)
    heard = _stack([np.ones((1, clip.frames), np.int32) for clip in clips], axis=1)
    cross = _stacked([clip.cross for clip in clips])
    return DecodeBatch(dict.fromkeys(PAST_NAMES, _value(empty)), cross, _value(heard), 0)


def _feeds(batch: DecodeBatch, tokens: Sequence[Sequence[int]]) -> dict[str, OrtValue]:
    fed = _value(np.array(tokens, np.int64))  # (sequences, new)
    return {"tokens": fed, "heard": batch.heard, **batch.past, **batch.cross}


def _bytes(cache: Mapping[str, OrtValue]) -> int:
    return sum(value.numpy().nbytes for value in cache.values())


def _stacked(caches: Sequence[Mapping[str, OrtValue]]) -> dict[str, OrtValue]:
    """Caches of audio as one, padded to the most frames."""
    if len(caches) == 1:
        return dict(caches[0])
    return {
        name: _value(_stack([cache[name].numpy() for cache in caches], axis=2))
        for name in CROSS_NAMES
    }


def _stack(arrays: Sequence[npt.NDArray[np.generic]], axis: int) -> npt.NDArray[np.generic]:
    """Concatenate along the first axis after zero-padding ``axis`` to the longest."""
    longest = max(array.shape[axis] for array in arrays)
    padded = []
    for array in arrays:
        widths = [(0, 0)] * array.ndim
        widths[axis] = (0, longest - array.shape[axis])
        padded.append(np.pad(array, widths) if widths[axis][1] else array)
    return np.concatenate(padded)


def _choices(log_probabilities: OrtValue, queries: Sequence[OrtValue]) -> list[list[Choice]]:
    scores = log_probabilities.numpy()  # (sequences, positions, 32768)
    best = scores.argmax(axis=-1)
    sure = np.take_along_axis(scores, best[..., None], axis=-1)[..., 0]
    asked = _of_aligning_heads([each.numpy() for each in queries])
    return [
        [Choice(int(token), float(score), query) for token, score, query in zip(*row, strict=True)]
        for row in zip(best, sure, asked, strict=True)
    ]


def _of_aligning_heads(queries: Sequence[FloatArray]) -> FloatArray:
    """(sequences, positions, heads, 36), from all heads' (sequences, positions, 288) a layer."""
    cut = [
        query[..., head * HEAD_WIDTH : (head + 1) * HEAD_WIDTH]
        for query, (_, head) in zip(queries, ALIGNING_HEADS, strict=True)
    ]
    return np.stack(cut, axis=2)
