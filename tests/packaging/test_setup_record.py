"""When set-up installs, when it leaves things alone, and which flavour it picks."""

import ast
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import install
import packaging_files  # noqa: F401  puts the set-up scripts on the path
import pytest
import start_lab
from hang import HANG_S
from packaging_files import ROOT, toml

RECORD = install.Record("cpu", False, "3.11.7", "/home/me/lab", "abc", finished=True)


@pytest.mark.parametrize(
    ("present", "wanted", "step"),
    [
        (RECORD, RECORD, "nothing"),
        (replace(RECORD, dev=True), RECORD, "nothing"),
        (RECORD, replace(RECORD, dev=True), "update"),
        (RECORD, replace(RECORD, inputs="def"), "update"),
        (RECORD, replace(RECORD, flavour="gpu"), "rebuild"),
        (RECORD, replace(RECORD, python="3.12.1"), "rebuild"),
        (RECORD, replace(RECORD, root="/elsewhere"), "rebuild"),
        (replace(RECORD, finished=False), RECORD, "rebuild"),
        (None, RECORD, "rebuild"),
    ],
)
def test_plan(present: install.Record | None, wanted: install.Record, step: str) -> None:
    assert install.plan(present, wanted, interpreter_works=True) == step


def test_an_environment_without_its_interpreter_is_rebuilt() -> None:
    assert install.plan(RECORD, RECORD, interpreter_works=False) == "rebuild"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with copies of the files that decide what is installed."""
    for name in install.INPUTS:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    return tmp_path


@pytest.mark.parametrize("name", install.INPUTS)
def test_a_change_in_any_input_is_noticed(checkout: Path, name: str) -> None:
    before = install.inputs_hash(checkout)
    with (checkout / name).open("a") as file:
        file.write(" ")
    assert install.inputs_hash(checkout) != before


def test_other_files_do_not_count(checkout: Path) -> None:
    before = install.inputs_hash(checkout)
    (checkout / "README.md").write_text("anything")
    assert install.inputs_hash(checkout) == before


class Workshop:
    """`ensure_environment` with the slow steps replaced by notes of what was asked for."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.venv = root, root / ".venv"
        self.installed: list[install.Record] = []
        self.cut_off = False
        monkeypatch.setattr(install, "ROOT", root)
        monkeypatch.setattr(install, "run", self._make_venv)
        monkeypatch.setattr(install, "install_packages", self._install)
        monkeypatch.setattr(install, "verify", lambda venv, flavour: None)

    def _make_venv(self, command: list[object], failure: str) -> None:
        (self.venv / "bin").mkdir()
        (self.venv / "bin/python").touch()

    def _install(self, venv: Path, record: install.Record) -> None:
        (venv / "half-written").touch()
        if self.cut_off:
            raise KeyboardInterrupt
        (venv / "half-written").unlink()
        self.installed.append(record)

    def setup(self, dev: bool = False, gpu: str = "0") -> install.Record:
        return install.ensure_environment(self.venv, gpu, dev)


@pytest.fixture
def workshop(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(checkout, monkeypatch)


def test_second_run_installs_nothing(workshop: Workshop) -> None:
    first = workshop.setup()
    assert workshop.setup() == first
    assert len(workshop.installed) == 1


def test_changed_pyproject_installs_again_and_keeps_the_tools(workshop: Workshop) -> None:
    workshop.setup(dev=True)
    with (workshop.root / "pyproject.toml").open("a") as file:
        file.write("\n# changed\n")
    workshop.setup()
    assert [record.dev for record in workshop.installed] == [True, True]
    workshop.setup(dev=True)
    assert len(workshop.installed) == 2


@pytest.mark.parametrize("had_finished_before", [False, True])
def test_interrupted_install_is_not_taken_as_done(
    workshop: Workshop, had_finished_before: bool
) -> None:
    if had_finished_before:
        workshop.setup()
    workshop.cut_off = True
    with pytest.raises(KeyboardInterrupt):
        workshop.setup(dev=True)
    workshop.cut_off = False
    assert workshop.setup().finished
    assert workshop.installed, "nothing was installed after the interruption"
    assert not (workshop.venv / "half-written").exists(), "pip would trust what was half written"


def test_failed_verification_is_not_taken_as_done(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(venv: Path, flavour: str) -> None:
        raise install.SetupError("torch is built for CUDA")

    monkeypatch.setattr(install, "verify", refuse)
    with pytest.raises(install.SetupError):
        workshop.setup()
    record = install.read_record(workshop.venv)
    assert record is not None
    assert not record.finished


def test_an_environment_made_by_others_is_left_alone(workshop: Workshop) -> None:
    (workshop.venv / "bin").mkdir(parents=True)
    (workshop.venv / "bin/mine").touch()
    with pytest.raises(install.SetupError, match="make clean"):
        workshop.setup()
    assert (workshop.venv / "bin/mine").exists()


def test_damaged_record_is_rebuilt(workshop: Workshop) -> None:
    workshop.setup()
    install.record_file(workshop.venv).write_text('{"flavour": "cp')
    workshop.setup()
    assert len(workshop.installed) == 2


def test_two_set_ups_do_not_work_on_one_checkout(checkout: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'packaging')!r}); import install, pathlib\n"
        f"with install.alone(pathlib.Path({str(checkout)!r})): print('entered', flush=True)"
    )
    with install.alone(checkout):
        second = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    rest, _ = second.communicate(timeout=HANG_S)
    assert rest == "entered\n"


