"""Versions on a server: loading, labels, leases and draining, with engines that a test scripts."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hang import HANG_S
from scripted_engine import MODEL, ScriptedEngine, heard, recognizer, repository_at, wait_until

from lab_kit.core.errors import (
    InvalidParameter,
    ModelNotLoaded,
    SystemOverloaded,
    VersionConflict,
    VersionFailed,
    VersionNotFound,
)
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.batching import Dynamic
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Lease, Recognizer
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.version import Label, Labels, VersionFiles
from lab_kit.protocol.versions import VersionState, VersionStatus

LOUD = np.ones(1_600, np.float32)


class Fleet:
    """Versions of a repository, and the engine that each of them runs on."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.engines = {n: ScriptedEngine(f"heard by {n}") for n in repository.numbers(MODEL)}
        self.broken: dict[int, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.metrics = Metrics()
        self.versions = Versions(repository, MODEL, self._open, self.metrics)

    def _open(self, files: VersionFiles) -> Recognizer:
        assert self.gate.wait(HANG_S)
        number = files.version.number
        if number in self.broken:
            raise self.broken[number]
        return recognizer(self.engines[number])

    def begin(self) -> None:
        self.versions.begin(lambda: None)
        wait_until(lambda: self.versions.is_ready)

    def status(self, number: int) -> VersionStatus:
        return self.versions.status(number)

    def states(self) -> list[VersionState]:
        return [status.state for status in self.versions.statuses()]

    def loaded(self, *numbers: int) -> None:
        for number in numbers:
            self.versions.loader.load(number).result(HANG_S)

    def asked(self, count: int) -> list[int]:
        """Which versions as many callers are given."""
        given = []
        for _ in range(count):
            with self.versions.lease() as lease:
                given.append(lease.version)
        return given


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(repository_at(tmp_path, versions=3))
    yield fleet
    fleet.gate.set()
    fleet.versions.stop()


def asked_of(lease: Lease, priority: Priority = Priority.FINAL) -> str:
    return lease.engine.submit(DecodeRequest(LOUD, priority)).future.result(HANG_S).text


def decode(fleet: Fleet, priority: Priority = Priority.FINAL) -> str:
    with fleet.versions.lease() as lease:
        return asked_of(lease, priority)


# -- loading -------------------------------------------------------------------------------------


def test_the_lowest_version_answers_where_no_label_was_kept(fleet: Fleet) -> None:
    assert not fleet.versions.is_ready
    with pytest.raises(ModelNotLoaded, match="not loaded yet"):
        fleet.versions.lease()
    fleet.begin()
    assert fleet.states() == [VersionState.READY, VersionState.UNLOADED, VersionState.UNLOADED]
    assert fleet.status(1).labels == (Label.PRODUCTION,)
    assert fleet.asked(3) == [1, 1, 1]


def test_an_empty_repository_gets_its_first_version(tmp_path: Path) -> None:
    fleet = Fleet(Repository(tmp_path / "repository"))
    fleet.engines[1] = ScriptedEngine("heard by 1")
    fleet.versions.begin(lambda: [repository_at(tmp_path)].clear())
    wait_until(lambda: fleet.versions.is_ready)
    assert decode(fleet) == "heard by 1"
    fleet.versions.stop()


def test_a_server_that_starts_again_serves_what_it_served(fleet: Fleet) -> None:
    fleet.begin()
    fleet.loaded(2, 3)
    fleet.versions.routing.set_label(Label.PRODUCTION, 2)
    fleet.versions.routing.set_label(Label.CANARY, 3, 0.5)
    fleet.versions.routing.set_label(Label.SHADOW, 1)
    again = Fleet(fleet.repository)
    again.begin()
    wait_until(lambda: again.status(1).labels != ())
    assert [status.labels for status in again.versions.statuses()] == [
        (Label.SHADOW,),
        (Label.PRODUCTION,),
        (Label.CANARY,),
    ]
    assert again.asked(4) == [2, 3, 2, 3]
    again.versions.stop()


def test_a_canary_that_cannot_be_loaded_again_leaves_production_alone(fleet: Fleet) -> None:
    fleet.repository.keep_labels(MODEL, Labels(production=1, canary=2, share=0.5, shadow=9))
    fleet.broken[2] = RuntimeError("unsupported opset")
    fleet.begin()
    wait_until(lambda: fleet.status(2).state is VersionState.FAILED)
    assert fleet.asked(4) == [1, 1, 1, 1]


def test_a_server_whose_production_is_damaged_says_why_until_another_is_promoted(
    fleet: Fleet,
) -> None:
    fleet.broken[1] = RuntimeError("unsupported opset")
    fleet.versions.begin(lambda: None)
    wait_until(lambda: fleet.versions.failure is not None)
    assert "version 1 cannot be served: RuntimeError: unsupported opset" in fleet.versions.failure
    with pytest.raises(ModelNotLoaded, match="unsupported opset"):
        fleet.versions.lease()
    fleet.loaded(2)
    fleet.versions.routing.set_label(Label.PRODUCTION, 2)
    assert fleet.versions.is_ready
    assert fleet.versions.failure is None
    assert decode(fleet) == "heard by 2"


def test_labels_that_cannot_be_read_keep_the_server_from_guessing(fleet: Fleet) -> None:
    (fleet.repository.root / MODEL / "labels.json").write_text("{")
    fleet.versions.begin(lambda: None)
    wait_until(lambda: fleet.versions.failure is not None)
    assert "labels.json" in str(fleet.versions.failure)
    assert not fleet.versions.is_ready


def test_a_disk_that_is_full_at_the_start_is_logged_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lab_kit.models.store.repository._write_json", fail)
    versions = Fleet(Repository(tmp_path / "repository")).versions
    versions.begin(lambda: [repository_at(tmp_path)].clear())
    wait_until(lambda: versions.failure is not None)
    versions.stop()
    assert "No space left on device" in str(versions.failure)
    (line,) = [record for record in caplog.records if "No space left" in record.getMessage()]
    assert line.levelname == "ERROR"
    assert not line.exc_info


def test_ready_means_that_a_warm_up_was_answered(fleet: Fleet) -> None:
    """A model that loads and fails at its first inference never becomes ready."""
    fleet.begin()

    def fail(_: DecodeRequest) -> None:
        raise RuntimeError("no kernel for this device")

    fleet.engines[2].submit = fail  # type: ignore[assignment]
    with pytest.raises(VersionFailed, match="no kernel for this device"):
        fleet.loaded(2)
    assert fleet.status(2).state is VersionState.FAILED
    assert fleet.engines[2].stopped.is_set()


def test_a_version_that_fails_says_why_and_the_others_serve_on(fleet: Fleet) -> None:
    fleet.begin()
    path = fleet.repository.root / MODEL / "2" / "weights"
    path.unlink()
    path.write_bytes(b"wieghts")
    with pytest.raises(VersionFailed, match=r"version 2 cannot be served: .*weights: 7 bytes"):
        fleet.loaded(2)
    assert fleet.status(2).state is VersionState.FAILED
    assert "weights: 7 bytes, SHA-256" in fleet.status(2).reason
    with pytest.raises(VersionConflict, match="version 2 is failed"):
        fleet.versions.routing.set_label(Label.PRODUCTION, 2)
    with pytest.raises(ModelNotLoaded, match="version 2 is failed"):
        fleet.versions.lease(2)
    assert decode(fleet) == "heard by 1"


def test_a_failed_version_can_be_tried_again_or_put_away(fleet: Fleet) -> None:
    fleet.begin()
    fleet.broken = {2: RuntimeError("busy"), 3: RuntimeError("busy")}
    for number in (2, 3):
        with pytest.raises(VersionFailed, match="RuntimeError: busy"):
            fleet.loaded(number)
    fleet.broken = {}
    fleet.loaded(2)
    fleet.versions.unload(3)
    assert fleet.states() == [VersionState.READY, VersionState.READY, VersionState.UNLOADED]
    assert fleet.status(3).reason == ""


def test_loading_twice_is_loading_once(fleet: Fleet) -> None:
    fleet.begin()
    fleet.gate.clear()
    first, second = fleet.versions.loader.load(2), fleet.versions.loader.load(2)
    assert first is second
    assert fleet.status(2).state is VersionState.LOADING
    with pytest.raises(VersionConflict, match="loading"):
        fleet.versions.unload(2)
    with pytest.raises(VersionConflict, match="load it first"):
        fleet.versions.routing.set_label(Label.CANARY, 2, 0.5)
    assert fleet.asked(2) == [1, 1], "callers do not wait for somebody else's weights"
    fleet.gate.set()
    first.result(HANG_S)
    fleet.loaded(2)
    assert fleet.status(2).state is VersionState.READY


def test_a_version_that_is_not_there_is_not_found(fleet: Fleet) -> None:
    fleet.begin()
    versions = fleet.versions
    for ask in (versions.loader.load, versions.unload, versions.lease, versions.status):
        with pytest.raises(VersionNotFound, match="version 9"):
            ask(9)


def test_a_version_whose_folder_is_removed_serves_on_and_is_listed(fleet: Fleet) -> None:
    fleet.begin()
    shutil.rmtree(fleet.repository.root / MODEL / "1")
    shutil.rmtree(fleet.repository.root / MODEL / "2")
    assert [status.number for status in fleet.versions.statuses()] == [1, 3]
    assert fleet.status(1).state is VersionState.READY
    assert "version 1 of scripted" in fleet.status(1).reason
    assert decode(fleet) == "heard by 1"


# -- labels --------------------------------------------------------------------------------------


def test_a_moved_label_decides_about_new_callers_only(fleet: Fleet) -> None:
    fleet.begin()
    fleet.loaded(2)
    before = fleet.versions.lease()
    fleet.versions.routing.set_label(Label.PRODUCTION, 2)
    after = fleet.versions.lease()
    assert (before.version, after.version) == (1, 2)
    assert asked_of(before) == "heard by 1"
    assert asked_of(after) == "heard by 2"
    fleet.versions.routing.set_label(Label.PRODUCTION, 1)
    assert fleet.asked(1) == [1]
    before.release()
    after.release()


def test_the_canary_gets_its_share_and_no_more_once_its_label_is_off(fleet: Fleet) -> None:
    fleet.begin()
    fleet.loaded(2)
    fleet.versions.routing.set_label(Label.CANARY, 2, 0.1)
    assert fleet.asked(20).count(2) == 2
    assert (fleet.status(2).share, fleet.status(1).share) == (0.1, None)
    fleet.versions.routing.set_label(Label.CANARY, 2, 0.5)
    assert fleet.asked(20).count(2) == 10
    fleet.versions.routing.remove_label(Label.CANARY)
    assert fleet.asked(20).count(2) == 0


def test_labels_that_cannot_be_kept_are_not_taken_over(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.begin()
    fleet.loaded(2)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lab_kit.models.store.repository._write_json", fail)
    with pytest.raises(Exception, match="No space left"):
        fleet.versions.routing.set_label(Label.PRODUCTION, 2)
    assert fleet.asked(1) == [1]


def test_a_share_out_of_place_changes_nothing(fleet: Fleet) -> None:
    fleet.begin()
    with pytest.raises(InvalidParameter, match="share"):
        fleet.versions.routing.set_label(Label.CANARY, 1)
    assert fleet.status(1).labels == (Label.PRODUCTION,)


# -- leases and draining -------------------------------------------------------------------------


def test_a_labelled_version_is_not_unloaded(fleet: Fleet) -> None:
    fleet.begin()
    with pytest.raises(VersionConflict, match="version 1 carries production"):
        fleet.versions.unload(1)
    assert decode(fleet) == "heard by 1"


def test_an_unloaded_version_drains_until_its_last_lease_ends(fleet: Fleet) -> None:
    fleet.begin()
    fleet.loaded(2)
    leases = [fleet.versions.lease(2), fleet.versions.lease(2)]
    fleet.versions.unload(2)
    assert fleet.status(2).state is VersionState.DRAINING
    assert fleet.status(2).in_flight == 2
    with pytest.raises(ModelNotLoaded, match="version 2 is draining"):
        fleet.versions.lease(2)
    with pytest.raises(VersionConflict, match="draining"):
        fleet.versions.loader.load(2)

    leases[0].release()
    leases[0].release()
    assert fleet.status(2).in_flight == 1, "a lease given back twice is one lease"
    assert asked_of(leases[1]) == "heard by 2"
    assert not fleet.engines[2].stopped.is_set()

    leases[1].release()
    assert fleet.engines[2].stopped.wait(HANG_S)
    wait_until(lambda: fleet.status(2).state is VersionState.UNLOADED)
    assert b'lab_engine_waiting{version="2"}' not in fleet.metrics.exposition()[0]
    fleet.engines[2] = ScriptedEngine("heard again")
    fleet.loaded(2)
    assert fleet.status(2).state is VersionState.READY


def test_a_version_is_not_freed_by_the_thread_that_gave_it_back(fleet: Fleet) -> None:
    """It may be one of the workers that are to be ended, or the loop that serves everybody."""
    fleet.begin()
    fleet.loaded(2)
    lease = fleet.versions.lease(2)
    fleet.versions.unload(2)
    worker = threading.Thread(target=lease.release, name="engine-0")
    worker.start()
    worker.join(HANG_S)
    assert fleet.engines[2].stopped.wait(HANG_S)
    assert fleet.engines[2].stopped_on not in ("engine-0", threading.current_thread().name)


def test_nobody_is_ever_served_by_a_version_that_is_gone(fleet: Fleet) -> None:
    """Callers come and go on many threads while labels move and versions are loaded and freed."""
    fleet.begin()
    fleet.loaded(2)
    wrong: list[str] = []
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            with fleet.versions.lease() as lease:
                if fleet.engines[lease.version].stopped.is_set():
                    wrong.append(f"leased {lease.version} after its end")
                asked_of(lease)
                if fleet.engines[lease.version].stopped.is_set():
                    wrong.append(f"{lease.version} ended under its caller")

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    for old, new in [(1, 2), (2, 1)] * 8:
        fleet.versions.routing.set_label(Label.PRODUCTION, new)
        fleet.versions.unload(old)
        wait_until(lambda old=old: fleet.status(old).state is VersionState.UNLOADED)  # type: ignore[misc]
        fleet.engines[old] = ScriptedEngine(f"heard by {old}")
        fleet.loaded(old)
    over.set()
    for caller in callers:
        caller.join(HANG_S)
    assert wrong == []
    assert [status.in_flight for status in fleet.versions.statuses()] == [0, 0, 0]


def test_stopping_frees_every_version(fleet: Fleet) -> None:
    fleet.begin()
    fleet.loaded(2)
    lease = fleet.versions.lease(2)
    fleet.versions.unload(2)
    fleet.versions.stop()
    assert fleet.engines[1].stopped.is_set()
    assert fleet.engines[2].stopped.is_set()
    assert not fleet.versions.is_ready
    lease.release()  # a stream that ends last finds nothing to free, and no thread to do it


def test_a_batching_policy_reaches_versions_that_come_later_too(fleet: Fleet) -> None:
    fleet.begin()
    fleet.versions.loader.use(Dynamic(4, 0.02))
    fleet.loaded(2)
    assert fleet.engines[1].policies[-1] == Dynamic(4, 0.02)
    assert fleet.engines[2].policies == [Dynamic(4, 0.02)]
    assert fleet.versions.loader.batching == Dynamic(4, 0.02)


# -- what is counted -----------------------------------------------------------------------------


def test_decodes_are_counted_by_version_and_outcome(fleet: Fleet) -> None:
    fleet.begin()
    fleet.loaded(2)
    decode(fleet)
    fleet.engines[1].answer = heard("cut", truncated=True)
    decode(fleet, Priority.INTERIM)
    fleet.engines[1].answer = RuntimeError("device lost")
    with pytest.raises(RuntimeError):
        decode(fleet)
    fleet.engines[1].is_full = True
    with pytest.raises(SystemOverloaded):
        decode(fleet)
    fleet.versions.routing.set_label(Label.PRODUCTION, 2)
    decode(fleet)
    text = fleet.metrics.exposition()[0].decode()
    for outcome, kind, version in (
        ("whole", "final", 1),
        ("truncated", "interim", 1),
        ("failed", "final", 1),
        ("refused", "final", 1),
        ("whole", "final", 2),
    ):
        labels = f'kind="{kind}",outcome="{outcome}",priority_class="interactive"'
        labels += f',version="{version}"'
        assert f"lab_decodes_total{{{labels}}} 1.0" in text
