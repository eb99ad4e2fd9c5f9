"""Tensors as the Open Inference Protocol carries them: raw bytes, or numbers and strings in JSON.

Raw is little-endian and row-major; an element of BYTES is its length in four bytes, then its
bytes. Numbers keep their datatype; BF16, which numpy does not know, is held as float32. What the
shape promises and what arrives must agree: anything else is refused by the tensor's name.

Source: KServe (2023), "Open Inference Protocol", V2, and its binary tensor data extension.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown

Array = npt.NDArray[Any]
MAX_DIMENSIONS = 8
MAX_STRINGS = 65_536
"""Of one tensor; each becomes an object."""
MAX_SIZE = 2**31 - 1
"""Of one dimension, and of all multiplied; numpy gives up far beyond it, and with an error of its
own."""
BLOCK = 32_768
"""Numbers that numpy reads at once: it holds the interpreter's lock meanwhile, a millisecond for so
many, and live streams wait for that lock."""

DATATYPES: dict[str, npt.DTypeLike] = {
    "BOOL": "?",
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BF16": "<f4",
    "BYTES": object,
}
"""Every datatype of the protocol, and what numpy holds it as."""

_NUMBERS = {"BOOL": "b", "INT": "iu", "UINT": "iu", "FP": "fiu", "BF": "fiu"}
"""The kinds of JSON value that each family takes, as numpy letters."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A named array and what it is called on the wire.

    Attributes:
        values: any shape; for BYTES an array of `bytes` objects.
    """

    name: str
    datatype: str
    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return self.values.shape


def texts(name: str, *strings: str) -> Tensor:
    """A BYTES tensor, (strings,)."""
    return Tensor(name, "BYTES", _objects([text.encode() for text in strings]))


def from_raw(name: str, datatype: str, shape: Sequence[int], data: bytes) -> Tensor:
    """Decode the raw form.

    Raises:
        InvalidParameter: unknown datatype, or the bytes are not what the shape promises.
    """
    count = _count(name, datatype, shape)
    if datatype == "BYTES":
        return Tensor(name, datatype, _objects(_strings(name, count, data)).reshape(shape))
    width = 2 if datatype == "BF16" else np.dtype(DATATYPES[datatype]).itemsize
    if len(data) != count * width:
        raise _misfit(
            name, f"{len(data):,} bytes", f"{datatype} {list(shape)} needs {count * width:,}"
        )
    if datatype == "BF16":  # the upper half of a float32
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(data, DATATYPES[datatype])
    return Tensor(name, datatype, values.reshape(shape))


def to_raw(tensor: Tensor) -> bytes:
    """Encode as raw bytes; BF16 drops the lower half of each float32."""
    if tensor.datatype == "BYTES":
        items = tensor.values.ravel().tolist()
        return b"".join(struct.pack("<I", len(item)) + item for item in items)
    values = np.ascontiguousarray(tensor.values, DATATYPES[tensor.datatype])
    if tensor.datatype == "BF16":
        return (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    return values.tobytes()


def from_list(name: str, datatype: str, shape: Sequence[int], data: Sequence[Any]) -> Tensor:
    """Decode plain values, flat or nested as the shape; for BYTES texts or bytes.

    Raises:
        InvalidParameter: unknown datatype, values of another kind, or not as many as the shape
            promises.
    """
    count = _count(name, datatype, shape)
    if datatype == "BYTES":
        values = _objects([_encoded(name, item) for item in _flat(data)])
    else:
        values = _numbers(name, datatype, data)
    if values.size != count:
        raise _misfit(name, f"{values.size:,} elements", f"shape {list(shape)} needs {count:,}")
    return Tensor(name, datatype, values.reshape(shape))


def to_list(tensor: Tensor) -> list[Any]:
    """Encode for JSON, flat.

    Raises:
        InvalidParameter: an element of BYTES is no text; only the raw form can carry it.
    """
    flat: list[Any] = tensor.values.ravel().tolist()
    if tensor.datatype != "BYTES":
        return flat
    try:
        return [item.decode() for item in flat]
    except UnicodeDecodeError as error:
        raise _misfit(tensor.name, "bytes that are no UTF-8", "JSON carries text only") from error


def _count(name: str, datatype: str, shape: Sequence[int]) -> int:
    """Elements that the shape promises."""
    if datatype not in DATATYPES:
        raise _misfit(name, f"datatype {shown(datatype)}", f"one of {', '.join(DATATYPES)}")
    if len(shape) > MAX_DIMENSIONS:
        raise _misfit(name, f"{len(shape)} dimensions", f"at most {MAX_DIMENSIONS}")
    if not all(map(_is_size, shape)):
        raise _misfit(
            name,
            f"a shape with {shown(next(size for size in shape if not _is_size(size)))}",
            f"sizes are whole numbers from 0 to {MAX_SIZE:,}",
        )
    # numpy also counts what lies beside a dimension of none, and gives up beyond its limit
    if math.prod(max(1, size) for size in shape) > MAX_SIZE:
        raise _misfit(name, f"shape {list(shape)}", f"at most {MAX_SIZE:,} elements")
    return math.prod(shape)


def _is_size(size: object) -> bool:
    return type(size) is int and 0 <= size <= MAX_SIZE


def _strings(name: str, count: int, data: bytes) -> list[bytes]:
    if count > MAX_STRINGS:
        raise _misfit(name, f"{count:,} strings", f"at most {MAX_STRINGS:,}")
    items: list[bytes] = []
    at = 0
    while at < len(data) and len(items) <= count:
        (length,) = struct.unpack_from("<I", data, at) if at + 4 <= len(data) else (len(data),)
        items.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(data) or len(items) != count:
        raise _misfit(
            name, f"{len(data):,} bytes", f"{count:,} elements, each a length and its bytes"
        )
    return items


def _numbers(name: str, datatype: str, data: Sequence[Any]) -> Array:
    if not _is_rectangular(data):
        raise _misfit(name, "rows of unequal length", "data flat or nested as its shape")
    items = _flat(data)
    # an array of them would give each element the room that the longest text takes
    strange = next((item for item in items if type(item) not in (int, float, bool)), None)
    if strange is not None:
        raise _misfit(name, f"values such as {shown(strange)}", f"{datatype} cannot hold them")
    blocks = [np.asarray(items[at : at + BLOCK]) for at in range(0, len(items), BLOCK)]
    given = np.concatenate(blocks) if blocks else np.empty(0)
    kinds = _NUMBERS[datatype.rstrip("0123456789")]
    fits = not given.size or given.dtype.kind in kinds
    with np.errstate(over="ignore"):  # what is too large is infinite, and no warning in the log
        values = given.astype(DATATYPES[datatype]) if fits else given
    if not fits or (kinds == "iu" and (values != given).any()):
        raise _misfit(
            name, f"values such as {shown(given[:1].tolist()[0])}", f"{datatype} cannot hold them"
        )
    return values


def _is_rectangular(data: Sequence[Any]) -> bool:
    """Whether all lists of one depth are of one length and hold only lists, or none."""
    level: Sequence[Sequence[Any]] = [data]
    while len({len(each) for each in level}) == 1:
        inner = [item for each in level for item in each if isinstance(item, list)]
        if not inner:
            return True
        if len(inner) != sum(map(len, level)):
            return False
        level = inner
    return False


def _flat(data: Sequence[Any]) -> list[Any]:
    """What is in nested lists, in one pass however deep they are."""
    items: list[Any] = []
    open_lists = [iter(data)]
    while open_lists:
        for item in open_lists[-1]:
            if isinstance(item, list):
                open_lists.append(iter(item))
                break
            items.append(item)
        else:
            open_lists.pop()
    return items


def _encoded(name: str, item: Any) -> bytes:
    if isinstance(item, bytes):
        return item
    if not isinstance(item, str):
        raise _misfit(name, f"an element {shown(item)}", "BYTES are strings")
    try:
        return item.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can spell
        raise _misfit(name, "text that is no Unicode", "BYTES are strings of UTF-8") from error


def _objects(items: Sequence[bytes]) -> Array:
    values = np.empty(len(items), object)
    values[:] = items
    return values


def _misfit(name: str, received: str, expected: str) -> InvalidParameter:
    return InvalidParameter(
        f"tensor {shown(name)} has {received}",
        expected,
        "make datatype, shape and data agree",
    )
