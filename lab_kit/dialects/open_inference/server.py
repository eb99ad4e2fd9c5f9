"""The server's side over HTTP: bodies to requests, responses to bodies."""

from dataclasses import asdict
from typing import Any

from lab_kit.dialects.open_inference.json_form import (
    HttpBody,
    encode_body,
    read_object,
    read_objects,
    read_tensors,
    read_text,
    split_body,
)
from lab_kit.dialects.open_inference.messages import InferRequest, InferResponse, ModelSpec, wanted
from lab_kit.dialects.open_inference.tensors import Tensor, texts

EXTENSIONS = ("binary_tensor_data", "model_repository", "sequence")


def parse_request(body: bytes, header_length: str | None) -> InferRequest:
    """Read an inference request.

    Args:
        header_length: the header's value, however it came to be there.

    Raises:
        InvalidParameter: no JSON object, a field of the wrong kind, or a tensor that does not
            fit its own description.
    """
    message, raw = split_body(body, header_length)
    parameters = read_object(message, "parameters")
    outputs = {
        read_text(output, "name"): bool(
            read_object(output, "parameters").get(
                "binary_data", parameters.get("binary_data_output", False)
            )
        )
        for output in read_objects(message, "outputs")
    }
    return InferRequest(
        inputs=read_tensors(read_objects(message, "inputs"), raw),
        id=str(message.get("id", "")),
        parameters=parameters,
        outputs=outputs,
        binary=bool(parameters.get("binary_data_output", False)),
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
    return encode_body(head, "outputs", wanted(request, response))


def model_metadata(model: ModelSpec) -> dict[str, Any]:
    """A model's metadata as JSON."""
    return {
        "name": model.name,
        "versions": list(model.versions),
        "platform": model.platform,
        "inputs": [asdict(spec) for spec in model.inputs],
        "outputs": [asdict(spec) for spec in model.outputs],
    }


def transcript(text: str) -> Tensor:
    """The output that says ``text``."""
    return texts("TRANSCRIPT", text)
