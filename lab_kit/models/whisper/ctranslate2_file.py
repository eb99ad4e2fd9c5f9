"""Reads CTranslate2's ``model.bin``: every variable by its name, mapped and not copied.

The layout, all little-endian: u32 version, name of the specification, u32 revision, u32 number of
variables; each variable as name, u8 rank, that many u32 dimensions, u8 type, u32 bytes, data; then
u32 number of aliases, each a pair of names. A name is its u16 length, closing NUL included, and
its bytes. Knows nothing of what the variables mean.

Source: ``ModelSpec._serialize`` of CTranslate2 4.8, ctranslate2/specs/model_spec.py.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab_kit.core.errors import ModelStoreError

VERSION = 6

_TYPES: tuple[np.dtype[Any], ...] = tuple(
    np.dtype(name).newbyteorder("<") for name in ("float32", "int8", "int16", "int32", "float16")
)
"""By the file's number. Its number 5, bfloat16, is left out: NumPy has no such type."""

Variable: TypeAlias = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class CTranslate2File:
    """What a file holds.

    Attributes:
        specification: the name of its layout of variables, such as ``WhisperSpec``.
        revision: of that layout.
        variables: by name; read-only views of the mapped file.
        aliases: other names of variables, each with the name that it stands for.
    """

    specification: str
    revision: int
    variables: Mapping[str, Variable]
    aliases: Mapping[str, str]


def read_file(path: Path) -> CTranslate2File:
    """Read the directory of a file; the data stay on disk until somebody looks at them.

    Raises:
        ModelStoreError: it is not such a file, is cut short, or holds what cannot be read.
    """
    cursor = _Cursor(path)
    version = cursor.number("I", "the version")
    if version != VERSION:
        raise cursor.refused(f"version {version}", f"version {VERSION}")
    specification = cursor.name("the specification's name")
    revision = cursor.number("I", "the revision")
    variables: dict[str, Variable] = {}
    for _ in range(cursor.number("I", "the number of variables")):
        name = cursor.name("a variable's name")
        if name in variables:
            raise cursor.refused(f"a second variable {name}", "each name once")
        variables[name] = _variable(cursor, name)
    aliases = _aliases(cursor, variables)
    if cursor.left_bytes:
        raise cursor.refused(f"{cursor.left_bytes} bytes after the last alias", "the file's end")
    return CTranslate2File(specification, revision, variables, aliases)


class _Cursor:
    """A place in the mapped file that moves on with every read, and knows when the file ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        if not path.stat().st_size:  # which cannot be mapped
            raise self.refused("an empty file", "variables")
        self._data: NDArray[np.uint8] = np.asarray(np.memmap(path, np.uint8, mode="r"))

    @property
    def left_bytes(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, size_bytes: int, what: str) -> NDArray[np.uint8]:
        """The next bytes, as a view."""
        if size_bytes > self.left_bytes:
            raise self.refused(
                f"the end after {self.left_bytes} bytes", f"{size_bytes} bytes of {what}"
            )
        self._at += size_bytes
        return self._data[self._at - size_bytes : self._at]

    def number(self, form: str, what: str) -> int:
        """The next number; ``form`` is its letter in `struct`."""
        form = f"<{form}"
        return int(struct.unpack(form, self.take(struct.calcsize(form), what).tobytes())[0])

    def name(self, what: str) -> str:
        """The next name, without its NUL."""
        raw = self.take(self.number("H", f"the length of {what}"), what).tobytes()
        text = raw[:-1].decode("utf-8", errors="replace")
        if raw[-1:] != b"\0" or not text.isprintable() or "�" in text:
            raise self.refused(f"{raw[:40]!r} as {what}", "readable text that a NUL closes")
        return text

    def refused(self, received: str, expected: str) -> ModelStoreError:
        """The error that says what stands at this place instead of what should."""
        return ModelStoreError(
            received=f"{self._path}, byte {self._at}: {received}",
            expected=f"{expected}, as a CTranslate2 model.bin of version {VERSION} has",
            next_step="check the file: lab models verify",
        )


def _variable(cursor: _Cursor, name: str) -> Variable:
    rank = cursor.number("B", f"the rank of {name}")
    shape = tuple(cursor.number("I", f"the shape of {name}") for _ in range(rank))
    kind = cursor.number("B", f"the type of {name}")
    if kind >= len(_TYPES):
        known = ", ".join(f"{number} ({each.name})" for number, each in enumerate(_TYPES))
        raise cursor.refused(f"type {kind} for {name}", f"one of {known}")
    size_bytes = cursor.number("I", f"the size of {name}")
    if size_bytes != prod(shape) * _TYPES[kind].itemsize:
        raise cursor.refused(
            f"{size_bytes} bytes for {name}",
            f"{prod(shape) * _TYPES[kind].itemsize}, which {shape} {_TYPES[kind].name} take",
        )
    return cursor.take(size_bytes, name).view(_TYPES[kind]).reshape(shape)


def _aliases(cursor: _Cursor, variables: Mapping[str, Variable]) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for _ in range(cursor.number("I", "the number of aliases")):
        alias = cursor.name("an alias")
        target = cursor.name(f"what {alias} stands for")
        if alias in variables or alias in aliases or target not in variables:
            raise cursor.refused(f"alias {alias} for {target}", "a new name for a known variable")
        aliases[alias] = target
    return aliases
