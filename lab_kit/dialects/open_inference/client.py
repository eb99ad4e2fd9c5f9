"""The client's side over HTTP: sound to requests, bodies to transcripts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.open_inference.json_form import (
    HttpBody,
    encode_body,
    read_object,
    read_objects,
    read_tensors,
    read_text,
    split_body,
)
from lab_kit.dialects.open_inference.messages import InferRequest, InferResponse, Parameter
from lab_kit.dialects.open_inference.tensors import Tensor


def speech_request(
    audio: FloatArray, rate_hz: int, parameters: Mapping[str, Parameter]
) -> InferRequest:
    """Ask for the transcript of (samples,) float32 in [-1, 1] at ``rate_hz``."""
    tensors = (
        Tensor("AUDIO", "FP32", audio),
        Tensor("SAMPLE_RATE", "INT32", np.array([rate_hz], np.int32)),
    )
    return InferRequest(tensors, parameters=parameters)


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
    return encode_body(head, "inputs", [(tensor, True) for tensor in request.inputs])


def parse_response(body: bytes, header_length: str | None) -> InferResponse:
    """Read an inference response.

    Raises:
        InvalidParameter: as `parse_request`.
    """
    message, raw = split_body(body, header_length)
    return InferResponse(
        model_name=read_text(message, "model_name"),
        model_version=str(message.get("model_version", "")),
        outputs=read_tensors(read_objects(message, "outputs"), raw),
        id=str(message.get("id", "")),
        parameters=read_object(message, "parameters"),
    )


def read_transcript(response: InferResponse) -> str:
    """What the model heard.

    Raises:
        InvalidParameter: the response has no TRANSCRIPT.
    """
    for tensor in response.outputs:
        if tensor.name == "TRANSCRIPT" and tensor.datatype == "BYTES" and tensor.values.size:
            return str(tensor.values.ravel()[0].decode())
    raise InvalidParameter(
        f"a response with {[tensor.name for tensor in response.outputs]}",
        "TRANSCRIPT as BYTES [1]",
        "ask for a speech model, such as moonshine-tiny-en",
    )
