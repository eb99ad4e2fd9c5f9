"""An export is checked, kept whole or not at all, and named after what it is made from."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny_whisper

from lab_kit.core.errors import ModelNotLoaded
from lab_kit.experiments.runtimes import exporting
from lab_kit.experiments.runtimes.onnx_runtime import OnnxNetwork
from lab_kit.models.device import CUDA, Device
from lab_kit.models.store.kept import FOLDER_VARIABLE


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.bin"
    return tiny_whisper.write(path, tiny_whisper.variables_of(tiny_whisper.network()))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtimes")


@pytest.fixture(autouse=True)
def _our_own_cache(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(kept))


def test_what_differs_from_pytorch_is_not_kept(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(ModelNotLoaded, match=r"encoder\.onnx differs by .*what PyTorch computes"):
        exporting.exported(weights)
    assert list(tmp_path.iterdir()) == []


def test_both_graphs_are_kept_and_quantized_once(weights: Path, kept: Path) -> None:
    small = exporting.quantized(weights)
    whole = exporting.exported(weights)
    assert sorted(kept.iterdir()) == sorted([whole, small])
    written = {path: path.stat().st_mtime_ns for path in kept.rglob("*.onnx")}
    assert len(written) == 4
    assert (exporting.exported(weights), exporting.quantized(weights)) == (whole, small)
    assert written == {path: path.stat().st_mtime_ns for path in kept.rglob("*.onnx")}
    kinds = {node.op_type for node in onnx.load(small / exporting.DECODER).graph.node}
    assert "MatMulInteger" in kinds


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="CUDA can be had here")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_gpu_that_the_runtime_cannot_reach_is_not_claimed(weights: Path) -> None:
    network = OnnxNetwork(exporting.exported(weights), Device("cuda", "a GPU", workers=1))
    assert network.device.kind == "cpu"
    assert "asked for a GPU, which the runtime cannot reach" in network.device.label
    heard = network.encode(np.zeros((1, 80, 3000), np.float32))
    scores, past = network.decode([1, 2], network.empty(), heard)
    again, longer = network.decode([3], past, heard)
    assert scores.shape == again.shape == (50,)
    assert [tensor.shape()[2] for tensor in longer] == [3] * 4


def test_other_weights_get_another_name(weights: Path, tmp_path: Path) -> None:
    variables = tiny_whisper.variables_of(tiny_whisper.network())
    variables["decoder/layer_norm/beta"] = variables["decoder/layer_norm/beta"] + 1
    other = tiny_whisper.write(tmp_path / "model.bin", variables)
    assert exporting.fingerprint(other) != exporting.fingerprint(weights)
