"""What ``lab doctor`` makes of machines other than this one."""

import sys
from pathlib import Path

import pytest

from lab_kit import doctor
from lab_kit.core.child_process import HOST, bind
from lab_kit.doctor import State
from lab_kit.gateway.run.options import DEFAULT_PORT


@pytest.mark.parametrize(
    ("versions", "state"),
    [
        ({"onnxruntime": "1.31.1"}, State.OK),
        ({"onnxruntime": "1.31.1+gpu.shim", "onnxruntime-gpu": "1.31.1"}, State.OK),
        ({"onnxruntime-gpu": "1.31.1"}, State.OK),
        ({"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"}, State.MISSING),
        ({}, State.MISSING),
    ],
)
def test_two_runtimes_in_one_folder_are_a_clash(versions: dict[str, str], state: State) -> None:
    finding = doctor.runtime_finding(versions)
    assert finding.state is state
    assert bool(finding.advice) == (state is State.MISSING)


def test_the_remains_of_an_uninstalled_runtime_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", type(sys)("onnxruntime"))
    finding = doctor.runtime_finding({"onnxruntime-gpu": "1.31.1"})
    assert finding.state is State.MISSING
    assert "broken" in finding.seen


def test_a_broken_runtime_does_not_break_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_runtimes", dict)
    subjects = [finding.subject for finding in doctor.examine()]
    assert "device" not in subjects
    assert "disk" in subjects


def test_a_taken_port_is_a_note_with_another_way() -> None:
    with bind(HOST, 0) as listener:
        port = listener.getsockname()[1]
        assert doctor.port_finding(port).state is State.NOTE
        assert "--port" in doctor.port_finding(port).advice
    assert doctor.port_finding(port).state is State.OK
    assert str(DEFAULT_PORT) in doctor.port_finding().seen


def test_lab_12_does_without_prometheus_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert doctor.alerts_finding().state is State.OK
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    finding = doctor.alerts_finding()
    assert finding.state is State.NOTE
    assert "apt-get install" in finding.advice


def test_a_full_disk_is_noticed_before_a_pull_fails() -> None:
    def usage(free: int) -> doctor.Finding:
        return doctor.disk_finding(lambda folder: free if Path(folder).exists() else 0)

    assert usage(1_000).state is State.NOTE
    assert usage(10**10).state is State.OK


def test_a_driver_that_the_runtime_cannot_use_gets_advice() -> None:
    assert doctor._cpu_finding("cpu", has_driver=False).advice == ""
    assert "GPU=1" in doctor._cpu_finding("cpu", has_driver=True).advice
