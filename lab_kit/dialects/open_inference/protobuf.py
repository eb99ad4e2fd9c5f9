"""The gRPC form of the messages.

Raw tensors lie beside the message, one each in the order of the tensors. Answers always use them:
tritonclient cannot read typed contents back into arrays.
"""

from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.open_inference.messages import (
    IndexEntry,
    InferRequest,
    InferResponse,
    ModelSpec,
    Parameter,
    TensorSpec,
    wanted,
)
from lab_kit.dialects.open_inference.protobuf_messages import pb
from lab_kit.dialects.open_inference.tensors import BLOCK, Tensor, from_list, from_raw, to_raw

_CONTENTS = {
    "BYTES": "bytes_contents",
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
MOST_TYPED = 3_000_000
"""Values of a tensor that is not raw: 30 s at 96 kHz. Each becomes an object. They are read in
blocks, for the library holds the interpreter's lock over what is read at once."""


def parse_request(message: Any) -> InferRequest:
    """Read a ``ModelInferRequest``.

    Raises:
        InvalidParameter: a tensor does not fit its own description, or raw and typed contents
            are mixed.
    """
    raws = message.raw_input_contents
    if raws and len(raws) != len(message.inputs):
        raise InvalidParameter(
            f"{len(raws)} raw tensors for {len(message.inputs)} inputs",
            "one each, in their order",
            "send every input raw, or none",
        )
    tensors = [
        from_raw(i.name, i.datatype, tuple(i.shape), raws[n]) if raws else _typed(i)
        for n, i in enumerate(message.inputs)
    ]
    return InferRequest(
        inputs=tuple(tensors),
        id=message.id,
        parameters={key: _value(value) for key, value in message.parameters.items()},
        outputs=dict.fromkeys((output.name for output in message.outputs), True),
        binary=True,
    )


def response_message(request: InferRequest, response: InferResponse) -> Any:
    """Write a ``ModelInferResponse`` with the outputs that ``request`` wants.

    Raises:
        InvalidParameter: see `messages.wanted`.
    """
    message = pb.ModelInferResponse(
        model_name=response.model_name, model_version=response.model_version, id=response.id
    )
    for key, value in response.parameters.items():
        _set(message.parameters[key], value)
    for tensor, _ in wanted(request, response):
        message.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        message.raw_output_contents.append(to_raw(tensor))
    return message


def metadata_message(model: ModelSpec) -> Any:
    """Write a ``ModelMetadataResponse``."""
    return pb.ModelMetadataResponse(
        name=model.name,
        versions=model.versions,
        platform=model.platform,
        inputs=[_described(spec) for spec in model.inputs],
        outputs=[_described(spec) for spec in model.outputs],
    )


def index_message(entries: list[IndexEntry]) -> Any:
    """Write a ``RepositoryIndexResponse``."""
    kind = pb.RepositoryIndexResponse.ModelIndex
    models = [kind(name=e.name, version=e.version, state=e.state, reason=e.reason) for e in entries]
    return pb.RepositoryIndexResponse(models=models)


def _described(spec: TensorSpec) -> Any:
    kind = pb.ModelMetadataResponse.TensorMetadata
    return kind(name=spec.name, datatype=spec.datatype, shape=spec.shape)


def _typed(entry: Any) -> Tensor:
    if entry.datatype not in _CONTENTS:
        raise InvalidParameter(
            f"tensor '{entry.name}' of {entry.datatype!r} in typed contents",
            f"one of {', '.join(_CONTENTS)}",
            "send the tensor in raw_input_contents",
        )
    contents = getattr(entry.contents, _CONTENTS[entry.datatype])
    if len(contents) > MOST_TYPED:
        raise InvalidParameter(
            f"tensor '{entry.name}' of {len(contents):,} values in typed contents",
            f"at most {MOST_TYPED:,}",
            "send the tensor in raw_input_contents",
        )
    data: list[Any] = []
    for at in range(0, len(contents), BLOCK):
        data += contents[at : at + BLOCK]
    return from_list(entry.name, entry.datatype, tuple(entry.shape), data)


def _value(parameter: Any) -> Parameter:
    chosen = parameter.WhichOneof("parameter_choice")
    value: Parameter = "" if chosen is None else getattr(parameter, chosen)
    return value


def _set(parameter: Any, value: Parameter) -> None:
    kinds = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}
    setattr(parameter, kinds[type(value)], value)
