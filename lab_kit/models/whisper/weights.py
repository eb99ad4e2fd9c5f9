"""Whisper's weights: from the names of a CTranslate2 file to those of ``transformers``.

Every variable of the file is used exactly once and every parameter set exactly once, or loading
fails; a setting that the architecture here does not have is an error, too. The file holds queries,
keys and values of one attention in one matrix, which is split; Whisper's keys have no bias, so that
part must be zero.

Source: ``WhisperLoader`` of CTranslate2 4.8, ctranslate2/converters/transformers.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperModel

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.whisper.ctranslate2_file import CTranslate2File, Variable, read_file

_GELU = 3  # of CTranslate2's ``Activation``
_SETTINGS = {
    "decoder/activation": _GELU,
    "decoder/alibi": 0,
    "decoder/pre_norm": 1,
    "decoder/scale_embeddings": 0,
    "decoder/start_from_zero_embedding": 0,
}
"""What the architecture presumes; a file that says otherwise is another model."""
_FOR_WORD_TIMES = ("decoder/alignment_heads", "decoder/alignment_layer")
"""Which attention shows word times; nothing here asks for them."""
_ALIASES = {"decoder/projection/weight": "decoder/embeddings/weight"}


def load_whisper(path: Path, dtype: torch.dtype, device: torch.device) -> WhisperModel:
    """The network of ``transformers`` with the weights of a ``model.bin``, ready to infer.

    Raises:
        ModelStoreError: the file cannot be read, or holds another architecture.
    """
    weights = _Weights(path, read_file(path))
    config = _config(weights)
    parameters = {
        name: torch.tensor(np.asarray(value)).to(device=device, dtype=dtype)
        for name, value in _parameters(weights, config)
    }
    weights.require_all_used()
    with torch.device("meta"):  # nothing is allocated or drawn at random only to be replaced
        model = WhisperModel(config)
    _require_same_names(path, set(parameters), set(model.state_dict()))
    model.load_state_dict(parameters, strict=True, assign=True)
    model.requires_grad_(False)
    model.eval()
    return model


class _Weights:
    """The file's variables; knows which ones nobody has asked for."""

    def __init__(self, path: Path, file: CTranslate2File) -> None:
        self._path = path
        self._variables = dict(file.variables)
        if file.specification != "WhisperSpec":
            raise self.refused(f"a {file.specification}", "a WhisperSpec")
        if dict(file.aliases) != _ALIASES:
            raise self.refused(f"aliases {dict(file.aliases)}", f"{_ALIASES}")

    def take(self, name: str, *shape: int) -> Variable:
        """The variable, which is then used; ``shape`` is what it must have."""
        if name not in self._variables:
            raise self.refused(f"no {name}, or it was used already", "each weight exactly once")
        value = self._variables.pop(name)
        if value.shape != shape:
            raise self.refused(f"{name} of shape {value.shape}", f"{shape}")
        return value

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        """The shape of a variable that is still to be used."""
        found = self._variables.get(name)
        if found is None or found.ndim != rank:
            raise self.refused(f"{name}: {found if found is None else found.shape}", f"rank {rank}")
        return found.shape

    def layers(self, part: str) -> int:
        """Number of layers of the encoder or the decoder."""
        pattern = re.compile(rf"{part}/(layer_\d+)/")
        return len({found[1] for name in self._variables if (found := pattern.match(name))})

    def require_all_used(self) -> None:
        """Refuse a file that holds more than the network has."""
        if self._variables:
            raise self.refused(f"unused {', '.join(sorted(self._variables))}", "nothing left over")

    def refused(self, received: str, expected: str) -> ModelStoreError:
        """The error that names the file."""
        return ModelStoreError(
            received=f"{self._path}: {received}",
            expected=f"{expected}, as the file of a Whisper model has",
            next_step="use the catalog's file: lab models pull whisper-tiny-en",
        )


def _config(weights: _Weights) -> WhisperConfig:
    """The architecture, read off the shapes; checks and uses up the file's settings."""
    for name, value in _SETTINGS.items():
        if (found := int(weights.take(name))) != value:
            raise weights.refused(f"{name} = {found}", f"{value}")
    for name in _FOR_WORD_TIMES:
        weights.take(name)
    words, width = weights.shape("decoder/embeddings/weight", 2)
    return WhisperConfig(
        vocab_size=words,
        d_model=width,
        num_mel_bins=weights.shape("encoder/conv1/weight", 3)[1],
        max_source_positions=weights.shape("encoder/position_encodings/encodings", 2)[0],
        max_target_positions=weights.shape("decoder/position_encodings/encodings", 2)[0],
        encoder_layers=weights.layers("encoder"),
        decoder_layers=weights.layers("decoder"),
        encoder_attention_heads=int(weights.take("encoder/num_heads")),
        decoder_attention_heads=int(weights.take("decoder/num_heads")),
        encoder_ffn_dim=weights.shape("encoder/layer_0/ffn/linear_0/weight", 2)[0],
        decoder_ffn_dim=weights.shape("decoder/layer_0/ffn/linear_0/weight", 2)[0],
        pad_token_id=None,  # our rows mask what is padded
    )


