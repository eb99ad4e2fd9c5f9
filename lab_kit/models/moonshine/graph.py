"""Moonshine's encoder and decoder written anew for serving: the published weights, fewer operators.

The published graphs come from a general exporter. A decoder step runs nine hundred operators there,
most of which compute shapes, pad heads, or cut rotations out of slices; and its weights are
unsigned bytes, for which processors have no fast dot product. Here the same weights, as signed
bytes (w - 128 with zero point z - 128: every sum stays the integer it was), go through a fifth as
many: attention and rotation are one operator each, and what the decoder attends to is computed once
a clip, by the encoder.

Some of the runtime's operators would make them shorter and slower, and are left out:
SkipLayerNormalization took five times as long as an Add and a LayerNormalization over 129 frames,
ReduceLogSumExp twelve times as long as LogSoftmax over a row of 32,768 scores.

What changes beside speed is rounding, and through it a word now and then; no more of them than by
a change of volume.

Source of the architecture: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription
and Voice Commands", 2024, arXiv:2410.15608; rotation of 32 of a head's 36 places, neighbours
paired: the published graph itself.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from lab_kit.models.moonshine.graph_writing import GraphWriter, Published
from lab_kit.models.moonshine.int8 import Weights
from lab_kit.models.moonshine.layout import (
    CROSS_NAMES,
    HEAD_WIDTH,
    HEADS,
    LAYERS,
    PAST_NAMES,
    POSITIONS,
    PRESENT_NAMES,
    QUERY_NAMES,
)

_TURNED = 32
"""Places of a head that carry position; the other four do not."""
_ROTARY_BASE = 10_000.0
_DECODER = "/model/decoder"
_NORMED = "/LayerNormalization_output_0"
_BEFORE, _AFTER, _LAST = (
    f"/{name}{_NORMED}"
    for name in ("input_layernorm", "post_attention_layernorm", "final_layernorm")
)


def published_graph(path: Path) -> onnx.ModelProto:
    """The graph in an ``.ort`` file, which only the runtime can read, as ONNX."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ONNX")
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="lab-graph-") as folder:
        saved = Path(folder) / "graph.onnx"
        options.optimized_model_filepath = str(saved)
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(saved)


def encoder_graph(encoding: onnx.ModelProto, decoding: onnx.ModelProto, weights: Weights) -> bytes:
    """From one clip to the keys and values that the decoder attends to.

    Takes ``audio``, (1, samples) float32 at 16 kHz; returns `CROSS_NAMES`, each
    (1, 8, frames, 36) float32, a frame for every 384 samples or so.

    Args:
        encoding, decoding: the published graphs.

    Raises:
        ModelStoreError: these are not Moonshine tiny's graphs.
    """
    source, writer = Published(encoding), GraphWriter(weights)
    attention = _Attention(writer)
    hidden = _stem(writer, source)
    added = None
    for layer in range(LAYERS):
        name = f"/layers.{layer}"
        normed, hidden = writer.normed(source, hidden, added, name + _BEFORE)
        heard = attention.among_frames(source, f"{name}/self_attn", normed)
        normed, hidden = writer.normed(source, hidden, heard, name + _AFTER)
        (wide,) = writer.products(source, normed, [f"{name}/mlp/fc1/Add_output_0"])
        (bent,) = writer.fused("Gelu", [wide])
        (added,) = writer.products(source, bent, [f"{name}/mlp/fc2/Add_output_0"])
    frames, _ = writer.normed(source, hidden, added, "last_hidden_state")
    attention.hand_on(Published(decoding), frames)
    audio = helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, "samples"])
    return writer.serialized([audio], dict.fromkeys(CROSS_NAMES, TensorProto.FLOAT))


def decoder_graph(decoding: onnx.ModelProto, weights: Weights) -> bytes:
    """From tokens, and what was computed of those before them, to the tokens that come next.

    Takes ``tokens``, (sequences, new) int64; `PAST_NAMES`, (sequences, 8, past, 36) float32 each,
    where past may be 0; `CROSS_NAMES`, (sequences, 8, frames, 36) each; ``heard``,
    (sequences, frames) int32, 1 where a frame is the sequence's own.

    Returns ``log_probabilities``, (sequences, new, 32768) float32, of what comes after each token;
    `PRESENT_NAMES`, the past with the new tokens; and `QUERY_NAMES`, (sequences, new, 288) float32
    each, with which three layers asked the frames of the clip.

    Raises:
        ModelStoreError: this is not Moonshine tiny's graph.
    """
    source, writer = Published(decoding), GraphWriter(weights)
    attention = _Attention(writer)
    embedded = f"{_DECODER}/embed_tokens/Gather_output_0"
    hidden = writer.copied(source, embedded, {"input_ids": "tokens"})
    (past,) = writer.add("Shape", [PAST_NAMES[0]], start=2, end=3)
    added = None
    for layer in range(LAYERS):
        name = f"{_DECODER}/layers.{layer}"
        normed, hidden = writer.normed(source, hidden, added, name + _BEFORE)
        said = attention.among_tokens(source, f"{name}/self_attn", normed, past, layer)
        normed, hidden = writer.normed(source, hidden, said, name + _AFTER)
        heard = attention.to_frames(source, f"{name}/encoder_attn", normed, layer)
        normed, hidden = writer.normed(source, hidden, heard, name + _LAST)
        (wide,) = writer.products(source, normed, [f"{name}/mlp/fc1/Add_output_0"])
        value, gate = writer.add("Split", [wide], 2, axis=-1, num_outputs=2)
        (opened,) = writer.fused("QuickGelu", [gate], alpha=1.0)
        (gated,) = writer.add("Mul", [opened, value])
        (added,) = writer.products(source, gated, [f"{name}/mlp/fc2/Add_output_0"])
    normed, _ = writer.normed(source, hidden, added, f"{_DECODER}/norm{_NORMED}")
    (scores,) = writer.products(source, normed, ["logits"])
    writer.add("LogSoftmax", [scores], ["log_probabilities"], axis=-1)
    return writer.serialized(
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, ["sequences", "new"]),
            helper.make_tensor_value_info("heard", TensorProto.INT32, ["sequences", "frames"]),
            *(_by_head(name, "past") for name in PAST_NAMES),
            *(_by_head(name, "frames") for name in CROSS_NAMES),
        ],
        dict.fromkeys(["log_probabilities", *PRESENT_NAMES, *QUERY_NAMES], TensorProto.FLOAT),
    )


