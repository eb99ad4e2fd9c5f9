"""Text to SmolLM2's tokens and back, and a conversation as it was trained to read one.

Source of the form: the chat template in the published file; of how text is cut before pieces are
merged: llama.cpp, ``LLAMA_VOCAB_PRE_TYPE_SMOLLM``.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from lab_kit.core.errors import NotInstalled
from lab_kit.core.replies import Role, Said
from lab_kit.models.smollm2.gguf_file import GgufFile

_BEGIN, _END = "<|im_start|>", "<|im_end|>"


class Text:
    """The vocabulary of one model.

    Raises:
        NotInstalled: tokenizers is not installed.

    Attributes:
        end: the token that ends what somebody says.
    """

    def __init__(self, weights: GgufFile) -> None:
        library = _tokenizers()
        pieces = weights.values["tokenizer.ggml.tokens"]
        merges = [tuple(pair.split(" ")) for pair in weights.values["tokenizer.ggml.merges"]]
        numbers = {piece: number for number, piece in enumerate(pieces)}
        self._tokenizer = library.Tokenizer(library.models.BPE(numbers, merges))
        self._tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence(
            [
                library.pre_tokenizers.Digits(individual_digits=True),
                library.pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        self._tokenizer.decoder = library.decoders.ByteLevel()
        self._begin: int = numbers[_BEGIN]
        self.end: int = numbers[_END]

    def tokens(self, text: str) -> list[int]:
        """Those of a text; marks of the conversation's form are letters in it like others."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def text(self, tokens: Sequence[int]) -> str:
        """What they say; a letter that is not whole yet is a mark for that."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))

    def conversation(self, said: Sequence[Said], begun: Role | None = None) -> list[int]:
        """A conversation's tokens.

        Args:
            begun: who has begun to say the last text and may go on: nothing ends it. With nothing
                said by them yet, their turn begins.
        """
        tokens: list[int] = []
        for number, one in enumerate(said):
            tokens += [self._begin, *self.tokens(f"{one.role}\n{one.text}")]
            is_open = begun is one.role and number == len(said) - 1
            tokens += [] if is_open else [self.end, *self.tokens("\n")]
        if begun is not None and (not said or said[-1].role is not begun):
            tokens += [self._begin, *self.tokens(f"{begun}\n")]
        return tokens


def _tokenizers() -> Any:
    try:
        return import_module("tokenizers")
    except ModuleNotFoundError as error:
        raise NotInstalled.extra("a language model", "tokenizers", "speech") from error
