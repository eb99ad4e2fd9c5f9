"""pip's troubles come out as sentences that say what to do."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.store import fetch
from lab_kit.models.store.catalog import CATALOG, HuggingFaceSource, WheelSource

SOURCE = CATALOG["moonshine-tiny-en"].source
assert isinstance(SOURCE, WheelSource)


def test_pip_is_told_to_check_and_to_build_nothing(tmp_path: Path) -> None:
    command = fetch.pip_command(SOURCE, tmp_path, tmp_path / "r.txt", quiet=False)
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)
    assert command[command.index("--platform") + 1] == "manylinux_2_34_x86_64"
    assert not any("index" in part for part in command), "the user's own index counts"


@pytest.mark.parametrize(
    ("stderr", "received", "next_step"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "another file", "cache purge"),
        ("OSError: [Errno 28] No space left on device", "disk is full", "LAB_MODELS"),
        ("WARNING: Retrying ... NewConnectionError\nERROR: x", "does not answer", "network"),
        ("ERROR: No matching distribution found", "No matching", "index offers"),
    ],
)
def test_each_failure_has_its_own_advice(stderr: str, received: str, next_step: str) -> None:
    error = fetch.explain_pip_failure(SOURCE, stderr)
    assert received in error.received
    assert next_step in error.next_step


def test_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelStoreError, match="ensurepip"):
        fetch.fetch_wheel_with_pip(SOURCE, tmp_path, None)


def test_pip_that_leaves_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(returncode=0, stderr="")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: done)
    with pytest.raises(ModelStoreError, match="left no moonshine_voice"):
        fetch.fetch_wheel_with_pip(SOURCE, tmp_path, None)


HUB = HuggingFaceSource("owner/repo", "abc", (("model.bin", "sub/model.bin"),))


def test_hub_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelStoreError, match="pip install huggingface_hub"):
        fetch.fetch_from_hub(HUB, tmp_path, None)


def test_hub_files_come_at_their_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(repo: str, path: str, revision: str, local_dir: Path) -> str:
        asked.append((repo, path, revision))
        target = local_dir / path
        target.parent.mkdir()
        target.write_bytes(b"weights")
        return str(target)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=download))
    fetch.fetch_from_hub(HUB, tmp_path, None)
    assert asked == [("owner/repo", "sub/model.bin", "abc")]
    assert (tmp_path / "model.bin").read_bytes() == b"weights"


def test_hub_that_is_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("no route")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=refuse))
    with pytest.raises(ModelStoreError, match="no route"):
        fetch.fetch_from_hub(HUB, tmp_path, None)