def _by_head(name: str, length: str) -> onnx.ValueInfoProto:
    shape: list[str | int | None] = ["sequences", HEADS, length, HEAD_WIDTH]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _stem(writer: GraphWriter, source: Published) -> str:
    """Sound to frames, (1, frames, 288): three convolutions.

    The second is most of the work and was published in floats; over bytes it takes a quarter of the
    time and leaves the words as they were. The third's input has values that stand out so far that
    one scale for all loses the rest: every sixth word changed.
    """
    levelled = writer.copied(source, "/groupnorm/Add_output_0", {"input_values": "audio"})
    (times,) = writer.add("Transpose", [levelled], perm=[0, 2, 1])
    (bent,) = writer.fused("Gelu", [writer.windows_product(source, times, "/conv2/Conv_output_0")])
    (channels,) = writer.add("Transpose", [bent], perm=[0, 2, 1])
    return writer.copied(source, "/Transpose_output_0", {"/Mul_1_output_0": channels})


class _Attention:
    """Moonshine's three kinds of attention, eight heads each."""

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer
        pace = _ROTARY_BASE ** (-np.arange(0, _TURNED, 2) / _TURNED)
        angles = (np.arange(POSITIONS)[:, None] * pace).astype(np.float32)  # (positions, 16)
        self._turns = [
            writer.constant("cosines", np.cos(angles)),
            writer.constant("sines", np.sin(angles)),
        ]
        self._first = writer.constant("first position", np.array([0]))

    def among_frames(self, source: Published, name: str, hidden: str) -> str:
        """Every frame to every frame of the clip."""
        query, key, value = self._writer.products(source, hidden, _matrices(name, "qkv"))
        query, key = (self._turned(each, self._first) for each in (query, key))
        (heard,) = self._writer.fused("MultiHeadAttention", [query, key, value], num_heads=HEADS)
        return self._writer.products(source, heard, _matrices(name, "o"))[0]

    def hand_on(self, source: Published, frames: str) -> None:
        """The keys and values of frames, as the decoder's layers will want them."""
        names = [f"{_DECODER}/layers.{layer}/encoder_attn" for layer in range(LAYERS)]
        matrices = [matrix for name in names for matrix in _matrices(name, "kv")]
        heads = self._writer.constant("heads", np.array([0, 0, HEADS, HEAD_WIDTH]))
        products = self._writer.products(source, frames, matrices)
        for product, output in zip(products, CROSS_NAMES, strict=True):
            (split,) = self._writer.add("Reshape", [product, heads])
            self._writer.add("Transpose", [split], [output], perm=[0, 2, 1, 3])

    def among_tokens(self, source: Published, name: str, hidden: str, past: str, layer: int) -> str:
        """Every new token to all before it, and itself."""
        query, key, value = self._writer.products(source, hidden, _matrices(name, "qkv"))
        query, key = (self._turned(each, past) for each in (query, key))
        before, after = (names[2 * layer : 2 * layer + 2] for names in (PAST_NAMES, PRESENT_NAMES))
        (said, *_) = self._writer.fused(
            "MultiHeadAttention",
            [query, key, value, "", "", "", *before],
            [f"{name}/said", *after],
            num_heads=HEADS,
            unidirectional=1,
        )
        return self._writer.products(source, said, _matrices(name, "o"))[0]

    def to_frames(self, source: Published, name: str, hidden: str, layer: int) -> str:
        """Every new token to the frames of its clip."""
        query = self._writer.products(source, hidden, _matrices(name, "q"))
        if (asked := f"query.{layer}") in QUERY_NAMES:
            self._writer.add("Identity", query, [asked])
        frames = CROSS_NAMES[2 * layer : 2 * layer + 2]
        (heard,) = self._writer.fused(
            "MultiHeadAttention", [*query, *frames, "", "heard"], num_heads=HEADS
        )
        return self._writer.products(source, heard, _matrices(name, "o"))[0]

    def _turned(self, hidden: str, start: str) -> str:
        """With its position in it, counted from ``start``."""
        return self._writer.fused(
            "RotaryEmbedding",
            [hidden, start, *self._turns],
            interleaved=1,
            num_heads=HEADS,
            rotary_embedding_dim=_TURNED,
        )[0]


def _matrices(name: str, kinds: str) -> list[str]:
    return [f"{name}/{kind}_proj/MatMul_output_0" for kind in kinds]
