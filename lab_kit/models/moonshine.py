"""Moonshine tiny-en: 16 kHz audio to tokens, through two ONNX graphs and an explicit KV cache.

The encoder turns samples into one frame per 384 samples; its cost grows with length, so short
windows are cheap. The decoder turns frames and tokens into the next token; ``DecodeBatch`` holds
what it remembers, so that several sequences can share a step. The graph has no mask over past
tokens, therefore only sequences of equal length can share one; frames of different number can,
because the graph masks those.

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
from lab_kit.models.choice import Choice
from lab_kit.models.device import Device, open_session, session_device
from lab_kit.models.placement import share_on_cpu
from lab_kit.units import SAMPLE_RATE_HZ

BEGIN_TOKEN = 1
END_TOKEN = 2
TOKENS_PER_AUDIO_S = 6.5
"""Speech does not yield more; a decoder that wants to is repeating itself.
[Source: Useful Sensors, 2024, the model's published generation settings]"""
EXTRA_TOKENS = 3
SHORTEST_SAMPLES = 2_048
"""The encoder's strided convolutions return nothing below this; shorter audio is padded."""

_LAYERS = 6
_HEADS = 8
_HEAD_WIDTH = 36
_DECODER_NAMES = [f"{n}.decoder.{kind}" for n in range(_LAYERS) for kind in ("key", "value")]
_ENCODER_NAMES = [f"{n}.encoder.{kind}" for n in range(_LAYERS) for kind in ("key", "value")]
_CACHE_NAMES = _DECODER_NAMES + _ENCODER_NAMES
_OUTPUTS = ["logits"] + [f"present.{name}" for name in _CACHE_NAMES]
_STEP_OUTPUTS = ["logits"] + [f"present.{name}" for name in _DECODER_NAMES]

OrtValue: TypeAlias = Any  # onnxruntime.OrtValue; the package has no types


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """One clip after the encoder.

    Attributes:
        frames: (1, frames, 288) float32.
        samples: length of the audio they came from, after padding.
    """

    frames: FloatArray
    samples: int


@dataclass(slots=True)
class DecodeBatch:
    """What the decoder remembers of sequences that move in lockstep.

    Attributes:
        cache: keys and values by name, (sequences, 8, length, 36) float32 each.
        frames: (sequences, frames, 288), zero-padded at the end.
        mask: (sequences, samples), 1 where there is audio.
        position: tokens in the cache, BEGIN included.
    """

    cache: dict[str, OrtValue]
    frames: OrtValue
    mask: OrtValue
    position: int

    @property
    def width(self) -> int:
        """Number of sequences."""
        return int(self.mask.shape()[0])

    def cache_bytes(self, names: Sequence[str]) -> int:
        """Bytes of the keys and values of these names."""
        return sum(self.cache[name].numpy().nbytes for name in names)


class Moonshine:
    """The two graphs and the vocabulary.

    Args:
        files: ``encoder_model.ort``, ``decoder_model_merged.ort`` and ``tokenizer.bin`` by name.
        device: where to run.
        tokens_per_audio_s: where decoding is cut off; less than speech holds loses its end.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        device: Device,
        tokens_per_audio_s: float = TOKENS_PER_AUDIO_S,
    ) -> None:
        self._tokens_per_audio_s = tokens_per_audio_s
        self._encoder = open_session(files["encoder_model.ort"], device)
        self._decoder = open_session(files["decoder_model_merged.ort"], device)
        self._pieces = read_vocabulary(files["tokenizer.bin"].read_bytes())
        self.device = device
        if device.kind == "cuda":
            share = share_on_cpu(files["decoder_model_merged.ort"], device, self._prefill_silence)
            self.device = session_device(self._decoder.get_providers(), device, share)

    @property
    def words(self) -> int:
        """Entries of the vocabulary."""
        return len(self._pieces)

    def _prefill_silence(self, decoder: onnxruntime.InferenceSession) -> None:
        """One pass of ``decoder``, for a profile."""
        frames = self.encode(np.zeros(SAMPLE_RATE_HZ, np.float32)).frames
        empty = np.zeros((1, _HEADS, 0, _HEAD_WIDTH), np.float32)
        batch = DecodeBatch(
            {name: _value(empty) for name in _CACHE_NAMES},
            _value(frames),
            _value(np.ones((1, SAMPLE_RATE_HZ), np.int64)),
            0,
        )
        feeds = self._feeds(batch, np.array([[BEGIN_TOKEN]], np.int64), cached=False)
        decoder.run_with_ort_values(_OUTPUTS, feeds)

    def encode(self, audio: FloatArray) -> EncodedAudio:
        """Encode one clip, (samples,) float32 in [-1, 1] at 16 kHz."""
        if len(audio) < SHORTEST_SAMPLES:
            audio = np.pad(audio, (0, SHORTEST_SAMPLES - len(audio)))
        (frames,) = self._encoder.run(
            None,
            {
                "input_values": audio[None, :],
                "attention_mask": np.ones((1, len(audio)), np.int64),
            },
        )
        return EncodedAudio(frames, len(audio))

    def prefill(
        self, clips: Sequence[EncodedAudio], prompt: Sequence[int] = ()
    ) -> tuple[list[list[Choice]], DecodeBatch]:
        """Start decoding ``clips`` together, each from BEGIN and the same ``prompt``.

        Returns:
            For each clip the choices after BEGIN and after each prompt token, and the batch.
        """
        tokens = np.array([[BEGIN_TOKEN, *prompt]] * len(clips), np.int64)
        frames, mask = _padded(clips)
        empty = np.zeros((len(clips), _HEADS, 0, _HEAD_WIDTH), np.float32)
        batch = DecodeBatch(
            {name: _value(empty) for name in _CACHE_NAMES}, _value(frames), _value(mask), 0
        )
        outputs = self._decoder.run_with_ort_values(
            _OUTPUTS, self._feeds(batch, tokens, cached=False)
        )
        batch.cache = dict(zip(_CACHE_NAMES, outputs[1:], strict=True))
        batch.position = tokens.shape[1]
        return _choices(outputs[0]), batch

    def step(self, batch: DecodeBatch, tokens: Sequence[int]) -> list[Choice]:
        """Append one token to each sequence of ``batch`` and choose the next."""
        fed = np.array(tokens, np.int64)[:, None]  # (sequences, 1)
        outputs = self._decoder.run_with_ort_values(
            _STEP_OUTPUTS, self._feeds(batch, fed, cached=True)
        )
        batch.cache.update(zip(_DECODER_NAMES, outputs[1:], strict=True))
        batch.position += 1
        return [choices[0] for choices in _choices(outputs[0])]

    def cache_bytes(self) -> tuple[int, int]:
        """Bytes that the decoder keeps of one token, and of one second of audio; measured.

        Two passes over silence, one token and one second apart, and the difference.
        """
        short, long = (
            self.prefill([self.encode(np.zeros(seconds * SAMPLE_RATE_HZ, np.float32))])[1]
            for seconds in (2, 3)
        )
        token_bytes = -short.cache_bytes(_DECODER_NAMES)
        self.step(short, [BEGIN_TOKEN])
        token_bytes += short.cache_bytes(_DECODER_NAMES)
        audio_bytes = long.cache_bytes(_ENCODER_NAMES) - short.cache_bytes(_ENCODER_NAMES)
        return token_bytes, audio_bytes

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        return round(self._tokens_per_audio_s * audio_samples / SAMPLE_RATE_HZ) + EXTRA_TOKENS

    def text(self, tokens: Sequence[int]) -> str:
        """The words that ``tokens`` spell."""
        spelled = b"".join(self._pieces[token] for token in tokens if token > END_TOKEN)
        return tidy(spelled.decode("utf-8", errors="replace").replace("▁", " "))

    @staticmethod
    def _feeds(
        batch: DecodeBatch, tokens: npt.NDArray[np.int64], cached: bool
    ) -> dict[str, OrtValue]:
        feeds = {f"past_key_values.{name}": value for name, value in batch.cache.items()}
        feeds["input_ids"] = _value(tokens)
        feeds["encoder_hidden_states"] = batch.frames
        feeds["encoder_attention_mask"] = batch.mask
        feeds["use_cache_branch"] = _value(np.array([cached]))
        return feeds


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


def select(batch: DecodeBatch, rows: Sequence[int]) -> DecodeBatch:
    """The batch with only ``rows`` left in it, in that order."""
    keep = np.array(rows)
    return DecodeBatch(
        {name: _value(value.numpy()[keep]) for name, value in batch.cache.items()},
        _value(batch.frames.numpy()[keep]),
        _value(batch.mask.numpy()[keep]),
        batch.position,
    )


def join(batches: Sequence[DecodeBatch]) -> DecodeBatch:
    """Batches of equal position as one; frames are padded to the longest clip."""
    if len(batches) == 1:
        return batches[0]
    cache = {
        name: _value(np.concatenate([b.cache[name].numpy() for b in batches]))
        for name in _DECODER_NAMES
    }
    for name in _ENCODER_NAMES:
        cache[name] = _value(_stack([b.cache[name].numpy() for b in batches], axis=2))
    return DecodeBatch(
        cache,
        _value(_stack([b.frames.numpy() for b in batches], axis=1)),
        _value(_stack([b.mask.numpy() for b in batches], axis=1)),
        batches[0].position,
    )


def truncate(batch: DecodeBatch, position: int) -> DecodeBatch:
    """The batch as it was when it held only ``position`` tokens."""
    cache = dict(batch.cache)
    for name in _DECODER_NAMES:
        cache[name] = _value(np.ascontiguousarray(cache[name].numpy()[:, :, :position]))
    return DecodeBatch(cache, batch.frames, batch.mask, position)


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


def _padded(
    clips: Sequence[EncodedAudio],
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    masks = [np.ones((1, clip.samples), np.int64) for clip in clips]
    return _stack([clip.frames for clip in clips], axis=1), _stack(masks, axis=1)


def _stack(arrays: Sequence[npt.NDArray[np.generic]], axis: int) -> npt.NDArray[np.generic]:
    """Concatenate along the first axis after zero-padding ``axis`` to the longest."""
    longest = max(array.shape[axis] for array in arrays)
    padded = []
    for array in arrays:
        widths = [(0, 0)] * array.ndim
        widths[axis] = (0, longest - array.shape[axis])
        padded.append(np.pad(array, widths) if widths[axis][1] else array)
    return np.concatenate(padded)


def _choices(logits: OrtValue) -> list[list[Choice]]:
    scores = logits.numpy()  # (sequences, positions, 32768)
    best = scores.argmax(axis=-1)
    top = scores.max(axis=-1)
    # log-softmax at the best token: minus the log of the sum of exponentials relative to it
    spread = np.log(np.exp(scores - top[..., None]).sum(axis=-1))
    return [
        [Choice(int(token), -float(loss)) for token, loss in zip(row, losses, strict=True)]
        for row, losses in zip(best, spread, strict=True)
    ]
