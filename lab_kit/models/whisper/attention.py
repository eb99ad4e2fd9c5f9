"""How sequences at different positions share one pass of Whisper's decoder.

``Layout`` puts rows of different length into rectangles: tokens, positions, slots and a mask.
``cache_for`` hands the decoder a `transformers` cache whose past lies in a `KvPool`: new keys and
values go to their slots, and each row's slots are gathered for the attention. Encoded speech is
not stacked: each row attends to its own clip where that lies, because copying the clips of a
batch (18 MB each in float32) took as long as attending to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, EncoderDecoderCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import AttentionInterface

from lab_kit.models.kv_pool import KvPool

BY_ROW = "lab_kit_by_row"
"""Name under which `transformers` knows our attention."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSpeech:
    """One clip after the encoder: what the decoder attends to, for each of its layers.

    Attributes:
        keys, values: a (1, heads, 1500 frames, head width) tensor per layer.
        samples: of the audio before it was padded to 30 s.
    """

    keys: tuple[torch.Tensor, ...]
    values: tuple[torch.Tensor, ...]
    samples: int

    @property
    def bytes(self) -> int:
        """Bytes that the clip occupies until it is let go."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One sequence in one pass of the decoder.

    Attributes:
        tokens: the new ones; all of them at first, later one, or several to check a draft.
        slots: which slot of the pool holds each position from 0 on, new ones included.
        encoded: what the sequence listens to.
        prompt_length: positions before its answer; other rules hold for the answer's first token.
    """

    tokens: tuple[int, ...]
    slots: tuple[int, ...]
    encoded: EncodedSpeech
    prompt_length: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Rows as rectangles, padded at the end; ``width`` new tokens, ``length`` positions in all.

    Attributes:
        tokens, positions: (rows, width) int64.
        is_token: (rows, width) bool, False where the rectangle is padded.
        slots: (rows, length) int64 to gather from; padding repeats the row's first.
        new_slots: (new tokens,) int64, in the order of ``is_token``.
        mask: (rows, 1, width, length), 0 where a token may look and minus infinity elsewhere.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    is_token: torch.Tensor
    slots: torch.Tensor
    new_slots: torch.Tensor
    mask: torch.Tensor


def layout(rows: Sequence[DecodeRow], pool: KvPool) -> Layout:
    """Lay ``rows`` out on the pool's device."""
    width = max(len(row.tokens) for row in rows)
    length = max(len(row.slots) for row in rows)
    device = pool.shape.device
    tokens = _rectangle([row.tokens for row in rows], width)
    is_token = _rectangle([(1,) * len(row.tokens) for row in rows], width).bool()
    start = torch.tensor([[len(row.slots) - len(row.tokens)] for row in rows])
    positions = torch.where(is_token, start + torch.arange(width), 0)
    slots = [row.slots + row.slots[:1] * (length - len(row.slots)) for row in rows]
    hidden = torch.arange(length) > positions[:, None, :, None]  # (rows, 1, width, length)
    mask = torch.zeros(hidden.shape, dtype=pool.shape.dtype).masked_fill(hidden, float("-inf"))
    new_slots = [slot for row in rows for slot in row.slots[-len(row.tokens) :]]
    return Layout(
        tokens.to(device),
        positions.to(device),
        is_token.to(device),
        torch.tensor(slots).to(device),
        torch.tensor(new_slots).to(device),
        mask.to(device),
    )


def cache_for(
    placed: Layout, encoded: Sequence[EncodedSpeech], pool: KvPool
) -> EncoderDecoderCache:
    """The cache with which the decoder finds the past of each row, and what it listens to."""
    layers = range(pool.shape.layers)
    past = Cache(layers=[_PooledLayer(pool, number, placed) for number in layers])
    heard = Cache(layers=[_HeardLayer(encoded, number) for number in layers])
    return EncoderDecoderCache(past, heard)


def asked(cache: EncoderDecoderCache, layer: int) -> torch.Tensor:
    """What a layer asked the speech with in the last pass: (rows, heads, width, head width)."""
    query = cache.cross_attention_cache.layers[layer].keys.query  # type: ignore[union-attr]
    assert isinstance(query, torch.Tensor)
    return query


def use_attention_by_row() -> None:
    """Make `transformers` know our attention; models that do not name it are not touched."""
    AttentionInterface.register(BY_ROW, _attend_by_row)


class _PooledLayer(CacheLayerMixin):
    """One layer's past, which lies in the pool."""

    def __init__(self, pool: KvPool, number: int, placed: Layout) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pool, self._number, self._placed = pool, number, placed

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new (rows, heads, width, head width) states and return those of all slots."""
        new = self._placed.is_token
        keys, values = key_states.transpose(1, 2)[new], value_states.transpose(1, 2)[new]
        self._pool.write(self._number, self._placed.new_slots, keys, values)
        keys, values = self._pool.gather(self._number, self._placed.slots)
        return keys.transpose(1, 2), values.transpose(1, 2)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the pool is there."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Positions that the mask covers, and the first of them."""
        return self._placed.slots.shape[1], 0

    def get_seq_length(self) -> int:
        """Positions before this pass; the rows' own positions are passed to the decoder."""
        return self._placed.slots.shape[1] - self._placed.tokens.shape[1]

    def get_max_length(self) -> int:
        """Tokens that the pool can hold."""
        return self._pool.slots


class _HeardKeys(tuple[torch.Tensor, ...]):
    """The keys of a clip per row, and, after a pass, the query that was put to them."""

    query: torch.Tensor | None = None


class _HeardLayer(CacheLayerMixin):
    """One layer's encoded speech, a clip per row; it was computed once and is only read."""

    def __init__(self, encoded: Sequence[EncodedSpeech], number: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._frames = encoded[0].keys[number].shape[2]
        # the decoder hands these to our attention as they are, one tensor a row
        self.keys = _HeardKeys(clip.keys[number] for clip in encoded)  # type: ignore[assignment]
        self.values = tuple(clip.values[number] for clip in encoded)  # type: ignore[assignment]

    def update(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Never called: the decoder is told that this half of the cache is filled."""
        raise NotImplementedError("encoded speech does not grow")

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the clips are there."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Frames of each clip, and the first of them."""
        return self.get_seq_length(), 0

    def get_seq_length(self) -> int:
        """Frames of each clip."""
        return self._frames

    def get_max_length(self) -> int:
        """The same: a clip does not grow."""
        return self.get_seq_length()


def _attend_by_row(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor | tuple[torch.Tensor, ...],
    value: torch.Tensor | tuple[torch.Tensor, ...],
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention of `transformers`; where keys come one tensor a row, once for each row."""
    if isinstance(key, _HeardKeys):
        key.query = query
    if isinstance(key, torch.Tensor) and isinstance(value, torch.Tensor):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    parts = [
        sdpa_attention_forward(module, query[row : row + 1], k, v, attention_mask, **options)[0]
        for row, (k, v) in enumerate(zip(key, value, strict=True))
    ]
    return torch.cat(parts), None


def _rectangle(rows: Sequence[tuple[int, ...]], width: int) -> torch.Tensor:
    """Rows of different length as (rows, width) int64, filled up with zeros."""
    return torch.tensor([row + (0,) * (width - len(row)) for row in rows])
