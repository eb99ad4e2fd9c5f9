"""The repository: a version appears whole or not at all, and is trusted only as long as it fits."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab_kit.core.errors import InvalidParameter, ModelStoreError, VersionConflict, VersionNotFound
from lab_kit.models.store import repository as module
from lab_kit.models.store.repository import Repository, default_root
from lab_kit.models.store.version import Label, Labels, Settings

MODEL = "tiny"
FILES = {"encoder.ort": b"an encoder", "tokens.bin": b"some tokens"}


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "store"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in FILES}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def visible(repository: Repository) -> set[str]:
    return {p.name for p in (repository.root / MODEL).iterdir() if not p.name.startswith(".")}


def test_what_is_published_is_what_is_opened(
    repository: Repository, sources: dict[str, Path]
) -> None:
    version = repository.publish(MODEL, sources, Settings(tokens_per_audio_s=3.0))
    opened = repository.open(MODEL, 1)
    assert version.number == 1
    assert opened.version == version
    assert opened.version.settings.chosen() == {"tokens_per_audio_s": 3.0}
    assert {name: path.read_bytes() for name, path in opened.paths.items()} == FILES
    assert {m.name: m.size_bytes for m in version.files} == {n: len(c) for n, c in FILES.items()}
    assert visible(repository) == {"1"}


def test_numbers_go_up_and_are_never_given_again(
    repository: Repository, sources: dict[str, Path]
) -> None:
    assert repository.numbers(MODEL) == []
    given = [repository.publish(MODEL, sources, Settings()).number for _ in range(3)]
    shutil.rmtree(repository.root / MODEL / "3")
    given.append(repository.publish(MODEL, sources, Settings()).number)
    assert given == [1, 2, 3, 4]
    assert repository.numbers(MODEL) == [1, 2, 4]


def test_publishers_at_the_same_moment_get_numbers_of_their_own(
    repository: Repository, sources: dict[str, Path]
) -> None:
    given: list[int] = []
    together = threading.Barrier(6)

    def publish() -> None:
        together.wait()
        given.append(repository.publish(MODEL, sources, Settings()).number)

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == repository.numbers(MODEL) == [1, 2, 3, 4, 5, 6]
    for number in given:
        repository.open(MODEL, number)


@pytest.mark.parametrize("step", ["_write_json", "file_sha256", "sync_folder"])
def test_a_publication_that_is_cut_short_leaves_nothing_to_serve(
    repository: Repository,
    sources: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    def break_off(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(module, step, break_off)
        with pytest.raises(ModelStoreError, match="No space left on device"):
            repository.publish(MODEL, sources, Settings())
    assert repository.numbers(MODEL) == []
    assert not list((repository.root / MODEL).glob(f"{module._BUILD_PREFIX}*"))
    number = repository.publish(MODEL, sources, Settings()).number
    assert repository.open(MODEL, number).version.number == number


def test_a_version_is_seen_when_it_is_whole(
    repository: Repository, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at from another side before every step that writes."""
    seen: list[list[int]] = []

    def spied(step: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*arguments: Any) -> Any:
            seen.append(Repository(repository.root).numbers(MODEL))
            return step(*arguments)

        return spy

    for name in ("_taken", "_write_json"):
        monkeypatch.setattr(module, name, spied(getattr(module, name)))
    repository.publish(MODEL, sources, Settings())
    assert seen == [[], [], []]
    assert repository.numbers(MODEL) == [1]


def test_a_source_that_is_repaired_by_replacing_it_does_not_change_a_version(
    repository: Repository, sources: dict[str, Path]
) -> None:
    repository.publish(MODEL, sources, Settings())
    other = sources["encoder.ort"].with_suffix(".new")
    other.write_bytes(b"another encoder")
    os.replace(other, sources["encoder.ort"])
    assert repository.open(MODEL, 1).paths["encoder.ort"].read_bytes() == FILES["encoder.ort"]


