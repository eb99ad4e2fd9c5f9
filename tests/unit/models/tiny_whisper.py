"""A Whisper small enough to write and read in milliseconds, and the writer of its file's format."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperModel

Variables = dict[str, NDArray[Any]]

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
ALIASES = {"decoder/projection/weight": "decoder/embeddings/weight"}
HEADS = 2


def name(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def variable(label: str, value: NDArray[Any]) -> bytes:
    shape = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
    head = struct.pack("<BI", TYPES[value.dtype.name], value.nbytes)
    return name(label) + shape + head + value.tobytes()


def file_bytes(
    variables: Mapping[str, NDArray[Any]],
    aliases: Mapping[str, str] = ALIASES,
    version: int = 6,
    specification: str = "WhisperSpec",
) -> bytes:
    parts = [struct.pack("<I", version), name(specification), struct.pack("<I", 3)]
    parts.append(struct.pack("<I", len(variables)))
    parts += [variable(label, value) for label, value in variables.items()]
    parts.append(struct.pack("<I", len(aliases)))
    parts += [name(alias) + name(target) for alias, target in aliases.items()]
    return b"".join(parts)


def network() -> WhisperModel:
    """One layer each, random weights that float16 holds exactly."""
    config = WhisperConfig(
        vocab_size=50,
        d_model=8,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=32,
        pad_token_id=None,
    )
    torch.manual_seed(5)
    model = WhisperModel(config).eval()
    for parameter in model.parameters():
        parameter.data = (torch.randn(parameter.shape) / 4).half().float()
    return model


def variables_of(model: WhisperModel) -> Variables:
    """The network's weights under CTranslate2's names, fused as its converter fuses them."""
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    found: Variables = {
        "decoder/activation": np.array(3, np.int8),
        "decoder/alibi": np.array(0, np.int8),
        "decoder/alignment_heads": np.array(1, np.int16),
        "decoder/alignment_layer": np.array(-1, np.int16),
        "decoder/pre_norm": np.array(1, np.int8),
        "decoder/scale_embeddings": np.array(0, np.int8),
        "decoder/start_from_zero_embedding": np.array(0, np.int8),
        "decoder/embeddings/weight": state["decoder.embed_tokens.weight"],
    }
    for number in (1, 2):
        for kind in ("weight", "bias"):
            found[f"encoder/conv{number}/{kind}"] = state[f"encoder.conv{number}.{kind}"]
    for part, layers in (("encoder", 1), ("decoder", 2)):
        found[f"{part}/num_heads"] = np.array(HEADS, np.int16)
        found[f"{part}/position_encodings/encodings"] = state[f"{part}.embed_positions.weight"]
        _put_norm(found, f"{part}/layer_norm", state, f"{part}.layer_norm")
        for n in range(layers):
            _put_layer(found, f"{part}/layer_{n}", state, f"{part}.layers.{n}", part == "decoder")
    return {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in found.items()}


def _put_layer(found: Variables, theirs: str, state: Variables, ours: str, listens: bool) -> None:
    _put_fused(found, f"{theirs}/self_attention/linear_0", state, f"{ours}.self_attn", "qkv")
    _put(found, f"{theirs}/self_attention/linear_1", state, f"{ours}.self_attn.out_proj")
    _put_norm(found, f"{theirs}/self_attention/layer_norm", state, f"{ours}.self_attn_layer_norm")
    if listens:
        other = f"{ours}.encoder_attn"
        _put_fused(found, f"{theirs}/attention/linear_0", state, other, "q")
        _put_fused(found, f"{theirs}/attention/linear_1", state, other, "kv")
        _put(found, f"{theirs}/attention/linear_2", state, f"{other}.out_proj")
        _put_norm(found, f"{theirs}/attention/layer_norm", state, f"{other}_layer_norm")
    _put(found, f"{theirs}/ffn/linear_0", state, f"{ours}.fc1")
    _put(found, f"{theirs}/ffn/linear_1", state, f"{ours}.fc2")
    _put_norm(found, f"{theirs}/ffn/layer_norm", state, f"{ours}.final_layer_norm")


def _put_fused(found: Variables, theirs: str, state: Variables, ours: str, letters: str) -> None:
    names = [f"{ours}.{letter}_proj" for letter in letters]
    found[f"{theirs}/weight"] = np.concatenate([state[f"{each}.weight"] for each in names])
    width = len(state[f"{ours}.q_proj.bias"])
    biases = [state.get(f"{each}.bias", np.zeros(width, np.float32)) for each in names]
    found[f"{theirs}/bias"] = np.concatenate(biases)


def _put(found: Variables, theirs: str, state: Variables, ours: str) -> None:
    found[f"{theirs}/weight"] = state[f"{ours}.weight"]
    found[f"{theirs}/bias"] = state[f"{ours}.bias"]


def _put_norm(found: Variables, theirs: str, state: Variables, ours: str) -> None:
    found[f"{theirs}/gamma"] = state[f"{ours}.weight"]
    found[f"{theirs}/beta"] = state[f"{ours}.bias"]


def write(path: Path, variables: Mapping[str, NDArray[Any]]) -> Path:
    path.write_bytes(file_bytes(variables))
    return path
