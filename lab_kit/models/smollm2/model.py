"""SmolLM2 at work: tokens in, tokens out, one after the other, over a cache that can be cut.

A model of 135 million parameters answers fluently and is often wrong. It stands here for the time
that a language model takes, not for what one knows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.models.device import Device, open_session
from lab_kit.models.smollm2.gguf_file import read_gguf
from lab_kit.models.smollm2.sizes import HEAD_WIDTH, KEPT, KEPT_HEADS, MOST_TOKENS
from lab_kit.models.smollm2.text import Text
from lab_kit.models.store.kept import fingerprint, kept

NAME = "smollm2-135m"
"""By what name the catalog has it."""
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GRAPH, _EMBEDDINGS = "model.onnx", "embeddings.npy"
_CODE = [
    *(Path(__file__).with_name(f"{name}.py") for name in ("graph", "gguf_file", "sizes")),
    Path(__file__).parents[1] / "operators.py",
]


def open_smollm2(path: Path) -> "SmolLM2":
    """The model, on one thread of the processor.

    Raises:
        ModelStoreError: the file holds no such model, or its graph cannot be kept.
    """
    weights = read_gguf(path)

    def write(folder: Path) -> None:
        # here, because what graphs are written with is not needed where one is kept
        from lab_kit.models.smollm2.graph import graph

        (folder / _GRAPH).write_bytes(graph(weights))
        np.save(folder / _EMBEDDINGS, weights.tensors["token_embd.weight"].values())

    made_from = fingerprint([path], ("onnx",), _CODE)
    folder = kept(f"{NAME}-{made_from}", write)
    # on shared cores a second thread gains nothing, and a GPU is not what waits here
    session = open_session(folder / _GRAPH, Device("cpu", NAME, workers=1))
    return SmolLM2(session, folder / _EMBEDDINGS, Text(weights))


class SmolLM2:
    """The model. Its caches are used by one thread at a time; several of them by as many.

    Attributes:
        text: its vocabulary.
    """

    def __init__(self, session: onnxruntime.InferenceSession, embeddings: Path, text: Text) -> None:
        self._session = session
        # of 49,152 rows a conversation needs some hundreds: the rest stays on disk
        self._embeddings = np.load(embeddings, mmap_mode="r")
        self.text = text

    def cache(self) -> "Cache":
        """An empty cache, for one conversation."""
        return Cache(self._session, self._embeddings)

    def answer(self, cache: "Cache", prompt: Sequence[int], most_tokens: int) -> Iterator[int]:
        """The likeliest tokens after a prompt, until the model ends its turn.

        Whoever stops asking stops it: nothing is computed before it is asked for.

        Args:
            cache: what it holds of the prompt's beginning is not computed again.
        """
        token = cache.next_token(prompt)
        for _ in range(min(most_tokens, MOST_TOKENS - len(prompt))):
            if token == self.text.end:
                return
            yield token
            if cache.has_room:
                token = cache.next_token([*cache.tokens, token])


class Cache:
    """What was computed of a conversation's tokens, (1, 3, 512, 64) a layer for keys and values.

    Attributes:
        tokens: those that it holds.
        computed: tokens that went through the model so far; what was reused did not.
    """

    def __init__(self, session: onnxruntime.InferenceSession, embeddings: FloatArray) -> None:
        self._embeddings = embeddings
        self._session = session
        self._binding = session.io_binding()
        shape = (1, KEPT_HEADS, MOST_TOKENS, HEAD_WIDTH)
        for name in KEPT:
            held = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
            self._binding.bind_ortvalue_input(name, held)
            self._binding.bind_ortvalue_output(f"new {name}", held)
        scores = np.zeros((1, 1, len(embeddings)), np.float32)
        self._scores = onnxruntime.OrtValue.ortvalue_from_numpy(scores)
        self._binding.bind_ortvalue_output("scores", self._scores)
        self.tokens: list[int] = []
        self.computed = 0

    @property
    def has_room(self) -> bool:
        """Whether another token fits."""
        return len(self.tokens) < MOST_TOKENS

    def fill(self, tokens: Sequence[int]) -> None:
        """Hold these tokens, and perhaps more: those that are missing are computed.

        Raises:
            InvalidParameter: they are too many.
        """
        if common(self.tokens, tokens) < len(tokens):
            self._run(tokens)

    def next_token(self, tokens: Sequence[int]) -> int:
        """The likeliest token after these.

        Raises:
            InvalidParameter: they are too many, or none.
        """
        scores = self._run(tokens)
        return int(scores.argmax())

    def _run(self, tokens: Sequence[int]) -> FloatArray:
        """(49152,) float32 scores of what follows; at least the last token is computed."""
        if not 0 < len(tokens) <= MOST_TOKENS:
            raise InvalidParameter(
                f"{len(tokens)} tokens",
                f"1 to {MOST_TOKENS}",
                "leave out what was said longest ago",
            )
        held = min(common(self.tokens, tokens), len(tokens) - 1)
        del self.tokens[held:]
        new = list(tokens[held:])
        binding = self._binding
        binding.bind_cpu_input("embedded", np.asarray(self._embeddings[new])[None])
        binding.bind_cpu_input("last", np.array([[len(tokens) - 1]], np.int32))
        binding.bind_cpu_input("total", np.array(len(tokens), np.int32))
        self._session.run_with_iobinding(binding)
        self.tokens += new
        self.computed += len(new)
        scores: FloatArray = self._scores.numpy()[0, 0]
        return scores


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
