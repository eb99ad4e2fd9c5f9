"""Whisper as two plain graphs, the form in which every runtime can take it.

The encoder turns a log-mel spectrogram into what each decoder layer listens to. The decoder turns
tokens, the keys and values of those before, and what it listens to into scores for the next token
and the keys and values of all. Nothing is hidden in an object, so the same code runs eagerly, is
compiled, and is exported.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer, EncoderDecoderCache
from transformers.models.whisper.modeling_whisper import WhisperModel

Tensors = tuple[torch.Tensor, ...]


class EncoderGraph(torch.nn.Module):
    """Log-mel in, keys and values for each decoder layer out."""

    def __init__(self, network: WhisperModel) -> None:
        super().__init__()
        self.encoder = network.encoder
        attentions: list[Any] = [layer.encoder_attn for layer in network.decoder.layers]
        self.projections = torch.nn.ModuleList(
            projection for each in attentions for projection in (each.k_proj, each.v_proj)
        )
        self.heads = network.config.decoder_attention_heads

    def forward(self, mel: torch.Tensor) -> Tensors:
        """(clips, 80, 3000) to keys, values, keys, …: (clips, heads, 1500, head width) each."""
        frames = self.encoder(mel).last_hidden_state  # (clips, 1500, width)
        split = (*frames.shape[:2], self.heads, -1)
        return tuple(
            project(frames).view(split).transpose(1, 2).contiguous() for project in self.projections
        )


class DecoderGraph(torch.nn.Module):
    """Tokens, past and encoded speech in; scores of the next token and the longer past out."""

    def __init__(self, network: WhisperModel) -> None:
        super().__init__()
        self.decoder = network.decoder

    def forward(self, tokens: torch.Tensor, past: Tensors, heard: Tensors) -> Tensors:
        """One pass over sequences of equal length.

        Args:
            tokens: (sequences, new) int64.
            past: keys, values, keys, … of each layer: (sequences, heads, before, head width).
            heard: the encoder's output.

        Returns:
            (sequences, words) scores after the last token, then ``past`` with the new ones.
        """
        before, new = past[0].shape[2], tokens.shape[1]
        positions = torch.arange(new, device=tokens.device) + before
        later = torch.arange(before + new, device=tokens.device) > positions[:, None]
        mask = torch.zeros(later.shape, dtype=past[0].dtype, device=tokens.device)
        layers = _layers(past)
        hidden = self.decoder(
            input_ids=tokens,
            attention_mask=mask.masked_fill(later, float("-inf"))[None, None],
            position_ids=positions[None],
            past_key_values=EncoderDecoderCache(
                Cache(layers=[*layers]), Cache(layers=[*_layers(heard)])
            ),
            # only says that there is something to listen to; the cache holds what
            encoder_hidden_states=heard[0],
            use_cache=True,
        ).last_hidden_state[:, -1]
        scores = torch.nn.functional.linear(hidden, self.decoder.embed_tokens.weight)
        return (scores, *(tensor for each in layers for tensor in (each.keys, each.values)))


def _layers(tensors: Sequence[torch.Tensor]) -> list[Any]:
    """Keys, values, keys, … as the layers of a cache that grows."""
    layers: list[Any] = [DynamicLayer() for _ in tensors[::2]]
    for layer, keys, values in zip(layers, tensors[::2], tensors[1::2], strict=True):
        layer.keys, layer.values = keys, values
        layer.is_initialized = True
    return layers
