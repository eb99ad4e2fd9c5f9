"""Whisper tiny.en in PyTorch: 16 kHz audio to tokens, any number of sequences in a pass.

Every clip is padded to 30 s, so the encoder's cost does not depend on its length. The decoder is
the one of `transformers`; its past lies in a `KvPool`, so sequences at different positions share a
pass. What is decoded when, and which slots a sequence gets, is the engine's affair.

Source of the architecture and of the rules for choosing tokens: Radford et al., "Robust Speech
Recognition via Large-Scale Weak Supervision", 2022, arXiv:2212.04356; openai/whisper, decoding.py.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter, ModelStoreError
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.models.choice import Choice
from lab_kit.models.device import Device
from lab_kit.models.kv_pool import CacheShape, KvPool
from lab_kit.models.whisper import attention
from lab_kit.models.whisper.attention import DecodeRow, EncodedSpeech
from lab_kit.models.whisper.rules import CLIP_S, POSITIONS, TOKENS_PER_AUDIO_S, WhisperRules
from lab_kit.models.whisper.weights import load_whisper
from lab_kit.models.word_times import Frames

__all__ = [
    "CLIP_S",
    "DTYPES",
    "TOKENS_PER_AUDIO_S",
    "DecodeRow",
    "EncodedSpeech",
    "Whisper",
    "use_threads",
    "warm_up",
]

DTYPES = ("float32", "float16", "bfloat16")
"""Precisions in which the network can be loaded."""

FRAMES = Frames(0.0, 0.02)
"""A frame every 320 samples, centred on its first: the features look as far back as ahead."""
ALIGNING_HEADS = ((1, 5), (2, 5), (0, 0), (2, 3), (3, 1))
"""Layer and head of those that follow the words best together, on the clips that settings may be
chosen by: heads were added and dropped one at a time for as long as the mean error fell, with and
without noise. The eight of openai/whisper are late by 70 ms there."""
_ENGLISH_ONLY_WORDS = 51_864
"""Entries of the English vocabulary; the multilingual one has more and another prompt."""


class Whisper:
    """The network and its rules.

    Args:
        files: ``model.bin``, ``config.json`` and ``tokenizer.json`` by name.
        device: where to run.
        dtype: one of ``DTYPES``.
        tokens_per_audio_s: where decoding is cut off; see `WhisperRules`.

    Attributes:
        prompt: tokens that every sequence begins with.
        end_token: chosen where the speech ends.
        max_tokens: positions of the decoder; prompt and answer together.

    Raises:
        ModelStoreError: a file is not what it should be, or the model is not English-only.
        InvalidParameter: another precision.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        device: Device,
        dtype: str = "float32",
        tokens_per_audio_s: float = TOKENS_PER_AUDIO_S,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.rules = WhisperRules(files, tokens_per_audio_s)
        self.prompt = self.rules.prompt
        self.end_token = self.rules.end_token
        self._network = load_whisper(files["model.bin"], torch_dtype(dtype), torch_place(device))
        config = self._network.config
        _require_english(files["model.bin"], config.vocab_size, config.max_target_positions)
        self.max_tokens = POSITIONS
        attention.use_attention_by_row()
        self._network.decoder.set_attn_implementation(attention.BY_ROW)

    @property
    def cache_shape(self) -> CacheShape:
        """What the decoder keeps of each token."""
        config = self._network.config
        heads = config.decoder_attention_heads
        weights = self._network.decoder.embed_tokens.weight
        width = config.d_model // heads
        return CacheShape(config.decoder_layers, heads, width, weights.dtype, weights.device)

    @property
    def words(self) -> int:
        """Entries of the vocabulary."""
        words: int = self._network.config.vocab_size
        return words

    @property
    def bytes_per_clip(self) -> int:
        """What the decoder attends to of one clip, whatever the clip's length."""
        frames: int = self._network.config.max_source_positions
        return self.cache_shape.bytes_per_token * frames

    def features(self, clips: Sequence[FloatArray]) -> FloatArray:
        """The clips as the encoder wants them; see `WhisperRules.features`."""
        return self.rules.features(clips)

    def encode(self, clips: Sequence[FloatArray]) -> list[EncodedSpeech]:
        """Encode clips in one pass; arguments and errors as `WhisperRules.features`."""
        with torch.inference_mode():
            shape = self.cache_shape
            mel = torch.from_numpy(self.features(clips)).to(shape.device, shape.dtype)
            frames = self._network.encoder(mel).last_hidden_state  # (clips, 1500, width)
            return [
                self._listened(frames[index : index + 1], len(clip))
                for index, clip in enumerate(clips)
            ]

    def decode(self, rows: Sequence[DecodeRow], pool: KvPool) -> list[list[Choice]]:
        """Feed each row its new tokens in one pass.

        Returns:
            For each row the choice after each of its new tokens.
        """
        with torch.inference_mode():
            placed = attention.layout(rows, pool)
            scores, queries = self._scores(placed, rows, pool)  # (new tokens, words)
            scores[:, self.rules.never] = float("-inf")
            answers = torch.tensor([[row.prompt_length] for row in rows], device=scores.device)
            first = (placed.positions == answers - 1)[placed.is_token]
            scores[:, self.rules.not_first] += torch.where(first, float("-inf"), 0.0)[:, None]
            return _by_row(rows, scores, queries)

    def prompt_after(self, context: str) -> tuple[int, ...]:
        """The prompt of a sequence that is told what was said before; see `WhisperRules`."""
        return self.rules.prompt_after(context)

    def text(self, tokens: Sequence[int]) -> str:
        """The words that ``tokens`` spell, without the prompt's and other marks."""
        return self.rules.text(tokens)

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """What each of ``tokens`` adds to the text; see `WhisperRules.pieces`."""
        return self.rules.pieces(tokens)

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        return self.rules.token_limit(audio_samples)

    def _listened(self, frames: torch.Tensor, samples: int) -> EncodedSpeech:
        """What each decoder layer makes of one clip's (1, 1500, width) frames."""
        shape = self.cache_shape
        split = (1, -1, shape.heads, shape.head_width)
        attentions: list[Any] = [layer.encoder_attn for layer in self._network.decoder.layers]
        return EncodedSpeech(
            tuple(a.k_proj(frames).view(split).transpose(1, 2).contiguous() for a in attentions),
            tuple(a.v_proj(frames).view(split).transpose(1, 2).contiguous() for a in attentions),
            samples,
        )

    def _scores(
        self, placed: attention.Layout, rows: Sequence[DecodeRow], pool: KvPool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each new token the logits after it, (new tokens, words) float32, and what it asked.

        That is (new tokens, heads, head width) of `ALIGNING_HEADS`.
        """
        decoder = self._network.decoder
        cache = attention.cache_for(placed, [row.encoded for row in rows], pool)
        hidden = decoder(
            input_ids=placed.tokens,
            attention_mask=placed.mask,
            position_ids=placed.positions,
            past_key_values=cache,
            # only says that there is something to listen to; the cache holds what
            encoder_hidden_states=placed.mask,
            use_cache=True,
        ).last_hidden_state[placed.is_token]
        # in this order a CPU reads the vocabulary once for all rows: four take half as long
        scores: torch.Tensor = (decoder.embed_tokens.weight @ hidden.T).T
        asked = [attention.asked(cache, layer)[:, head] for layer, head in ALIGNING_HEADS]
        return scores.contiguous().float(), torch.stack(asked, dim=2)[placed.is_token]


def use_threads(count: int) -> None:
    """Give PyTorch ``count`` CPU threads in this process; once, by whoever loads the model."""
    torch.set_num_threads(count)


def warm_up(model: Whisper) -> None:
    """Run every path once, so that the first caller does not pay for allocation."""
    pool = KvPool.for_model(model, 16)
    (clip,) = model.encode([np.zeros(SAMPLE_RATE_HZ, np.float32)])
    rows = [
        DecodeRow(model.prompt, tuple(range(at, at + len(model.prompt))), clip) for at in (0, 8)
    ]
    model.decode(rows, pool)
    step = [DecodeRow((model.end_token,), (*r.slots, r.slots[-1] + 1), r.encoded) for r in rows]
    model.decode(step, pool)


def torch_dtype(name: str) -> torch.dtype:
    """PyTorch's type for one of ``DTYPES``.

    Raises:
        InvalidParameter: it is none of them.
    """
    if name not in DTYPES:
        raise InvalidParameter(
            received=f"dtype {name!r}",
            expected=f"one of {', '.join(DTYPES)}",
            next_step="pass one of these, such as float32",
        )
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def torch_place(device: Device) -> torch.device:
    """Where PyTorch puts what runs on ``device``."""
    return torch.device("cuda" if device.kind == "cuda" else "cpu")


def aligning_keys(clip: EncodedSpeech) -> FloatArray:
    """What the heads that follow the words find the frames by, (heads, frames, width) float32.

    Only those of the clip itself, not of what it was filled up with.
    """
    frames = max(1, clip.samples // round(FRAMES.step_s * SAMPLE_RATE_HZ))
    keys = [clip.keys[layer][0, head, :frames] for layer, head in ALIGNING_HEADS]
    return np.asarray(torch.stack(keys).float().cpu().numpy())


def _by_row(
    rows: Sequence[DecodeRow], scores: torch.Tensor, queries: torch.Tensor
) -> list[list[Choice]]:
    """The best token at each of the (new tokens, words) scores, given back to its row."""
    best = scores.argmax(dim=-1)
    chances = scores.gather(1, best[:, None])[:, 0] - scores.logsumexp(dim=-1)
    asked = queries.float().cpu().numpy()
    choices = map(Choice, best.tolist(), chances.tolist(), asked)
    return [[next(choices) for _ in row.tokens] for row in rows]


def _require_english(path: Path, words: int, positions: int) -> None:
    if (words, positions) != (_ENGLISH_ONLY_WORDS, POSITIONS):
        raise ModelStoreError(
            received=f"{path} with {words:,} words and {positions} positions",
            expected=f"{_ENGLISH_ONLY_WORDS:,} and {POSITIONS}, as the English-only models have",
            next_step="use one of those: lab models pull whisper-tiny-en",
        )