Named = Iterator[tuple[str, Variable]]


def _parameters(weights: _Weights, config: WhisperConfig) -> Named:
    width = config.d_model
    for number, inputs in ((1, config.num_mel_bins), (2, width)):
        conv = f"encoder/conv{number}"
        yield f"encoder.conv{number}.weight", weights.take(f"{conv}/weight", width, inputs, 3)
        yield f"encoder.conv{number}.bias", weights.take(f"{conv}/bias", width)
    words = weights.take("decoder/embeddings/weight", config.vocab_size, width)
    yield "decoder.embed_tokens.weight", words
    yield from _stack(weights, "encoder", config.encoder_layers, config.encoder_ffn_dim, width)
    yield from _stack(weights, "decoder", config.decoder_layers, config.decoder_ffn_dim, width)


def _stack(weights: _Weights, part: str, layers: int, inner: int, width: int) -> Named:
    """Everything that encoder and decoder both have; the decoder also looks at the encoder."""
    positions = f"{part}/position_encodings/encodings"
    yield f"{part}.embed_positions.weight", weights.take(positions, *weights.shape(positions, 2))
    yield from _norm(weights, f"{part}/layer_norm", f"{part}.layer_norm", width)
    for number in range(layers):
        ours, theirs = f"{part}.layers.{number}", f"{part}/layer_{number}"
        own = f"{theirs}/self_attention"
        yield from _split(weights, f"{own}/linear_0", f"{ours}.self_attn", "qkv", width)
        yield from _linear(weights, f"{own}/linear_1", f"{ours}.self_attn.out_proj", width, width)
        yield from _norm(weights, f"{own}/layer_norm", f"{ours}.self_attn_layer_norm", width)
        if part == "decoder":
            yield from _cross(weights, f"{theirs}/attention", ours, width)
        ffn = f"{theirs}/ffn"
        yield from _linear(weights, f"{ffn}/linear_0", f"{ours}.fc1", inner, width)
        yield from _linear(weights, f"{ffn}/linear_1", f"{ours}.fc2", width, inner)
        yield from _norm(weights, f"{ffn}/layer_norm", f"{ours}.final_layer_norm", width)


def _cross(weights: _Weights, theirs: str, ours: str, width: int) -> Named:
    yield from _split(weights, f"{theirs}/linear_0", f"{ours}.encoder_attn", "q", width)
    yield from _split(weights, f"{theirs}/linear_1", f"{ours}.encoder_attn", "kv", width)
    yield from _linear(weights, f"{theirs}/linear_2", f"{ours}.encoder_attn.out_proj", width, width)
    yield from _norm(weights, f"{theirs}/layer_norm", f"{ours}.encoder_attn_layer_norm", width)


def _split(weights: _Weights, theirs: str, ours: str, letters: str, width: int) -> Named:
    """One fused projection as those that ``letters`` name, in that order."""
    matrix = weights.take(f"{theirs}/weight", len(letters) * width, width)
    bias = weights.take(f"{theirs}/bias", len(letters) * width)
    for index, letter in enumerate(letters):
        rows = slice(index * width, (index + 1) * width)
        yield f"{ours}.{letter}_proj.weight", matrix[rows]
        if letter != "k":
            yield f"{ours}.{letter}_proj.bias", bias[rows]
        elif np.any(bias[rows]):
            raise weights.refused(f"a bias for the keys in {theirs}", "zeros there")


def _linear(weights: _Weights, theirs: str, ours: str, outputs: int, inputs: int) -> Named:
    yield f"{ours}.weight", weights.take(f"{theirs}/weight", outputs, inputs)
    yield f"{ours}.bias", weights.take(f"{theirs}/bias", outputs)


def _norm(weights: _Weights, theirs: str, ours: str, width: int) -> Named:
    yield f"{ours}.weight", weights.take(f"{theirs}/gamma", width)
    yield f"{ours}.bias", weights.take(f"{theirs}/beta", width)


def _require_same_names(path: Path, given: set[str], wanted: set[str]) -> None:
    """The strict loading below checks this too, but would not name the file."""
    if given != wanted:
        raise ModelStoreError(
            received=f"{path}: {len(given - wanted)} unknown, {len(wanted - given)} missing: "
            f"{', '.join(sorted(given ^ wanted)[:3])}",
            expected=f"the {len(wanted)} parameters of the Whisper in transformers",
            next_step="use the catalog's file: lab models pull whisper-tiny-en",
        )
