"""The protocol's messages as classes, made of their description when this module is imported.

tritonclient brings such classes, too, but with them a range of protobuf that other libraries beside
this one may not fit. These live in a pool of their own, so that both can be in one process.
[Source: KServe, open_inference_grpc.proto; the fields beyond it are Triton's, grpc_service.proto]
"""

import re
from typing import Any

from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

PACKAGE = "inference"
_PARAMETERS = "map<string, InferParameter> parameters = 4"
_TENSOR = (
    "string name = 1",
    "string datatype = 2",
    "repeated int64 shape = 3",
    _PARAMETERS,
    "InferTensorContents contents = 5",
)
_ONE_OF = {"InferParameter": "parameter_choice"}
"""Messages of which one field is set, and what the choice is called."""
_MESSAGES = {
    "ServerLiveResponse": ("bool live = 1",),
    "ServerReadyResponse": ("bool ready = 1",),
    "ModelReadyRequest": ("string name = 1", "string version = 2"),
    "ModelReadyResponse": ("bool ready = 1",),
    "ServerMetadataResponse": (
        "string name = 1",
        "string version = 2",
        "repeated string extensions = 3",
    ),
    "ModelMetadataRequest": ("string name = 1", "string version = 2"),
    "ModelMetadataResponse": (
        "string name = 1",
        "repeated string versions = 2",
        "string platform = 3",
        "repeated ModelMetadataResponse.TensorMetadata inputs = 4",
        "repeated ModelMetadataResponse.TensorMetadata outputs = 5",
    ),
    "ModelMetadataResponse.TensorMetadata": (
        "string name = 1",
        "string datatype = 2",
        "repeated int64 shape = 3",
    ),
    "InferParameter": (
        "bool bool_param = 1",
        "int64 int64_param = 2",
        "string string_param = 3",
        "double double_param = 4",
        "uint64 uint64_param = 5",
    ),
    "InferTensorContents": (
        "repeated bool bool_contents = 1",
        "repeated int32 int_contents = 2",
        "repeated int64 int64_contents = 3",
        "repeated uint32 uint_contents = 4",
        "repeated uint64 uint64_contents = 5",
        "repeated float fp32_contents = 6",
        "repeated double fp64_contents = 7",
        "repeated bytes bytes_contents = 8",
    ),
    "ModelInferRequest": (
        "string model_name = 1",
        "string model_version = 2",
        "string id = 3",
        _PARAMETERS,
        "repeated ModelInferRequest.InferInputTensor inputs = 5",
        "repeated ModelInferRequest.InferRequestedOutputTensor outputs = 6",
        "repeated bytes raw_input_contents = 7",
    ),
    "ModelInferRequest.InferInputTensor": _TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": (
        "string name = 1",
        "map<string, InferParameter> parameters = 2",
    ),
    "ModelInferResponse": (
        "string model_name = 1",
        "string model_version = 2",
        "string id = 3",
        _PARAMETERS,
        "repeated ModelInferResponse.InferOutputTensor outputs = 5",
        "repeated bytes raw_output_contents = 6",
    ),
    "ModelInferResponse.InferOutputTensor": _TENSOR,
    "ModelStreamInferResponse": (
        "string error_message = 1",
        "ModelInferResponse infer_response = 2",
    ),
    "RepositoryIndexResponse": ("repeated RepositoryIndexResponse.ModelIndex models = 1",),
    "RepositoryIndexResponse.ModelIndex": (
        "string name = 1",
        "string version = 2",
        "string state = 3",
        "string reason = 4",
    ),
}
_FIELD = re.compile(r"(?:(repeated) |(map)<string, )?([\w.]+)>? (\w+) = (\d+)")


def _described() -> FileDescriptorProto:
    file = FileDescriptorProto(name="lab_kit/inference.proto", package=PACKAGE, syntax="proto3")
    made: dict[str, DescriptorProto] = {}
    for name, fields in _MESSAGES.items():
        outer, _, inner = name.rpartition(".")
        message = made[outer].nested_type.add() if outer else file.message_type.add()
        message.name, made[name] = inner, message
        if name in _ONE_OF:
            message.oneof_decl.add(name=_ONE_OF[name])
        for text in fields:
            _add(message, name, text)
    return file


def _add(message: DescriptorProto, name: str, text: str) -> None:
    found = _FIELD.fullmatch(text)
    assert found, text
    repeated, is_map, kind, field_name, number = found.groups()
    field = message.field.add(name=field_name, number=int(number))
    field.label = field.LABEL_REPEATED if repeated or is_map else field.LABEL_OPTIONAL
    if name in _ONE_OF:
        field.oneof_index = 0
    if is_map:
        entry = message.nested_type.add(name=f"{field_name.title()}Entry")
        entry.options.map_entry = True
        _set_kind(entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL), "string")
        _set_kind(entry.field.add(name="value", number=2, label=field.LABEL_OPTIONAL), kind)
        kind = f"{name}.{entry.name}"
    _set_kind(field, kind)


def _set_kind(field: FieldDescriptorProto, kind: str) -> None:
    if kind in _MESSAGES or "." in kind:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")


_POOL = DescriptorPool()
_POOL.Add(_described())


def _class(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


ServerLiveResponse = _class("ServerLiveResponse")
ServerReadyResponse = _class("ServerReadyResponse")
ServerMetadataResponse = _class("ServerMetadataResponse")
ModelReadyRequest = _class("ModelReadyRequest")
ModelReadyResponse = _class("ModelReadyResponse")
ModelMetadataRequest = _class("ModelMetadataRequest")
ModelMetadataResponse = _class("ModelMetadataResponse")
ModelInferRequest = _class("ModelInferRequest")
ModelInferResponse = _class("ModelInferResponse")
ModelStreamInferResponse = _class("ModelStreamInferResponse")
RepositoryIndexResponse = _class("RepositoryIndexResponse")
