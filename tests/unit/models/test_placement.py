"""Where a graph runs is found out, not believed. No GPU can be had here: its answers are given."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from lab_kit.models import device as devices
from lab_kit.models.device import (
    CPU,
    CUDA,
    Device,
    choose_device,
    open_session,
    session_device,
)
from lab_kit.models.moonshine import model as moonshine
from lab_kit.models.moonshine.model import Moonshine
from lab_kit.models.placement import executed, share_on_cpu
from lab_kit.models.store.store import ModelStore

GPU = Device("cuda", "Test GPU", workers=1)


@pytest.fixture
def _fresh_choice() -> Iterator[None]:
    choose_device.cache_clear()
    yield
    choose_device.cache_clear()


def test_a_profile_names_the_processor_of_every_operator() -> None:
    path = ModelStore().path("silero-vad")["silero_vad_16k_sequence.onnx"]
    window = {
        "input": np.zeros((1, 576), np.float32),
        "h": np.zeros((1, 1, 128), np.float32),
        "c": np.zeros((1, 1, 128), np.float32),
    }
    cpu = Device("cpu", "this one", workers=1)
    assert share_on_cpu(path, cpu, lambda session: session.run(None, window)) == 1.0
    with pytest.raises(ValueError, match="no operator"):
        share_on_cpu(path, cpu, lambda session: None)


def test_a_profile_counts_each_kind_of_operator_by_its_provider(tmp_path: Path) -> None:
    ran = [("MatMul", CUDA), ("MatMul", CUDA), ("Shape", CPU)]
    events = [
        {"cat": "Node", "args": {"op_name": name, "provider": provider}} for name, provider in ran
    ]
    events += [{"cat": "Session", "args": {}}, {"cat": "Node", "args": {"op_name": "MatMul"}}]
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(events))
    assert executed(profile) == {("MatMul", CUDA): 2, ("Shape", CPU): 1}


def test_what_fell_back_is_said() -> None:
    assert session_device([CUDA, CPU], GPU, share_on_cpu=0.0) == GPU
    mixed = session_device([CUDA, CPU], GPU, share_on_cpu=0.4)
    assert mixed.kind == "cuda"
    assert "40 % of operators fell back to the CPU" in mixed.label
    lost = session_device([CPU], GPU, share_on_cpu=1.0)
    assert lost.kind == "cpu"
    assert "asked for Test GPU" in lost.label


def test_a_gpu_that_the_runtime_cannot_reach_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real code asks for CUDA; this machine's runtime answers with the CPU, and so do we."""
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    opened: list[str] = []

    def noted(graph: Path, *options: Any) -> onnxruntime.InferenceSession:
        opened.append(graph.parent.name.split("-")[1])
        return open_session(graph, *options)

    monkeypatch.setattr(moonshine, "open_session", noted)
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, GPU)
    assert model.device.kind == "cpu"
    assert "asked for Test GPU" in model.device.label
    served = moonshine.weights_for(model.device).name.lower()
    assert opened == ["float", "float", served, served]


@pytest.mark.usefixtures("_fresh_choice")
def test_the_gpu_is_chosen_where_driver_and_runtime_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "_gpu_name", lambda: "Test GPU")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.delenv(devices.DEVICE_VARIABLE, raising=False)
    assert choose_device() == GPU
    choose_device.cache_clear()
    monkeypatch.setenv(devices.DEVICE_VARIABLE, "cpu")
    assert choose_device().kind == "cpu"
    choose_device.cache_clear()
    monkeypatch.delenv(devices.DEVICE_VARIABLE)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    assert choose_device().kind == "cpu"
