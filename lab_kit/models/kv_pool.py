"""Keys and values of past tokens, in slots that any sequence may take.

One tensor of keys and one of values per decoder layer; a slot is one row of each and holds one
token of one sequence. Which sequence owns which slot is its holder's affair: contiguous and paged
allocation differ only in the numbers they hand out. Knows no model and no policy.

Source of the idea: Kwon et al., "Efficient Memory Management for Large Language Model Serving with
PagedAttention", 2023, arXiv:2309.06180; here the slots are gathered before an ordinary attention.
"""

from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, slots=True)
class CacheShape:
    """What a decoder keeps of one token: in each layer a key and a value per head."""

    layers: int
    heads: int
    head_width: int
    dtype: torch.dtype
    device: torch.device

    @property
    def bytes_per_token(self) -> int:
        """Bytes of the keys and values of one token, all layers together."""
        return 2 * self.layers * self.heads * self.head_width * self.dtype.itemsize


class KeepsCache(Protocol):
    """A model whose decoder remembers keys and values."""

    @property
    def cache_shape(self) -> CacheShape:
        """What it keeps of one token."""
        ...


class KvPool:
    """Room for ``slots`` tokens, allocated once."""

    def __init__(self, shape: CacheShape, slots: int) -> None:
        self.shape = shape
        self.slots = slots
        # zeros, not empty: a masked slot is still multiplied by zero, and zero times NaN is NaN
        self._keys, self._values = (
            [
                torch.zeros(
                    (slots, shape.heads, shape.head_width), dtype=shape.dtype, device=shape.device
                )
                for _ in range(shape.layers)
            ]
            for _ in ("keys", "values")
        )

    @classmethod
    def for_model(cls, model: KeepsCache, slots: int) -> "KvPool":
        """A pool for what ``model`` keeps, on its device and in its precision."""
        return cls(model.cache_shape, slots)

    @property
    def bytes_per_token(self) -> int:
        """Bytes that one slot takes, all layers together."""
        return self.shape.bytes_per_token

    @property
    def bytes(self) -> int:
        """Bytes of the whole pool."""
        return self.slots * self.bytes_per_token

    def write(
        self, layer: int, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> None:
        """Put (tokens, heads, width) keys and values of one layer into ``slots``, (tokens,)."""
        self._keys[layer][slots] = keys
        self._values[layer][slots] = values

    def gather(self, layer: int, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of ``slots``, any shape, as (*that shape, heads, width) each."""
        return self._keys[layer][slots], self._values[layer][slots]
