"""What of Whisper is not its network: how it wants sound, which tokens it may choose, the words.

The same for every runtime and precision, so that a comparison differs in nothing but the network.

Source: openai/whisper, audio.py and decoding.py.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import ModelStoreError, PayloadTooLarge
from lab_kit.core.units import SAMPLE_RATE_HZ

POSITIONS = 448
"""Tokens the decoder has places for, prompt and answer together."""
CLIP_S = 30
"""Audio the encoder takes at once; shorter clips are filled up with silence."""
TOKENS_PER_AUDIO_S = 8
"""Speech does not yield more; a decoder that wants to is repeating itself."""
EXTRA_TOKENS = 8
"""For clips so short that the rate says little: a number or a name takes several."""


class WhisperRules:
    """Spectrogram, prompt, forbidden tokens and vocabulary of the English-only models.

    Args:
        files: ``config.json`` and ``tokenizer.json`` by name.
        tokens_per_audio_s: where decoding is cut off; less than speech holds loses its end.

    Attributes:
        prompt: tokens that every sequence begins with.
        end_token: chosen where the speech ends.
        never: tokens that are never chosen.
        not_first: tokens that cannot be the first after the prompt.

    Raises:
        ModelStoreError: the vocabulary is not Whisper's.
    """

    def __init__(
        self, files: Mapping[str, Path], tokens_per_audio_s: float = TOKENS_PER_AUDIO_S
    ) -> None:
        self._tokens_per_audio_s = tokens_per_audio_s
        self._tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
        self._features = WhisperFeatureExtractor()
        config = json.loads(files["config.json"].read_text("utf-8"))
        self.prompt: tuple[int, ...] = tuple(
            self._mark(files, name) for name in ("<|startoftranscript|>", "<|notimestamps|>")
        )
        self._before = self._mark(files, "<|startofprev|>")
        self.end_token = self._mark(files, "<|endoftext|>")
        self.never: list[int] = config["suppress_ids"]
        self.not_first: list[int] = config["suppress_ids_begin"]

    def features(self, clips: Sequence[FloatArray]) -> FloatArray:
        """The clips as the encoder wants them: (clips, 80 bands, 3000 frames) float32 log-mel.

        Args:
            clips: each (samples,) float32 in [-1, 1] at 16 kHz, at most 30 s.

        Raises:
            PayloadTooLarge: a clip is longer.
        """
        for clip in clips:
            if len(clip) > CLIP_S * SAMPLE_RATE_HZ:
                raise PayloadTooLarge(
                    received=f"a clip of {len(clip) / SAMPLE_RATE_HZ:.1f} s",
                    expected=f"at most {CLIP_S} s, which is all that Whisper hears at once",
                    next_step="cut it at a pause",
                )
        extracted = self._features(list(clips), sampling_rate=SAMPLE_RATE_HZ, return_tensors="np")
        return np.asarray(extracted["input_features"], np.float32)

    def choose(self, scores: FloatArray, is_first: bool) -> int:
        """The most probable token that may be chosen; ``scores``: (words,) float32."""
        allowed = scores.copy()
        allowed[self.never] = -np.inf
        if is_first:
            allowed[self.not_first] = -np.inf
        return int(allowed.argmax())

    def text(self, tokens: Sequence[int]) -> str:
        """The words that ``tokens`` spell, without the prompt's and other marks."""
        spoken = [token for token in tokens if token < self.end_token]
        return str(self._tokenizer.decode(spoken)).strip()

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """What each of ``tokens`` adds to the text; a space comes with the word that follows it."""
        stream = DecodeStream(skip_special_tokens=True)
        return [
            (stream.step(self._tokenizer, token) or "") if token < self.end_token else ""
            for token in tokens
        ]

    def prompt_after(self, context: str) -> tuple[int, ...]:
        """The prompt of a sequence that is told what was said before, or is likely to be.

        Raises:
            PayloadTooLarge: it would take more than half of the decoder's positions.
        """
        if not context:
            return self.prompt
        words = tuple(self._tokenizer.encode(f" {context}", add_special_tokens=False).ids)
        longest = POSITIONS // 2 - 1
        if len(words) > longest:
            raise PayloadTooLarge(
                received=f"a context of {len(words)} tokens",
                expected=f"at most {longest}",
                next_step="leave out what was said longest ago",
            )
        return (self._before, *words, *self.prompt)

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        by_length = round(self._tokens_per_audio_s * audio_samples / SAMPLE_RATE_HZ)
        return min(by_length + EXTRA_TOKENS, POSITIONS // 2 - len(self.prompt))

    def _mark(self, files: Mapping[str, Path], name: str) -> int:
        token = self._tokenizer.token_to_id(name)
        if token is None:
            raise ModelStoreError(
                received=f"{files['tokenizer.json']} without {name}",
                expected="Whisper's vocabulary",
                next_step="use the catalog's file: lab models pull whisper-tiny-en",
            )
        return int(token)
