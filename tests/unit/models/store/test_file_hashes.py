"""Hashes of weight files: read once while a file stays as it is, and again when it does not."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from lab_kit.models.store.files import file_sha256

OLD_NS = 1_700_000_000_000_000_000


def hashed(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.onnx"
    path.write_bytes(b"published")
    os.utime(path, ns=(OLD_NS, OLD_NS))
    return path


def test_a_file_that_stays_is_read_once(weights: Path) -> None:
    assert file_sha256(weights) == hashed(b"published")
    weights.write_bytes(b"invisible")
    os.utime(weights, ns=(OLD_NS, OLD_NS))  # only so does it look the same
    assert file_sha256(weights) == hashed(b"published")


def test_two_names_of_one_file_are_one_file(weights: Path, tmp_path: Path) -> None:
    assert file_sha256(weights) == hashed(b"published")
    link = tmp_path / "linked.onnx"
    os.link(weights, link)
    assert file_sha256(link) == hashed(b"published")


def test_a_change_of_the_same_length_is_seen(weights: Path) -> None:
    file_sha256(weights)
    weights.write_bytes(b"disturbed")
    assert file_sha256(weights) == hashed(b"disturbed")


def test_a_file_that_takes_its_place_is_seen(weights: Path, tmp_path: Path) -> None:
    file_sha256(weights)
    other = tmp_path / "other"
    other.write_bytes(b"different")
    os.utime(other, ns=(OLD_NS, OLD_NS))
    os.replace(other, weights)
    assert file_sha256(weights) == hashed(b"different")


def test_a_young_file_is_read_again(tmp_path: Path) -> None:
    """Within one tick of the file system's clock it may change without looking so."""
    path = tmp_path / "young.onnx"
    path.write_bytes(b"published")
    born = path.stat().st_mtime_ns
    assert file_sha256(path) == hashed(b"published")
    path.write_bytes(b"rewritten")
    os.utime(path, ns=(born, born))
    assert file_sha256(path) == hashed(b"rewritten")