# ---------------------------------------------------------------- flavour


def fake_driver(folder: Path, exit_code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.usefixtures("on_linux")
@pytest.mark.parametrize(
    ("asked", "driver_exit", "flavour"),
    [("auto", 0, "gpu"), ("auto", 9, "cpu"), ("0", 0, "cpu"), ("1", 9, "gpu")],
)
def test_flavour_of_a_new_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, driver_exit: int, flavour: str
) -> None:
    fake_driver(tmp_path, driver_exit, monkeypatch)
    assert install.choose_flavour(asked, None) == flavour


@pytest.mark.usefixtures("on_linux")
def test_auto_stays_with_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_driver(tmp_path, 9, monkeypatch)
    assert install.choose_flavour("auto", replace(RECORD, flavour="gpu")) == "gpu"
    half = replace(RECORD, flavour="gpu", finished=False)
    assert install.choose_flavour("auto", half) == "cpu"


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_no_gpu_flavour_without_its_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    fake_driver(tmp_path, 0, monkeypatch)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert install.choose_flavour("auto", None) == "cpu"
    with pytest.raises(install.SetupError, match="GPU=0"):
        install.choose_flavour("1", None)


CPU_SET = {"torch": "2.13.0+cpu", "onnxruntime": "1.31.1", "nvidia-ml-py": "13.6"}
GPU_SET = {
    "torch": "2.13.0",
    "onnxruntime-gpu": "1.31.1",
    "onnxruntime": "1.31.1+gpu.shim",
    "nvidia-cublas": "13.1",
}


@pytest.mark.parametrize(
    ("flavour", "cuda", "versions", "complaint"),
    [
        ("cpu", "13.0", CPU_SET, "built for CUDA 13.0"),
        ("cpu", None, {**CPU_SET, "nvidia-cublas": "13.1"}, "nvidia-cublas"),
        ("cpu", None, {**CPU_SET, "onnxruntime-gpu": "1.31.1"}, "onnxruntime-gpu"),
        ("gpu", None, GPU_SET, "torch is a CPU build"),
        ("gpu", "13.0", {**GPU_SET, "onnxruntime": "1.31.1"}, "lies on top"),
        ("gpu", "13.0", CPU_SET, "onnxruntime-gpu is missing"),
    ],
)
def test_a_wrong_environment_is_named(
    flavour: str, cuda: str | None, versions: dict[str, str], complaint: str
) -> None:
    assert complaint in "; ".join(install.faults(flavour, cuda, versions))


@pytest.mark.parametrize(
    ("flavour", "cuda", "versions"), [("cpu", None, CPU_SET), ("gpu", "13.0", GPU_SET)]
)
def test_a_right_environment_passes(
    flavour: str, cuda: str | None, versions: dict[str, str]
) -> None:
    assert install.faults(flavour, cuda, versions) == []


# ---------------------------------------------------------------- an old Python, no browser


def test_python_floor_is_the_one_in_pyproject() -> None:
    major, minor = install.required_python((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert toml("pyproject.toml")["project"]["requires-python"] == f">={major}.{minor}"


def test_an_old_python_is_told_what_to_do() -> None:
    with pytest.raises(
        install.SetupError, match=r"is Python 3\.9.* 3\.11 or newer; .*PYTHON=python3\."
    ):
        install.check_python((3, 9), (3, 11))
    install.check_python((3, 11), (3, 11))


def test_an_old_python_can_read_the_script() -> None:
    text = (ROOT / "packaging/install.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 8))


def test_browser_is_opened_only_where_there_is_one() -> None:
    assert start_lab.has_browser("Darwin", {})
    assert start_lab.has_browser("Linux", {"DISPLAY": ":0"})
    assert start_lab.has_browser("Linux", {"BROWSER": "firefox"})
    assert not start_lab.has_browser("Linux", {"DISPLAY": ""})


def test_jupyterlab_command() -> None:
    line = start_lab.command(Path("jupyter"), "127.0.0.1", is_root=True, browser=False)
    assert "--ServerApp.ip=127.0.0.1" in line
    assert "--allow-root" in line
    assert "--no-browser" in line
    plain = start_lab.command(Path("jupyter"), "127.0.0.1", is_root=False, browser=True)
    assert "--allow-root" not in plain
    assert "--no-browser" not in plain
    assert any(part.endswith("/lab/tree/labs/00_orientation.ipynb") for part in plain)


def test_an_environment_of_other_hands_is_left_alone(tmp_path: Path) -> None:
    """A link that leads nowhere is one, too."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for venv in (theirs, link):
        with pytest.raises(install.SetupError, match="was not made by this set-up"):
            install.clear(venv)
    assert theirs.is_dir()
    assert link.is_symlink()
