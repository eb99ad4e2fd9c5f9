"""What was made from weights is kept whole or not at all."""

from pathlib import Path

import pytest

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.store.kept import FOLDER_VARIABLE, fingerprint, kept


def write(folder: Path) -> None:
    (folder / "graph.onnx").write_bytes(b"a graph")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_it_is_made_once(root: Path) -> None:
    made = kept("one", write)
    assert made == root / "one"
    assert (made / "graph.onnx").read_bytes() == b"a graph"

    def never(folder: Path) -> None:
        raise AssertionError("made again")

    assert kept("one", never) == made


def test_what_fails_half_way_leaves_nothing(root: Path) -> None:
    def half(folder: Path) -> None:
        write(folder)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        kept("one", half)
    assert list(root.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "kept"))
    with pytest.raises(ModelStoreError, match=f"takes no graphs.*set {FOLDER_VARIABLE}"):
        kept("one", write)


def test_other_weights_have_another_name(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"1")
    code = tmp_path / "code.py"
    code.write_text("a = 1")
    before = fingerprint([weights], ["numpy"], [code])
    assert fingerprint([weights], ["numpy"], [code]) == before
    weights.write_bytes(b"2")
    assert fingerprint([weights], ["numpy"], [code]) != before
    weights.write_bytes(b"1")
    assert fingerprint([weights], [], [code]) != before
    assert fingerprint([weights], ["numpy"], []) != before
    code.write_text("a = 2")
    assert fingerprint([weights], ["numpy"], [code]) != before
