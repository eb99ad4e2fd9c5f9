"""What cannot run here says why before anything is loaded; comparing nothing is refused."""

import sysconfig
from pathlib import Path

import pytest
import torch

from lab_kit.core.errors import InvalidParameter, ModelNotLoaded
from lab_kit.experiments import runtimes
from lab_kit.experiments.runtimes import Runtime
from lab_kit.models.device import Device

CPU = Device("cpu", "a processor", workers=2)
CUDA = Device("cuda", "a GPU", workers=1)


def listed(device: Device) -> dict[str, Runtime]:
    return {runtime.name: runtime for runtime in runtimes.available(device)}


def reason(name: str, device: Device) -> str:
    return listed(device)[name].why_not or "nothing is missing"


def test_the_reference_is_first_and_runs_on_any_processor() -> None:
    first = runtimes.available(CPU)[0]
    assert (first.name, first.precision, first.why_not) == (runtimes.REFERENCE, "float32", None)


def test_a_short_run_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PROFILE", "full")
    named = runtimes.same_precision()
    assert {listed(CPU)[name].precision for name in named} == {"float32"}
    monkeypatch.setenv("LAB_PROFILE", "ci")
    assert set(named) - set(runtimes.same_precision()) == {"pytorch-compiled-fp32"}


def test_without_a_compiler_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "no-such-compiler is not installed" in reason("pytorch-compiled-fp32", CPU)
    assert reason("pytorch-fp32", CPU) == "nothing is missing"


def test_without_pythons_headers_the_row_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "python")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "python").touch(mode=0o755)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert "no Python.h" in reason("pytorch-compiled-fp32", CPU)


def test_float16_is_not_for_processors() -> None:
    assert "GPU" in reason("pytorch-fp16", CPU)


@pytest.mark.parametrize(
    ("found", "has_it"),
    [({"avx512_bf16": True}, True), ({"avx512_bf16": False}, False), ({}, False)],
)
def test_bfloat16_needs_its_arithmetic(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, bool], has_it: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert (listed(CPU)["pytorch-bf16"].why_not is None) == has_it


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_pytorch_cannot_reach_is_named_in_each_of_its_rows() -> None:
    for name, runtime in listed(CUDA).items():
        assert (runtime.why_not is not None) == name.startswith("pytorch"), runtime
        if runtime.why_not is not None:
            assert "CUDA" in runtime.why_not


def test_what_cannot_run_is_not_loaded() -> None:
    with pytest.raises(ModelNotLoaded, match=r"pytorch-fp16 on cpu \(a processor\).*GPU"):
        listed(CPU)["pytorch-fp16"].load()


def test_a_comparison_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="no clips"):
        runtimes.compare([], device=CPU)
