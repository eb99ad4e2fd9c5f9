"""Weights are read as they were written, and what cannot be is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.smollm2.gguf_file import BLOCK, read_gguf


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    dimensions = struct.pack(f"<{len(shape)}Q", *reversed(shape))
    return (
        text(name) + struct.pack("<I", len(shape)) + dimensions + struct.pack("<IQ", kind, offset)
    )


def file_of(tensors: list[bytes], data: bytes, version: int = 3) -> bytes:
    values = text("layers") + struct.pack("<II", 4, 30)
    values += text("pieces") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("Ġb")
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), 2) + values + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_values_and_floats(path: Path) -> None:
    numbers = np.arange(6, dtype="<f4")
    path.write_bytes(file_of([tensor("norm", (2, 3), 0, 0)], numbers.tobytes()))
    read = read_gguf(path)
    assert read.values == {"layers": 30, "pieces": ["a", "Ġb"]}
    assert read.tensors["norm"].values().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_byte_block_is_scaled(path: Path) -> None:
    data = np.float16(0.5).tobytes() + np.arange(-16, 16, dtype=np.int8).tobytes()
    path.write_bytes(file_of([tensor("w", (1, BLOCK), 8, 0)], data))
    assert read_gguf(path).tensors["w"].values()[0, :3].tolist() == [-8, -7.5, -7]


def test_a_half_byte_block_is_scaled_from_its_least_and_low_halves_come_first(path: Path) -> None:
    halves = bytes(low | (15 - low) << 4 for low in range(16))
    data = np.array([0.5, -3], "<f2").tobytes() + halves
    path.write_bytes(file_of([tensor("w", (1, BLOCK), 3, 0)], data))
    wanted = [number / 2 - 3 for number in [*range(16), *range(15, -1, -1)]]
    assert read_gguf(path).tensors["w"].values()[0].tolist() == wanted


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"RIFF" + bytes(40), "RIFF"),
        (file_of([], b"", version=2), "version 2"),
        (file_of([tensor("w", (1, BLOCK), 14, 0)], bytes(99)), "type 14"),
        (file_of([tensor("w", (1, 5), 8, 0)], bytes(99)), "5 numbers"),
        (file_of([tensor("w", (2, 3), 0, 0)], bytes(20)), "20 bytes"),
        (file_of([tensor("w", (2, 3), 0, 0)], bytes(20))[:50], "bytes"),
    ],
)
def test_another_file_is_refused(path: Path, content: bytes, what: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelStoreError, match=what):
        read_gguf(path)
