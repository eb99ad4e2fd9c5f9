"""Reads a GGUF file: what is said of the model, and its weights, mapped and not copied.

The layout, all little-endian: ``GGUF``, u32 version, u64 number of tensors, u64 number of values;
each value as name, u32 type, content; each tensor as name, u32 rank, that many u64 dimensions (the
innermost first), u32 type, u64 offset; then, at the next multiple of 32 bytes, the data. A text is
its u64 length and its bytes. Two of the quantized types are read, in blocks of 32 numbers: Q8_0 is
an fp16 scale and 32 signed bytes, Q4_1 an fp16 scale, an fp16 least value and 16 bytes, the low
halves first.

Source: ggml, docs/gguf.md and ggml-common.h.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import ModelStoreError

VERSION = 3
BLOCK = 32
"""Numbers of a quantized block."""
_MAGIC = b"GGUF"
_ALIGNMENT_BYTES = 32
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_NUMBERS[12] = "d"
_TEXT, _LIST = 8, 9


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of weights: bytes of a block of so many numbers, and what they stand for."""

    name: str
    numbers: int
    size_bytes: int
    read: Callable[[NDArray[np.uint8]], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One weight as it lies in the file.

    Attributes:
        shape: rows first.
        data: (blocks, bytes) of the mapped file.
    """

    shape: tuple[int, ...]
    kind: str
    data: NDArray[np.uint8]

    def values(self) -> FloatArray:
        """Its numbers, float32 of ``shape``."""
        kind = next(one for one in _KINDS.values() if one.name == self.kind)
        return kind.read(self.data).reshape(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class GgufFile:
    """What a file holds: values and weights, by name."""

    values: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def read_gguf(path: Path) -> GgufFile:
    """Read the directory of a file; the weights stay on disk until somebody looks at them.

    Raises:
        ModelStoreError: it is not such a file, is cut short, or holds what cannot be read.
    """
    cursor = _Cursor(path)
    if (magic := cursor.take(4).tobytes()) != _MAGIC:
        raise cursor.refused(f"{magic!r}", f"{_MAGIC!r}")
    if (version := cursor.number("I")) != VERSION:
        raise cursor.refused(f"version {version}", f"version {VERSION}")
    tensor_count, value_count = cursor.number("Q"), cursor.number("Q")
    values = {}
    for _ in range(value_count):
        name = cursor.text()
        values[name] = cursor.value(cursor.number("I"))
    places = [_place(cursor) for _ in range(tensor_count)]
    cursor.align()
    tensors = {name: _tensor(cursor, shape, kind, at) for name, shape, kind, at in places}
    return GgufFile(values, tensors)


def _place(cursor: "_Cursor") -> tuple[str, tuple[int, ...], int, int]:
    name = cursor.text()
    dimensions = [cursor.number("Q") for _ in range(cursor.number("I"))]
    return name, tuple(reversed(dimensions)), cursor.number("I"), cursor.number("Q")


def _tensor(cursor: "_Cursor", shape: tuple[int, ...], number: int, offset: int) -> Tensor:
    if (kind := _KINDS.get(number)) is None:
        known = ", ".join(f"{number} ({kind.name})" for number, kind in _KINDS.items())
        raise cursor.refused(f"weights of type {number}", f"one of {known}")
    blocks, rest = divmod(prod(shape), kind.numbers)
    if rest:
        raise cursor.refused(f"{prod(shape)} numbers", f"whole blocks of {kind.numbers}")
    data = cursor.at(offset, blocks * kind.size_bytes)
    return Tensor(shape, kind.name, data.reshape(blocks, kind.size_bytes))


class _Cursor:
    """A place in the mapped file that moves on with every read, and knows when the file ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        if not path.stat().st_size:  # which cannot be mapped
            raise self.refused("an empty file", "weights")
        self._data: NDArray[np.uint8] = np.asarray(np.memmap(path, np.uint8, mode="r"))

    def take(self, size_bytes: int) -> NDArray[np.uint8]:
        """The next bytes, as a view."""
        if size_bytes > len(self._data) - self._at:
            raise self.refused(f"{len(self._data) - self._at} bytes", f"{size_bytes} bytes")
        self._at += size_bytes
        return self._data[self._at - size_bytes : self._at]

    def number(self, form: str) -> Any:
        """The next number; ``form`` is its letter in `struct`."""
        form = f"<{form}"
        return struct.unpack(form, self.take(struct.calcsize(form)).tobytes())[0]

    def text(self) -> str:
        """The next text."""
        return self.take(self.number("Q")).tobytes().decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        """The next value of that type."""
        if kind == _TEXT:
            return self.text()
        if kind == _LIST:
            kind, count = self.number("I"), self.number("Q")
            return [self.value(kind) for _ in range(count)]
        if kind not in _NUMBERS:
            raise self.refused(f"a value of type {kind}", "a number, a text or a list")
        return self.number(_NUMBERS[kind])

    def align(self) -> None:
        """Go on to where the weights begin."""
        self._at += -self._at % _ALIGNMENT_BYTES

    def at(self, offset: int, size_bytes: int) -> NDArray[np.uint8]:
        """Bytes that far behind this place, as a view; the place stays."""
        began, self._at = self._at, self._at + offset
        try:
            return self.take(size_bytes)
        finally:
            self._at = began

    def refused(self, received: str, expected: str) -> ModelStoreError:
        """The error that says what stands at this place instead of what should."""
        return ModelStoreError(
            received=f"{self._path}, byte {self._at}: {received}",
            expected=f"{expected}, as a GGUF file of version {VERSION} has",
            next_step="check the file: lab models verify",
        )


def _floats(data: NDArray[np.uint8]) -> FloatArray:
    return data.reshape(-1).view("<f4")


def _scales(data: NDArray[np.uint8], place: int) -> FloatArray:
    """(blocks, 1) float32, of the fp16 numbers at that place of each block."""
    wanted = np.ascontiguousarray(data[:, place : place + 2])
    return np.asarray(wanted.view("<f2"), np.float32)


def _q4_1(data: NDArray[np.uint8]) -> FloatArray:
    halves = np.concatenate([data[:, 4:] & 15, data[:, 4:] >> 4], axis=1)
    return halves * _scales(data, 0) + _scales(data, 2)


def _q8_0(data: NDArray[np.uint8]) -> FloatArray:
    return data[:, 2:].view(np.int8) * _scales(data, 0)


_KINDS = {
    0: _Kind("F32", 1, 4, _floats),
    3: _Kind("Q4_1", BLOCK, 20, _q4_1),
    8: _Kind("Q8_0", BLOCK, 34, _q8_0),
}
"""By the file's number."""
