"""SmolLM2 as a graph for ONNX Runtime, written from its weights.

Llama's architecture: thirty layers of attention with nine heads that share three pairs of keys and
values, positions as rotations, a gated network behind each. The weights are bytes in blocks of 32
with a scale each: from the published four bits that loses nothing to speak of, and processors
multiply bytes fast. Against llama.cpp over the published four bits a prompt takes a third of the
time (`tests/benchmarks/talk.py` prints what it takes here).

What is kept of earlier tokens lies in one place a layer, which the operator writes into: nothing is
copied when a token is added, and to forget tokens is to say a smaller number.

Source of the architecture: Allal et al., "SmolLM2: When Smol Goes Big", 2025, arXiv:2502.02737;
neighbours are rotated in pairs because GGUF stores queries and keys so: llama.cpp,
convert_hf_to_gguf.py, ``LlamaModel.permute``.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lab_kit.audio.pcm import FloatArray
from lab_kit.models.operators import Operators
from lab_kit.models.smollm2.gguf_file import BLOCK, GgufFile
from lab_kit.models.smollm2.sizes import (
    HEAD_WIDTH,
    HEADS,
    KEPT,
    KEPT_HEADS,
    LAYERS,
    MOST_TOKENS,
    WIDTH,
)

_EPSILON = 1e-5
_ROTARY_BASE = 100_000.0


def graph(weights: GgufFile) -> bytes:
    """From the embeddings of new tokens, and what is kept of those before them, to what comes next.

    Takes ``embedded``, (1, new, 576) float32; ``last``, (1, 1) int32, the last new token's place;
    ``total``, () int32, how many tokens there are with them; `KEPT`, (1, 3, kept, 64) float32 each.
    Returns ``scores``, (1, 1, 49152) float32, of what follows the last new token; and `KEPT` again,
    with the new tokens in them.
    """
    writer = _Writer(weights)
    hidden = "embedded"
    for layer in range(LAYERS):
        hidden = writer.layer(hidden, layer)
    normed = writer.normed(hidden, "output_norm")
    end = writer.constant("end", np.array([-1]))
    (latest,) = writer.add("Gather", [normed, end], axis=1)
    writer.product(latest, "token_embd", "scores")
    info = helper.make_tensor_value_info
    return writer.serialized(
        [
            info("embedded", TensorProto.FLOAT, [1, "new", WIDTH]),
            info("last", TensorProto.INT32, [1, 1]),
            info("total", TensorProto.INT32, []),
            *(info(name, TensorProto.FLOAT, [1, KEPT_HEADS, "kept", HEAD_WIDTH]) for name in KEPT),
        ],
        dict.fromkeys(["scores", *(f"new {name}" for name in KEPT)], TensorProto.FLOAT),
    )


class _Writer(Operators):
    """Llama's parts."""

    def __init__(self, weights: GgufFile) -> None:
        super().__init__()
        self._tensors = weights.tensors
        pace = _ROTARY_BASE ** (-np.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
        angles = np.arange(MOST_TOKENS)[:, None] * pace  # (positions, 32)
        self._cosines = self.constant("cosines", np.cos(angles).astype(np.float32))
        self._sines = self.constant("sines", np.sin(angles).astype(np.float32))

    def layer(self, hidden: str, number: int) -> str:
        """Attention, and the network behind it."""
        name = f"blk.{number}"
        normed = self.normed(hidden, f"{name}.attn_norm")
        asked = [self.product(normed, f"{name}.attn_{kind}") for kind in "qkv"]
        kept = KEPT[2 * number : 2 * number + 2]
        (seen, *_) = self.fused(
            "GroupQueryAttention",
            [*asked, *kept, "last", "total", self._cosines, self._sines],
            [f"{name}.seen", *(f"new {each}" for each in kept)],
            num_heads=HEADS,
            kv_num_heads=KEPT_HEADS,
            do_rotary=1,
            rotary_interleaved=1,
        )
        (hidden,) = self.add("Add", [hidden, self.product(seen, f"{name}.attn_output")])
        normed = self.normed(hidden, f"{name}.ffn_norm")
        gate, value = (self.product(normed, f"{name}.ffn_{kind}") for kind in ("gate", "up"))
        (opened,) = self.fused("QuickGelu", [gate], alpha=1.0)
        (gated,) = self.add("Mul", [opened, value])
        return self.add("Add", [hidden, self.product(gated, f"{name}.ffn_down")])[0]

    def normed(self, hidden: str, name: str) -> str:
        """Scaled to a mean square of one, then by the weight."""
        weight = self.constant(name, self._tensors[f"{name}.weight"].values().copy())
        return self.add(
            "SimplifiedLayerNormalization", [hidden, weight], epsilon=_EPSILON, axis=-1
        )[0]

    def product(self, factor: str, name: str, output: str | None = None) -> str:
        """``factor`` times a matrix, in bytes."""
        values = self._tensors[f"{name}.weight"].values()  # (columns, rows)
        columns, rows = values.shape
        bytes_, scales = _in_bytes(values)
        return self.fused(
            "MatMulNBits",
            [factor, self.constant(name, bytes_), self.constant(f"{name}.scales", scales)],
            [output or f"{name}.product"],
            K=rows,
            N=columns,
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,
        )[0]


def _in_bytes(values: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
    """(columns, blocks, 32) uint8 with 128 for zero, and (columns, blocks) float32 scales."""
    blocks = values.reshape(len(values), -1, BLOCK)
    scales = np.abs(blocks).max(axis=2, keepdims=True) / 127
    whole = np.rint(blocks / np.where(scales, scales, 1)).astype(np.int16) + 128
    return whole.astype(np.uint8), np.asarray(scales[:, :, 0], np.float32)
