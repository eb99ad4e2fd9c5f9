"""What `make gpu` selects, by pretended facts, and how a section that goes wrong ends.

No GPU can be had here. What a machine has is given as facts, and the processes of most sections are
doubles that find what the test says; nothing here shows that a section measures what it should.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import gpu
import pytest
from gpu import Outcome, carried_out, chosen, scratch, summary, table
from gpu_sections import SECTIONS, facts
from gpu_sections.facts import (
    COMPILER,
    MOONSHINE,
    NOT_INSTALLED,
    NVML,
    ONNX_RUNTIME,
    SILERO,
    THINGS,
    TORCH,
    WHISPER,
    Facts,
)
from gpu_sections.section import Row
from hang import HANG_S

EIGHT_MINUTES_S = 480.0
GPU = "Test GPU"
NO_CUDA = "this build has no CUDA"
WRITE = "import json, sys, time; out = open(sys.argv[1], 'w')\n"


def pretend(**lacks: str) -> Facts:
    """A machine with a GPU and everything but what is named, by `facts`' own names."""
    return Facts(GPU, "pretended", {getattr(facts, name): why for name, why in lacks.items()})


def runnable(found: Facts) -> set[str]:
    return {section.name for section in SECTIONS if section.why_not(found) is None}


def child(code: str, limit_s: float = HANG_S) -> Outcome:
    """What becomes of a section whose process runs this."""
    return carried_out("double", limit_s, [sys.executable, "-c", code], dict(os.environ))


# ---------------------------------------------------------------- what is selected


def test_all_run_where_everything_is_there() -> None:
    assert runnable(pretend()) == {section.name for section in SECTIONS}


def test_all_together_stay_under_eight_minutes() -> None:
    assert gpu.LOOK_S + sum(section.limit_s for section in SECTIONS) < EIGHT_MINUTES_S


def test_a_section_needs_only_what_is_looked_for_and_has_a_name_of_its_own() -> None:
    assert {need for section in SECTIONS for need in section.needs} <= set(THINGS)
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)


def test_without_torch_for_cuda_onnx_runtime_is_measured_all_the_same() -> None:
    assert runnable(pretend(TORCH=NO_CUDA)) == {
        "provider of each operator, default recognizer",
        "default recognizer in batches",
        "live streams",
    }


def test_without_the_provider_torch_is_measured_all_the_same() -> None:
    assert runnable(pretend(ONNX_RUNTIME="it lists CPUExecutionProvider")) == {
        "Whisper's precisions",
        "Whisper in batches",
        "torch.compile",
        "cold starts, PyTorch",
        "memory and utilisation",
    }


@pytest.mark.parametrize(
    ("missing", "skipped"),
    [
        (SILERO, {"live streams"}),
        (COMPILER, {"torch.compile"}),
        (NVML, {"live streams", "memory and utilisation"}),
        ("fastapi", {"live streams"}),
        ("triton", {"torch.compile"}),
        (
            MOONSHINE,
            {
                "provider of each operator, default recognizer",
                "default recognizer in batches",
                "cold starts, ONNX Runtime",
                "live streams",
            },
        ),
    ],
)
def test_what_is_missing_takes_along_only_who_needs_it(missing: str, skipped: set[str]) -> None:
    lacking = Facts(GPU, "pretended", {missing: "not there"})
    assert {section.name for section in SECTIONS} - runnable(lacking) == skipped


def test_a_skipped_section_names_every_reason_and_starts_nothing() -> None:
    lacks = {TORCH: NO_CUDA, WHISPER: "no model.bin"}
    lacks |= dict.fromkeys(("jiwer", "onnx"), NOT_INSTALLED)
    (section,) = (section for section in SECTIONS if section.name == "Whisper's precisions")
    outcome = chosen(section, GPU, Facts(GPU, "pretended", lacks), {})
    assert outcome.skipped == (
        "needs a CUDA build of torch (this build has no CUDA);"
        " the weights of whisper-tiny-en (no model.bin); onnx, jiwer (not installed)"
    )
    assert outcome.is_as_promised
    assert outcome.took_s == 0.0


# ---------------------------------------------------------------- what is looked at