def test_where_nothing_can_be_linked_files_are_copied(
    repository: Repository, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    repository.publish(MODEL, sources, Settings())
    copied = repository.open(MODEL, 1).paths["encoder.ort"]
    assert copied.read_bytes() == FILES["encoder.ort"]
    assert not copied.samefile(sources["encoder.ort"])


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"an encodes", "10 bytes"), (b"an", "2 bytes"), (None, "no encoder.ort")],
    ids=["other bytes", "cut off", "gone"],
)
def test_a_damaged_file_is_named_with_what_was_found_and_expected(
    repository: Repository, sources: dict[str, Path], content: bytes | None, found: str
) -> None:
    repository.publish(MODEL, sources, Settings())
    path = repository.root / MODEL / "1" / "encoder.ort"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelStoreError) as refused:
        repository.open(MODEL, 1)
    assert "encoder.ort" in refused.value.received
    assert found in refused.value.received
    if content is not None:
        assert repository.read(MODEL, 1).files[0].sha256 in refused.value.expected
    assert "new number" in refused.value.next_step


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("files"),
        lambda about: about.update(version=7),
        lambda about: about.update(model="another"),
        lambda about: about.update(files=["encoder.ort"]),
    ],
    ids=["no files", "another number", "another model", "no hashes"],
)
def test_a_description_that_does_not_fit_is_refused(
    repository: Repository, sources: dict[str, Path], change: Callable[[dict[str, Any]], object]
) -> None:
    repository.publish(MODEL, sources, Settings())
    path = repository.root / MODEL / "1" / "version.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))
    with pytest.raises(ModelStoreError, match=r"version\.json cannot be read"):
        repository.open(MODEL, 1)


def test_an_unknown_setting_is_refused_by_name(
    repository: Repository, sources: dict[str, Path]
) -> None:
    with pytest.raises(InvalidParameter, match=r"temperature; expected: one of tokens_per_audio_s"):
        Settings.of({"temperature": 0.5})
    repository.publish(MODEL, sources, Settings())
    path = repository.root / MODEL / "1" / "version.json"
    path.write_text(path.read_text().replace('"settings": {}', '"settings": {"beams": 4}'))
    with pytest.raises(InvalidParameter, match="beams"):
        repository.open(MODEL, 1)


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), "6.5", True])
def test_a_limit_without_a_meaning_is_refused(value: Any) -> None:
    with pytest.raises(InvalidParameter, match="tokens_per_audio_s"):
        Settings(tokens_per_audio_s=value)


def test_a_missing_version_is_named_beside_those_that_are_there(
    repository: Repository, sources: dict[str, Path]
) -> None:
    with pytest.raises(VersionNotFound, match="none yet"):
        repository.open(MODEL, 1)
    repository.publish(MODEL, sources, Settings())
    repository.publish(MODEL, sources, Settings())
    with pytest.raises(VersionNotFound, match="version 3 of tiny; expected: one of 1, 2"):
        repository.open(MODEL, 3)


# -- labels --------------------------------------------------------------------------------------


def test_labels_outlive_the_repository_object(
    repository: Repository, sources: dict[str, Path]
) -> None:
    repository.publish(MODEL, sources, Settings())
    assert repository.labels(MODEL) == Labels()
    kept = Labels(production=1, canary=2, share=0.25, shadow=3)
    repository.keep_labels(MODEL, kept)
    assert Repository(repository.root).labels(MODEL) == kept
    assert visible(repository) == {"1", "labels.json"}


def test_labels_that_cannot_be_understood_are_an_error_with_their_path(
    repository: Repository, sources: dict[str, Path]
) -> None:
    repository.publish(MODEL, sources, Settings())
    (repository.root / MODEL / "labels.json").write_text('{"productoin": 1}')
    with pytest.raises(ModelStoreError, match=r"labels\.json"):
        repository.labels(MODEL)


def test_a_label_moves_and_comes_off() -> None:
    labels = Labels().put(Label.PRODUCTION, 1).put(Label.CANARY, 2, 0.1).put(Label.SHADOW, 2)
    assert labels.of(2) == (Label.CANARY, Label.SHADOW)
    moved = labels.put(Label.PRODUCTION, 2).take_off(Label.CANARY).take_off(Label.SHADOW)
    assert moved == Labels(production=2)
    assert moved.of(1) == ()


def test_production_can_only_be_moved() -> None:
    with pytest.raises(VersionConflict, match="move the label"):
        Labels(production=1).take_off(Label.PRODUCTION)


@pytest.mark.parametrize(
    ("label", "share"),
    [
        (Label.CANARY, None),
        (Label.CANARY, 0.0),
        (Label.CANARY, 1.01),
        (Label.CANARY, float("nan")),
        (Label.PRODUCTION, 0.5),
        (Label.SHADOW, 0.5),
    ],
)
def test_a_share_belongs_to_the_canary_and_lies_in_0_to_1(
    label: Label, share: float | None
) -> None:
    with pytest.raises(InvalidParameter, match="share"):
        Labels(production=1).put(label, 2, share)


def test_the_folder_is_the_users_unless_the_environment_names_another(tmp_path: Path) -> None:
    assert default_root({"LAB_REPOSITORY": str(tmp_path)}) == tmp_path
    assert default_root({}).is_absolute()
