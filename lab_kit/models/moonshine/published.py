"""Moonshine's graphs as they were published: what `graph` is compared with.

One clip at a time, token by token, as a first server would. Their decoder is two graphs behind a
switch, takes the encoder's frames anew in every step, and pads them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab_kit.audio.pcm import FloatArray
from lab_kit.models.device import Device, open_session
from lab_kit.models.moonshine.layout import HEAD_WIDTH, HEADS, LAYERS
from lab_kit.models.moonshine.model import BEGIN_TOKEN, END_TOKEN

_CACHE = [
    f"{layer}.{of}.{kind}"
    for layer in range(LAYERS)
    for of in ("decoder", "encoder")
    for kind in ("key", "value")
]


class PublishedMoonshine:
    """The two graphs, unchanged.

    Args:
        files: ``encoder_model.ort`` and ``decoder_model_merged.ort`` by name.
        device: where to run.
    """

    def __init__(self, files: Mapping[str, Path], device: Device) -> None:
        self._encoder = open_session(files["encoder_model.ort"], device)
        self._decoder = open_session(files["decoder_model_merged.ort"], device)

    def decode(self, audio: FloatArray, limit: int, draft: Sequence[int] = ()) -> list[int]:
        """The tokens that (samples,) float32 at 16 kHz says, at most ``limit``; END comes last.

        Args:
            draft: tokens to be checked in the first pass; those that agree need no step.
        """
        mask = np.ones((1, len(audio)), np.int64)
        sound = {"input_values": audio[None, :], "attention_mask": mask}
        (frames,) = self._encoder.run(None, sound)
        heard = {"encoder_hidden_states": frames, "encoder_attention_mask": mask}
        none = np.zeros((1, HEADS, 0, HEAD_WIDTH), np.float32)
        chosen, cache = self._pass(heard, dict.fromkeys(_CACHE, none), [BEGIN_TOKEN, *draft], False)
        kept = next(
            (n for n, token in enumerate(draft) if token != chosen[n]), len(draft)
        )  # so many of the draft are what the model says itself
        for name, value in cache.items():
            cache[name] = value[:, :, : 1 + kept] if ".decoder." in name else value
        tokens = [*draft[:kept], chosen[kept]]
        while tokens[-1] != END_TOKEN and len(tokens) < limit:
            (token,), grown = self._pass(heard, cache, tokens[-1:], True)
            # a step gives back nothing of use for the frames' keys and values
            cache.update({name: grown[name] for name in _CACHE if ".decoder." in name})
            tokens.append(token)
        return tokens

    def _pass(
        self,
        heard: dict[str, npt.NDArray[np.generic]],
        cache: dict[str, npt.NDArray[np.generic]],
        tokens: Sequence[int],
        is_step: bool,
    ) -> tuple[list[int], dict[str, npt.NDArray[np.generic]]]:
        """What comes after each of ``tokens``, and the cache with them."""
        scores, *present = self._decoder.run(
            ["logits", *(f"present.{name}" for name in _CACHE)],
            {
                **{f"past_key_values.{name}": value for name, value in cache.items()},
                **heard,
                "input_ids": np.array([tokens], np.int64),
                "use_cache_branch": np.array([is_step]),
            },
        )
        return scores[0].argmax(axis=-1).tolist(), dict(zip(_CACHE, present, strict=True))