def look_with(monkeypatch: pytest.MonkeyPatch, **modules: object) -> Facts:
    """Look with these in place of modules; others cannot be imported, and no driver answers."""

    def imported(name: str) -> object:
        if name not in modules:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return modules[name]

    monkeypatch.setattr(facts, "import_module", imported)
    monkeypatch.setattr(facts, "find_spec", lambda name: modules.get(name))
    monkeypatch.setenv("PATH", "")
    return facts.look()


def torch_double(version: str | None, has_device: bool) -> SimpleNamespace:
    """A torch, as far as it is asked."""
    cuda = SimpleNamespace(is_available=lambda: has_device, get_device_name=lambda number: GPU)
    return SimpleNamespace(version=SimpleNamespace(cuda=version), cuda=cuda)


def test_a_machine_with_nothing_lacks_everything_and_has_no_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = look_with(monkeypatch)
    assert found.gpu is None
    assert set(found.lacks) == set(THINGS)
    assert found.lacks["torch"] == NOT_INSTALLED


@pytest.mark.parametrize(
    ("version", "has_device", "why"),
    [(None, False, NO_CUDA), ("13.0", False, "it finds no CUDA device"), ("13.0", True, None)],
)
def test_torch_is_asked_for_cuda(
    monkeypatch: pytest.MonkeyPatch, version: str | None, has_device: bool, why: str | None
) -> None:
    found = look_with(monkeypatch, torch=torch_double(version, has_device))
    assert found.lacks.get(TORCH) == why
    assert found.gpu == (None if why else GPU), "no nvidia-smi is needed where torch sees it"
    assert "torch" not in found.lacks


def test_the_runtime_is_asked_for_its_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    for listed, why in (
        (["CPUExecutionProvider"], "it lists CPUExecutionProvider"),
        (["CUDAExecutionProvider", "CPUExecutionProvider"], None),
    ):
        double = SimpleNamespace(get_available_providers=lambda listed=listed: listed)
        assert look_with(monkeypatch, onnxruntime=double).lacks.get(ONNX_RUNTIME) == why


def test_the_driver_names_the_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = tmp_path / "nvidia-smi"
    asked.write_text(f"#!/bin/sh\necho '{GPU}, 580.1'\n")
    asked.chmod(0o755)
    monkeypatch.setattr(facts, "import_module", lambda name: SimpleNamespace())
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    found = facts.look()
    assert found.gpu == GPU
    assert found.machine.startswith(f"{GPU}, driver 580.1; Python 3")
    assert "AttributeError" in found.lacks[TORCH], "what is broken is named, too"


# ---------------------------------------------------------------- how a section ends


def test_what_a_section_finds_is_kept() -> None:
    code = WRITE + "print(json.dumps({'of': 'a', 'found': 'b', 'breaks': None}), file=out)"
    outcome = child(code)
    assert outcome.rows == (Row("a", "b"),)
    assert outcome.is_as_promised


def test_a_section_that_raises_is_named_with_what_it_said() -> None:
    outcome = child("raise RuntimeError('no kernel image')")
    assert outcome.failed is not None
    assert outcome.failed.startswith("failed with code 1: ")
    assert "RuntimeError: no kernel image" in outcome.failed
    assert not outcome.is_as_promised


def test_a_section_that_crashes_takes_nobody_along_and_keeps_what_it_found() -> None:
    row = "print(json.dumps({'of': 'a', 'found': 'b', 'breaks': None}), file=out, flush=True)\n"
    outcome = child(WRITE + row + "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert outcome.failed == f"failed with code -{signal.SIGSEGV.value}: "
    assert outcome.rows == (Row("a", "b"),)


def test_a_section_that_overruns_is_ended_with_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(started)!r}, 'w').write(str(other.pid))\n"
        "time.sleep(600)"
    )
    outcome = child(code, limit_s=3.0)
    assert outcome.failed == "ended: it had not finished after its 3 s"
    assert not outcome.is_as_promised
    if started.exists():  # else this machine was too slow to start it at all
        assert_gone(int(started.read_text()))


