"""Graphs that were made from weights, kept until anything they depend on changes.

A folder's name holds what its graphs depend on: the weights' SHA-256, the versions of the tools,
and the code that makes them.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import onnxruntime
from platformdirs import user_cache_path

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.store.files import file_sha256, publish_folder

FOLDER_VARIABLE = "LAB_RUNTIMES"


def kept_folder() -> Path:
    """``LAB_RUNTIMES`` if set, else ``runtimes`` in the platform's user cache."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        return Path(folder).expanduser()
    return user_cache_path("lab_kit") / "runtimes"


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, made under another one first: it is there whole or not at all.

    Raises:
        ModelStoreError: it is not there, and cannot be written.
    """
    root = kept_folder()
    if not (root / name).is_dir():
        try:
            _make(name, make, root)
        except OSError as error:
            raise ModelStoreError(
                f"{root} takes no graphs: {error}",
                "a folder that can be written",
                f"set {FOLDER_VARIABLE} to one, or start once where it can be",
            ) from error
    return root / name


def _make(name: str, make: Callable[[Path], None], root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".work-", dir=root) as work:
        folder = Path(work) / name
        folder.mkdir()
        make(folder)
        publish_folder(folder, root / name)


def fingerprint(weights: Iterable[Path], tools: Iterable[str], code: Iterable[Path]) -> str:
    """Twelve hexadecimal digits that change with anything the graphs are made from."""
    parts = [
        *(file_sha256(path) for path in weights),
        *(f"{tool} {_version(tool)}" for tool in tools),
        *(module.read_text("utf-8") for module in code),
    ]
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def _version(tool: str) -> str:
    # the GPU build of ONNX Runtime is another distribution of the same module
    return onnxruntime.__version__ if tool == "onnxruntime" else metadata.version(tool)
