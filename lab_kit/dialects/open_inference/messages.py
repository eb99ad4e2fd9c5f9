"""The protocol's messages, whatever carries them: what is asked, what is answered, what is there.

The HTTP form is in ``json_form``, the gRPC form in ``protobuf``.

Source: as ``tensors``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.dialects.open_inference.tensors import Tensor

Parameter = bool | int | float | str


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model takes or gives; -1 in the shape stands for any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as metadata describes it."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One version of one model in the repository's index."""

    name: str
    version: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One inference.

    Attributes:
        outputs: names of the outputs that are wanted, each with whether as raw bytes; none named
            means all.
        binary: whether outputs that nobody named go back as raw bytes.
    """

    inputs: tuple[Tensor, ...]
    id: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    outputs: Mapping[str, bool] = field(default_factory=dict)
    binary: bool = False


@dataclass(frozen=True, slots=True)
class InferResponse:
    """What came of it."""

    model_name: str
    model_version: str
    outputs: tuple[Tensor, ...]
    id: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def wanted(request: InferRequest, response: InferResponse) -> list[tuple[Tensor, bool]]:
    """The outputs that were asked for, each with whether as raw bytes.

    Raises:
        InvalidParameter: an output was asked for that the model does not have.
    """
    there = {tensor.name: tensor for tensor in response.outputs}
    for name in request.outputs:
        if name not in there:
            raise InvalidParameter(
                f"output {shown(name)} was asked for",
                f"one of {', '.join(there)}",
                "ask for one of these, or for none to get all",
            )
    asked = request.outputs or dict.fromkeys(there, request.binary)
    return [(there[name], binary) for name, binary in asked.items()]
