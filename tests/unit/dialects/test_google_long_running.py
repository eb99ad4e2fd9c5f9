"""Google's long-running recordings without a server: what is asked, and what an operation tells."""

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from google.cloud import speech_v1
from google.longrunning import operations_pb2
from google.rpc import code_pb2

from lab_kit.audio.files import RawPcm
from lab_kit.audio.pcm import to_bytes
from lab_kit.core.errors import (
    Code,
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    OperationNotFound,
    PayloadTooLarge,
    QuotaExceeded,
    UnsupportedSampleRate,
)
from lab_kit.dialects.google.errors import operation_status
from lab_kit.dialects.google.long_running import Asked, operation, parse_name, parse_request
from lab_kit.dialects.google.versions import longrunning
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.operations import Operation, OperationProgress, OperationState
from lab_kit.protocol.recordings import Segment, Word
from lab_kit.protocol.transcriptions import Transcription

CONFIG = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}
NUMBER = UUID("01a229bd-f753-768f-a518-07a06b43dab0")
NOISE = np.random.default_rng(1).normal(0, 0.1, 8_000).astype(np.float32)
ASKED = Asked("en-us", True, False)


def request(content: bytes = bytes(3_200), **fields: Any) -> bytes:
    asked = {"config": CONFIG, "audio": {"content": content}} | fields
    return bytes(
        speech_v1.LongRunningRecognizeRequest.serialize(
            speech_v1.LongRunningRecognizeRequest(asked)
        )
    )


def progress(state: OperationState, processed_s: float = 0.0, audio_s: float = 8.0) -> Operation:
    times = ("2026-01-31T12:00:00.250Z", "2026-01-31T12:00:02.000Z", "2026-02-01T12:00:00.000Z")
    about = OperationProgress(state, *times, audio_s, processed_s)
    return Operation(f"operations/{NUMBER}", about, state.is_done)


def read(message: bytes) -> tuple[Any, Any]:
    """The operation, and its metadata, by the provider's own classes."""
    told = operations_pb2.Operation.FromString(message)
    metadata = speech_v1.LongRunningRecognizeMetadata.pb()()
    assert told.metadata.Unpack(metadata)
    return told, metadata


def test_bare_samples_are_kept_as_they_are_and_telephones_made_samples() -> None:
    stereo = CONFIG | {"audio_channel_count": 2, "enable_word_confidence": True}
    ordered = parse_request(request(config=stereo), 60.0)
    assert (ordered.sound, ordered.raw) == (bytes(3_200), RawPcm(16_000, 2))
    assert ordered.asked == Asked("en-us", False, True)
    assert Asked.read(ordered.asked.written()) == ordered.asked
    telephone = {"encoding": 3, "sample_rate_hertz": 8_000, "language_code": "en"}
    ordered = parse_request(request(to_bytes(NOISE, "mulaw"), config=telephone), 60.0)
    assert (len(ordered.sound), ordered.raw) == (2 * len(NOISE), RawPcm(8_000))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xff\xff", InvalidMessage),
        (b"", InvalidParameter),
        (request(bytes(10_485_761)), InvalidMessage),
        (request(output_config={"gcs_uri": "gs://a/b"}), InvalidParameter),
        (request(audio={"uri": "gs://a/b"}), InvalidParameter),
        (request(config=CONFIG | {"encoding": 5}), InvalidParameter),
        (request(config=CONFIG | {"sample_rate_hertz": 10}), UnsupportedSampleRate),
        (request(b"RIFF and nothing"), InvalidAudioFormat),
    ],
    ids=["bytes", "nothing", "large", "output", "bucket", "encoding", "rate", "file"],
)
def test_what_cannot_be_transcribed_is_refused_when_it_is_asked_for(
    data: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        parse_request(data, 60.0)


@pytest.mark.parametrize("name", ["", "nope", f"operations/{NUMBER}", "é" * 36, "-" * 36])
def test_a_name_that_is_none_is_not_found(name: str) -> None:
    data = operations_pb2.GetOperationRequest(name=name).SerializeToString()
    with pytest.raises(OperationNotFound):
        parse_name(longrunning.GetOperationRequest, data)
    data = operations_pb2.CancelOperationRequest(name=str(NUMBER)).SerializeToString()
    assert parse_name(longrunning.CancelOperationRequest, data) == NUMBER


def test_an_operation_tells_how_far_it_is() -> None:
    told, metadata = read(
        operation(ASKED, NUMBER, progress(OperationState.RUNNING, processed_s=3.0), None)
    )
    assert (told.name, told.done, told.WhichOneof("result")) == (str(NUMBER), False, None)
    assert metadata.progress_percent == 38
    assert metadata.start_time.ToJsonString() == "2026-01-31T12:00:00.250Z"
    assert metadata.last_update_time.ToJsonString() == "2026-01-31T12:00:02Z"
    queued = progress(OperationState.QUEUED, audio_s=0.0)
    _, metadata = read(operation(ASKED, NUMBER, queued, None))
    assert metadata.progress_percent == 0


def test_one_that_is_done_has_what_was_said_as_it_was_asked_for() -> None:
    words = (Word("So", 0.5, 0.75, 0.9), Word("it", 0.75, 1.0, 0.8))
    said = (
        Segment(0.5, 1.0, "So it", 0.85, words),
        Segment(2.0, 2.0, "", 0.0, ()),
        Segment(3.0, 4.0, "was.", 0.7, ()),
    )
    transcription = Transcription("t", "a", "b", 8.0, "m", "1", "cpu", "So it was.", said)
    done = progress(OperationState.SUCCEEDED, processed_s=8.0)
    told, metadata = read(operation(ASKED, NUMBER, done, transcription))
    response = speech_v1.LongRunningRecognizeResponse.pb()()
    assert told.response.Unpack(response)
    assert metadata.progress_percent == 100
    texts = [result.alternatives[0].transcript for result in response.results]
    assert texts == ["So it", " was."]
    first = response.results[0].alternatives[0].words[0]
    assert (first.word, first.start_time.nanos, first.confidence) == ("So", 500_000_000, 0.0)
    assert response.results[1].result_end_time.seconds == 4
    assert response.total_billed_time.seconds == 8


@pytest.mark.parametrize("code", list(Code))
def test_one_that_failed_has_the_status_of_its_error(code: Code) -> None:
    body = ErrorEnvelope.of(InvalidAudioFormat("a", "b", "c"), None).error
    failed = progress(OperationState.FAILED)
    failed = Operation(failed.name, failed.metadata, True, body.model_copy(update={"code": code}))
    told, _ = read(operation(ASKED, NUMBER, failed, None))
    assert told.done
    assert code_pb2.Code.Name(told.error.code) == code
    assert told.error.message == body.message


def test_one_whose_words_were_deleted_says_so() -> None:
    told, _ = read(operation(ASKED, NUMBER, progress(OperationState.SUCCEEDED), None))
    assert (told.done, told.error.code) == (True, 5)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PayloadTooLarge("a", "b", "c"), "INVALID_ARGUMENT"),
        (OperationNotFound("a", "b", "c"), "NOT_FOUND"),
        (QuotaExceeded("a", "b", "c"), "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_call_that_is_refused_has_the_providers_status(error: Exception, code: str) -> None:
    assert operation_status(error).code == code  # type: ignore[arg-type]
