"""Every weight lands where it belongs, exactly once; a file that is another model's is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_whisper
import torch
from tiny_whisper import Variables

from lab_kit.core.errors import InvalidParameter, ModelStoreError
from lab_kit.models.device import Device
from lab_kit.models.whisper.model import torch_dtype, torch_place
from lab_kit.models.whisper.weights import load_whisper

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def variables() -> Variables:
    return tiny_whisper.variables_of(tiny_whisper.network())


def test_every_weight_is_where_it_was(tmp_path: Path, variables: Variables) -> None:
    path = tiny_whisper.write(tmp_path / "model.bin", variables)
    found = load_whisper(path, torch.float32, CPU).state_dict()
    wanted = tiny_whisper.network().state_dict()
    assert set(found) == set(wanted)
    for label, value in wanted.items():
        torch.testing.assert_close(found[label], value, rtol=0, atol=0)


def test_the_network_computes_in_the_precision_asked_for(
    tmp_path: Path, variables: Variables
) -> None:
    path = tiny_whisper.write(tmp_path / "model.bin", variables)
    model = load_whisper(path, torch.bfloat16, CPU)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not model.training


def without(label: str) -> Callable[[Variables], Variables]:
    return lambda given: {key: value for key, value in given.items() if key != label}


def with_value(label: str, value: object) -> Callable[[Variables], Variables]:
    return lambda given: {**given, label: np.asarray(value)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("decoder/layer_1/ffn/linear_0/bias"), "no decoder/layer_1/ffn/linear_0/bias"),
        (without("encoder/conv1/weight"), "encoder/conv1/weight"),
        (with_value("decoder/more", np.zeros(2, np.float32)), "unused decoder/more"),
        (
            with_value("encoder/conv1/bias", np.zeros(9, np.float32)),
            r"shape \(9,\); expected: \(8,\)",
        ),
        (with_value("decoder/activation", np.int8(0)), "decoder/activation = 0; expected: 3"),
        (with_value("decoder/pre_norm", np.int8(0)), "decoder/pre_norm = 0; expected: 1"),
        (
            with_value("decoder/layer_0/attention/linear_1/bias", np.ones(16, np.float16)),
            "a bias for the keys",
        ),
    ],
)
def test_another_model_is_refused(
    tmp_path: Path, variables: Variables, change: Callable[[Variables], Variables], reason: str
) -> None:
    path = tiny_whisper.write(tmp_path / "model.bin", change(variables))
    with pytest.raises(ModelStoreError, match=reason):
        load_whisper(path, torch.float32, CPU)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"specification": "TransformerSpec"}, "a TransformerSpec; expected: a WhisperSpec"),
        ({"aliases": {}}, r"aliases \{\}"),
    ],
)
def test_another_layout_is_refused(
    tmp_path: Path, variables: Variables, data: dict[str, object], reason: str
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(tiny_whisper.file_bytes(variables, **data))  # type: ignore[arg-type]
    with pytest.raises(ModelStoreError, match=reason):
        load_whisper(path, torch.float32, CPU)


def test_an_unknown_precision_names_the_known() -> None:
    with pytest.raises(InvalidParameter, match="float32, float16, bfloat16"):
        torch_dtype("int4")


def test_a_device_of_ours_is_one_of_torch() -> None:
    assert torch_place(Device("cuda", "some GPU", 1)) == torch.device("cuda")
    assert torch_place(Device("cpu", "some CPU", 2)) == CPU
