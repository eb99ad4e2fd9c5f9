"""Sealed sound reads as it was, from anywhere; what was changed, moved or cut off does not."""

import io
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidAudioFormat
from lab_kit.database.sealing import (
    PIECE_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    PieceSealer,
    SealedFile,
)

KEY, OTHER = bytes(32), bytes([1] * 32)
SEALED_PIECE = PIECE_BYTES + TAG_BYTES


def sealed(data: bytes, pushed_bytes: int = 10_000, key: bytes = KEY) -> bytes:
    sealer = PieceSealer(key)
    pieces = [sealer.push(data[at : at + pushed_bytes]) for at in range(0, len(data), pushed_bytes)]
    return b"".join([sealer.head, *pieces, sealer.flush()])


def opened(path: Path, data: bytes, key: bytes = KEY) -> io.BufferedReader:
    path.write_bytes(data)
    return io.BufferedReader(SealedFile(path.open("rb"), key))


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 200_000])
def test_it_reads_as_it_was(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    with opened(tmp_path / "sound", sealed(data)) as file:
        assert file.read() == data
        assert file.seek(0, io.SEEK_END) == size


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, 200_000), count=st.integers(0, 150_000))
def test_it_reads_from_anywhere(at: int, count: int) -> None:
    data = random.Random(1).randbytes(200_000)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(folder) / "sound", sealed(data)) as file,
    ):
        file.seek(at)
        assert file.read(count) == data[at : at + count]


def test_the_same_sound_is_sealed_otherwise_each_time() -> None:
    data = bytes(1_000)
    assert sealed(data)[SALT_BYTES:] != sealed(data)[SALT_BYTES:]


def changed(data: bytes) -> bytes:
    return data[:1_000] + bytes([data[1_000] ^ 1]) + data[1_001:]


def swapped(data: bytes) -> bytes:
    first, second = SALT_BYTES, SALT_BYTES + SEALED_PIECE
    return (
        data[:first]
        + data[second : second + SEALED_PIECE]
        + data[first:second]
        + data[second + SEALED_PIECE :]
    )


def cut_off(data: bytes) -> bytes:
    return data[: SALT_BYTES + 2 * SEALED_PIECE]


@pytest.mark.parametrize("damage", [changed, swapped, cut_off])
def test_what_was_damaged_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = random.Random(2).randbytes(200_000)
    with (
        opened(tmp_path / "sound", damage(sealed(data))) as file,
        pytest.raises(InvalidAudioFormat),
    ):
        file.read()


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "sound", sealed(b"words"), OTHER) as file,
        pytest.raises(InvalidAudioFormat),
    ):
        file.read()