def assert_gone(pid: int) -> None:
    """Wait until there is no such process, or nothing but its entry."""
    until_s = time.monotonic() + HANG_S
    while True:
        stat = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
        if not stat.stdout.strip() or stat.stdout.startswith("Z"):
            return
        assert time.monotonic() < until_s, f"process {pid} is still there"
        time.sleep(0.05)


def test_a_real_section_that_lacks_the_gpu_fails_by_name() -> None:
    """The real child on this machine, told of a GPU that is not there: it must not seem to run."""
    if shutil.which("nvidia-smi") is not None:
        pytest.skip("there may be a GPU here")
    (section,) = (s for s in SECTIONS if s.measure.__name__ == "cold_starts_of_torch")
    with scratch() as environment:
        command = [sys.executable, "-m", "gpu_sections", section.name, GPU]
        outcome = carried_out(section.name, 120.0, command, environment)
    assert outcome.rows == ()
    assert outcome.failed is not None
    assert outcome.failed.startswith("failed with code 1: ")


# ---------------------------------------------------------------- what is told

DOCUMENT = gpu.ROOT / "docs/gpu.md"
OUTCOMES = (
    Outcome("one", (Row("a", "1 | 2"), Row("b", "3")), took_s=2.0),
    Outcome("two", skipped="needs triton (not installed)"),
    Outcome("three", (Row("c", "4", breaks="fell back"),), took_s=3.0),
    Outcome("four", (Row("d", "5"),), failed="ended", took_s=4.0),
)


def test_the_table_has_a_line_for_each_finding_each_reason_and_each_failure() -> None:
    assert table(OUTCOMES).splitlines() == [
        "| section | of | found |",
        "|---|---|---|",
        "| one | a | 1 \\| 2 |",
        "| one | b | 3 |",
        "| two |  | not run: needs triton (not installed) |",
        "| three | c | 4; **BROKEN: fell back** |",
        "| four | d | 5 |",
        "| four |  | **FAILED**: ended |",
    ]


def test_the_document_has_a_table_with_every_section() -> None:
    lines = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ")]
    _, *rows = lines[lines.index(table(()).splitlines()[0]) :]
    assert list(dict.fromkeys(row.split(" | ")[0].removeprefix("| ") for row in rows)) == [
        section.name for section in SECTIONS
    ]


def test_the_summary_names_who_did_not_do_as_promised() -> None:
    assert summary(OUTCOMES) == "3 of 4 sections ran, in 9 s; NOT as promised: three, four"
    assert summary(OUTCOMES[:2]).endswith("none contradicts a promise")
    assert summary(OUTCOMES[1:2]) == "None of 1 sections could run, so nothing is shown"


def run_main(
    monkeypatch: pytest.MonkeyPatch, outcomes: tuple[Outcome, ...], path: Path
) -> tuple[int, str]:
    """The whole script, with outcomes as given; its status and the JSON."""
    by_name = dict(zip((section.name for section in SECTIONS), outcomes, strict=False))
    monkeypatch.setattr(gpu, "look", lambda environment: pretend())
    monkeypatch.setattr(gpu, "SECTIONS", SECTIONS[: len(outcomes)])
    monkeypatch.setattr(gpu, "chosen", lambda section, *rest: by_name[section.name])
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--json", str(path)])
    return gpu.main(), path.read_text("utf-8")


@pytest.mark.parametrize(("count", "status"), [(2, 0), (3, 1), (4, 1)])
def test_the_status_says_whether_all_did_as_promised(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    count: int,
    status: int,
) -> None:
    outcomes = OUTCOMES[:count]
    assert run_main(monkeypatch, outcomes, tmp_path / "found.json")[0] == status
    printed = capsys.readouterr().out
    assert table(outcomes) in printed
    assert f"{SECTIONS[1].name}: needs triton (not installed)" in printed
    assert '"skipped": "needs triton (not installed)"' in (tmp_path / "found.json").read_text()


def test_without_a_gpu_the_selection_tests_are_run_and_decide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "look", lambda environment: Facts(None, "no GPU; Python", {}))
    monkeypatch.setattr(gpu, "selection_tests", lambda: 5)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == 5
    assert capsys.readouterr().out.startswith("No NVIDIA GPU answers here")
