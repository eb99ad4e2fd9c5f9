"""The protocol's messages, whatever carries them: what is asked, what is answered, what is there.

Here are also the two directions of the HTTP form: JSON, followed by the raw tensors in order when
a header tells where the JSON ends. The gRPC form is in ``protobuf``.

Source: as ``tensors``; strictness as tritonclient 2.73 writes and reads it. That client writes the
header into the dict it was given, so one that reuses the dict sends a stale length with its next
request: the length is believed only if JSON ends there.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.open_inference.tensors import Tensor, from_list, from_raw, to_list, to_raw

HEADER_LENGTH = "Inference-Header-Content-Length"
EXTENSIONS = ("binary_tensor_data", "model_repository", "sequence")
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


@dataclass(frozen=True, slots=True)
class HttpBody:
    """A message over HTTP.

    Attributes:
        json_bytes: where the JSON ends and raw tensors begin; None if there are none.
    """

    content: bytes
    json_bytes: int | None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that make it readable."""
        if self.json_bytes is None:
            return {"content-type": "application/json"}
        return {
            "content-type": "application/octet-stream",
            HEADER_LENGTH: str(self.json_bytes),
        }


def model_metadata(model: ModelSpec) -> dict[str, Any]:
    """A model's metadata as JSON."""
    return {
        "name": model.name,
        "versions": list(model.versions),
        "platform": model.platform,
        "inputs": [asdict(spec) for spec in model.inputs],
        "outputs": [asdict(spec) for spec in model.outputs],
    }


def wanted(request: InferRequest, response: InferResponse) -> list[tuple[Tensor, bool]]:
    """The outputs that were asked for, each with whether as raw bytes.

    Raises:
        InvalidParameter: an output was asked for that the model does not have.
    """
    there = {tensor.name: tensor for tensor in response.outputs}
    for name in request.outputs:
        if name not in there:
            raise InvalidParameter(
                f"output '{name}' was asked for", f"one of {', '.join(there)}", "correct the name"
            )
    asked = request.outputs or dict.fromkeys(there, request.binary)
    return [(there[name], binary) for name, binary in asked.items()]


def parse_request(body: bytes, header_length: str | None) -> InferRequest:
    """Read an inference request.

    Args:
        header_length: the header's value, however it came to be there.

    Raises:
        InvalidParameter: no JSON object, a field of the wrong kind, or a tensor that does not
            fit its own description.
    """
    message, raw = _split(body, header_length)
    parameters = _object(message, "parameters")
    outputs = {
        _text(output, "name"): bool(
            _object(output, "parameters").get(
                "binary_data", parameters.get("binary_data_output", False)
            )
        )
        for output in _objects(message, "outputs")
    }
    return InferRequest(
        inputs=_tensors(_objects(message, "inputs"), raw),
        id=str(message.get("id", "")),
        parameters=parameters,
        outputs=outputs,
        binary=bool(parameters.get("binary_data_output", False)),
    )


def encode_request(request: InferRequest) -> HttpBody:
    """Write an inference request, its inputs as raw bytes."""
    outputs = [
        {"name": name, "parameters": {"binary_data": binary}}
        for name, binary in request.outputs.items()
    ]
    head: dict[str, Any] = {
        **({"id": request.id} if request.id else {}),
        "parameters": {**request.parameters, "binary_data_output": request.binary},
        **({"outputs": outputs} if outputs else {}),
    }
    return _body(head, "inputs", [(tensor, True) for tensor in request.inputs])


def parse_response(body: bytes, header_length: str | None) -> InferResponse:
    """Read an inference response.

    Raises:
        InvalidParameter: as `parse_request`.
    """
    message, raw = _split(body, header_length)
    return InferResponse(
        model_name=_text(message, "model_name"),
        model_version=str(message.get("model_version", "")),
        outputs=_tensors(_objects(message, "outputs"), raw),
        id=str(message.get("id", "")),
        parameters=_object(message, "parameters"),
    )


def encode_response(request: InferRequest, response: InferResponse) -> HttpBody:
    """Write an inference response with the outputs that ``request`` wants.

    Raises:
        InvalidParameter: see `wanted`.
    """
    head = {
        "model_name": response.model_name,
        "model_version": response.model_version,
        **({"id": response.id} if response.id else {}),
        **({"parameters": dict(response.parameters)} if response.parameters else {}),
    }
    return _body(head, "outputs", wanted(request, response))


def _body(head: dict[str, Any], key: str, tensors: list[tuple[Tensor, bool]]) -> HttpBody:
    described, raws = [], []
    for tensor, binary in tensors:
        entry = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if binary:
            raws.append(to_raw(tensor))
            described.append({**entry, "parameters": {"binary_data_size": len(raws[-1])}})
        else:
            described.append({**entry, "data": to_list(tensor)})
    text = json.dumps({**head, key: described}).encode()
    return HttpBody(b"".join([text, *raws]), len(text) if raws else None)


def _split(body: bytes, header_length: str | None) -> tuple[dict[str, Any], bytes]:
    """The JSON object and what follows it."""
    if header_length is not None and header_length.isdecimal():
        message = _loaded(body[: int(header_length)])
        if message is not None:
            return message, body[int(header_length) :]
    message = _loaded(body)
    if message is None:
        raise InvalidParameter(
            f"a body of {len(body):,} bytes that begins with {body[:40]!r}",
            f"a JSON object, alone or with its length in {HEADER_LENGTH}",
            "send the request as JSON",
        )
    return message, b""


def _loaded(text: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _tensors(described: list[dict[str, Any]], raw: bytes) -> tuple[Tensor, ...]:
    tensors, at = [], 0
    for entry in described:
        name, datatype = _text(entry, "name"), _text(entry, "datatype")
        shape = entry.get("shape")
        size = _object(entry, "parameters").get("binary_data_size")
        if not isinstance(shape, list):
            raise _malformed("shape", entry, "a list of sizes")
        if size is None:
            data = entry.get("data")
            if not isinstance(data, list):
                raise _malformed("data", entry, "a list, or binary_data_size and raw bytes")
            tensors.append(from_list(name, datatype, shape, data))
            continue
        if type(size) is not int or not 0 <= size <= len(raw) - at:
            raise _malformed("binary_data_size", entry, f"at most the {len(raw) - at:,} bytes left")
        tensors.append(from_raw(name, datatype, shape, raw[at : at + size]))
        at += size
    if at != len(raw):
        raise InvalidParameter(
            f"{len(raw) - at:,} bytes after the last tensor", "none", "correct binary_data_size"
        )
    return tuple(tensors)


def _objects(message: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = message.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _malformed(key, message, "a list of objects")
    return entries


def _object(message: dict[str, Any], key: str) -> dict[str, Any]:
    value = message.get(key) or {}
    if not isinstance(value, dict):
        raise _malformed(key, message, "an object")
    return value


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not value:
        raise _malformed(key, message, "a text")
    return value


def _malformed(key: str, message: dict[str, Any], expected: str) -> InvalidParameter:
    found = f"{message[key]!r:.60}" if key in message else "nothing"
    of = f" of tensor '{message['name']}'" if isinstance(message.get("name"), str) else ""
    return InvalidParameter(f"'{key}'{of} is {found}", f"expected {expected}", "correct it")
