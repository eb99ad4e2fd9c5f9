"""Protobuf messages by mutation, on every gRPC method that the server has."""

import random
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import grpc
from attempts import CLOSED, HUNG, Kind, Outcome, Target
from google.cloud.speech_v1.types import cloud_speech as v1
from google.cloud.speech_v2.types import cloud_speech as v2
from google.longrunning import operations_pb2
from mutation import mutated
from tritonclient.grpc import service_pb2 as pb

MODEL = "moonshine-tiny-en"
TRITON = "/inference.GRPCInferenceService/"
PUBLIC = (TRITON + "ServerLive", TRITON + "ServerReady")
ENTRIES = 100_000
"""Of a map: some two megabytes that take a parser most of a second."""
RECORDINGS, BESIDE_BYTES = 64, 4_000_000
STREAMING = ("/StreamingRecognize", "/ModelStreamInfer")
MOST_ANSWERS = 1_000
FAILURES = ("UNKNOWN", "INTERNAL", "DATA_LOSS")
UNSENT = "Internal error from Core"
"""What our own library says of a message that the server did not wait for."""
SOUND = bytes(32_000)
NAME = "projects/p/locations/global/recognizers/_"
NOBODYS = operations_pb2.GetOperationRequest(
    name="01a229bd-f753-768f-a518-07a06b43dab0"
).SerializeToString()


def _inference() -> bytes:
    """Half a second of silence."""
    inputs = [
        pb.ModelInferRequest.InferInputTensor(name="AUDIO", datatype="FP32", shape=[8_000]),
        pb.ModelInferRequest.InferInputTensor(name="SAMPLE_RATE", datatype="INT32", shape=[1]),
    ]
    raw = [bytes(32_000), (16_000).to_bytes(4, "little")]
    message = pb.ModelInferRequest(model_name=MODEL, inputs=inputs, raw_input_contents=raw)
    return bytes(message.SerializeToString())


def _google() -> dict[str, list[bytes]]:
    """The messages of both versions' methods, as their own classes write them."""
    config1 = v1.RecognitionConfig(encoding=1, sample_rate_hertz=16_000, language_code="en-US")
    decoding = v2.ExplicitDecodingConfig(
        encoding=1, sample_rate_hertz=16_000, audio_channel_count=1
    )
    config2 = v2.RecognitionConfig(explicit_decoding_config=decoding, language_codes=["en-US"])
    streaming1 = v1.StreamingRecognitionConfig(config=config1, interim_results=True)
    streaming2 = v2.StreamingRecognitionConfig(config=config2)
    return {
        "/google.cloud.speech.v1.Speech/StreamingRecognize": [
            v1.StreamingRecognizeRequest.serialize({"streaming_config": streaming1}),
            v1.StreamingRecognizeRequest.serialize({"audio_content": SOUND}),
        ],
        "/google.cloud.speech.v2.Speech/StreamingRecognize": [
            v2.StreamingRecognizeRequest.serialize(
                {"recognizer": NAME, "streaming_config": streaming2}
            ),
            v2.StreamingRecognizeRequest.serialize({"audio": SOUND[:16_000]}),
        ],
        "/google.cloud.speech.v1.Speech/Recognize": [
            v1.RecognizeRequest.serialize({"config": config1, "audio": {"content": SOUND}})
        ],
        "/google.cloud.speech.v1.Speech/LongRunningRecognize": [
            v1.LongRunningRecognizeRequest.serialize(
                {"config": config1, "audio": {"content": SOUND}}
            )
        ],
        "/google.longrunning.Operations/GetOperation": [NOBODYS],
        "/google.longrunning.Operations/CancelOperation": [NOBODYS],
        "/google.cloud.speech.v2.Speech/Recognize": [
            v2.RecognizeRequest.serialize({"recognizer": NAME, "config": config2, "content": SOUND})
        ],
    }


_NAMED = bytes(pb.ModelMetadataRequest(name=MODEL, version="1").SerializeToString())
CALLS: dict[str, list[bytes]] = {
    TRITON + "ServerLive": [b""],
    TRITON + "ServerReady": [b""],
    TRITON + "ServerMetadata": [b""],
    TRITON + "ModelReady": [_NAMED],
    TRITON + "ModelMetadata": [_NAMED],
    TRITON + "RepositoryIndex": [b""],
    TRITON + "RepositoryModelLoad": [_NAMED],
    TRITON + "ModelInfer": [_inference()],
    TRITON + "ModelStreamInfer": [_inference(), _inference()],
    **_google(),
}
"""Each method with a valid call's messages."""


async def called(target: Target, method: str, messages: Sequence[bytes]) -> Outcome:
    """Call a method over a connection of its own, and judge the status that it ends with."""
    metadata = [("authorization", f"Bearer {target.key}")] if target.key is not None else []
    async with grpc.aio.insecure_channel(target.grpc) as channel:
        given: dict[str, Any] = {"metadata": metadata, "timeout": target.patience_s}
        if method.endswith(STREAMING):
            call = channel.stream_stream(method)(iter(messages), **given)
            await _read(call)
        else:
            call = channel.unary_unary(method)(messages[0], **given)
        status = (await call.code()).name
        details = (await call.details() or "")[:200]
    return _judged(target, method, status, details)


async def _read(call: Any) -> None:
    """Read a stream's answers, up to its end; how that came is in its status."""
    left = MOST_ANSWERS
    with suppress(grpc.aio.AioRpcError):
        async for _ in call:
            if not (left := left - 1):
                call.cancel()


def _judged(target: Target, method: str, status: str, details: str) -> Outcome:
    if status == "DEADLINE_EXCEEDED":
        return HUNG
    if details == UNSENT:
        return CLOSED
    if status in FAILURES:
        return Outcome(status, f"{method} failed with {status}: {details}")
    if status == "OK" and target.key is None and method not in PUBLIC:
        return Outcome(status, f"{method} let in without a key")
    return Outcome(status)


async def _mutated(method: str, target: Target, chance: random.Random) -> Sequence[Outcome]:
    messages = [mutated(chance, m) if chance.random() < 0.8 else m for m in CALLS[method]]
    return [await called(target, method, messages)]


async def _many_entries(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """Much to parse for whoever parses before asking for the key."""
    message = pb.ModelInferRequest(model_name=MODEL)
    for number in range(ENTRIES):
        message.parameters[f"p{number}"].int64_param = number
    return [await called(target, TRITON + "ModelInfer", [message.SerializeToString()])]


async def _long_recordings(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """Pieces of recordings that never end, each with much beside its sound to keep."""
    piece = pb.ModelInferRequest.FromString(_inference())
    piece.id = "x" * BESIDE_BYTES
    pieces = []
    for number in range(RECORDINGS):
        piece.parameters["sequence_id"].string_param = str(number)
        piece.parameters["sequence_start"].bool_param = True
        pieces.append(piece.SerializeToString())
    return [await called(target, TRITON + "ModelStreamInfer", pieces)]


async def _junk(target: Target, chance: random.Random) -> Sequence[Outcome]:
    method = chance.choice(sorted(CALLS))
    return [await called(target, method, [chance.randbytes(chance.randrange(5_000))])]


KIND = Kind(
    {
        **{method.rpartition(".")[2]: partial(_mutated, method) for method in CALLS},
        "many entries": _many_entries,
        "long recordings": _long_recordings,
        "junk": _junk,
    },
    at_once=4,
)
