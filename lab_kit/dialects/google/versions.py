"""The two versions of the API: their messages, and where the same thing has another name in each.

Encoding numbers and the names of times differ between the versions, limits do, too. A test compares
each field of the messages with those inside google-cloud-speech.

Source: Google Cloud (2025), Speech-to-Text RPC reference, v1 and v2; field numbers as in
google-cloud-speech 2.41.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from lab_kit.core.proto_file import message_classes

v1, v2, longrunning = (
    message_classes(name, files(__package__).joinpath(name).read_text("utf-8"))
    for name in ("speech_v1.proto", "speech_v2.proto", "longrunning.proto")
)
OPERATIONS = "google.longrunning.Operations"
"""The service by which operations are asked for, whoever's they are."""


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version's names.

    Attributes:
        service: the gRPC service that has the methods StreamingRecognize and Recognize.
        request, response: of a stream; ``recording_`` ones those of Recognize.
        audio: the field of a request that holds audio.
        end_time, event_time: the fields of a result and of a response that hold a time.
        word_start, word_end: those of a word.
        encodings: our names by the version's numbers.
        files: the numbers of encodings whose files say themselves what they hold.
        most_bytes: of audio in one message.
        too_large: what the provider says of a larger one.
        longest_s: of a stream.
        too_long: the status of one that has lasted longer; ``too_long_text`` is what the provider
            says of it.
    """

    service: str
    request: Any
    response: Any
    recording_request: Any
    recording_response: Any
    audio: str
    end_time: str
    event_time: str
    word_start: str
    word_end: str
    encodings: Mapping[int, str]
    files: frozenset[int]
    most_bytes: int
    too_large: str
    longest_s: float
    too_long: str
    too_long_text: str


V1 = ApiVersion(
    service="google.cloud.speech.v1.Speech",
    request=v1.StreamingRecognizeRequest,
    response=v1.StreamingRecognizeResponse,
    recording_request=v1.RecognizeRequest,
    recording_response=v1.RecognizeResponse,
    audio="audio_content",
    end_time="result_end_time",
    event_time="speech_event_time",
    word_start="start_time",
    word_end="end_time",
    encodings={1: "linear16", 3: "mulaw"},
    files=frozenset({0, 2, 6}),  # unspecified, FLAC, OGG_OPUS
    most_bytes=10_485_760,
    too_large="Request payload size exceeds the limit: {most} bytes.",
    longest_s=305.0,
    too_long="OUT_OF_RANGE",
    too_long_text="Exceeded maximum allowed stream duration of {limit_s:g} seconds.",
)
V2 = ApiVersion(
    service="google.cloud.speech.v2.Speech",
    request=v2.StreamingRecognizeRequest,
    response=v2.StreamingRecognizeResponse,
    recording_request=v2.RecognizeRequest,
    recording_response=v2.RecognizeResponse,
    audio="audio",
    end_time="result_end_offset",
    event_time="speech_event_offset",
    word_start="start_offset",
    word_end="end_offset",
    encodings={1: "linear16", 2: "mulaw", 3: "alaw"},
    files=frozenset({6, 8}),  # FLAC, OGG_OPUS
    most_bytes=25_600,
    too_large="Audio chunk can be of a maximum of {most} bytes. Received audio of {got} bytes"
    " instead.",
    longest_s=300.0,
    too_long="ABORTED",
    too_long_text="Max duration of {limit_min:g} minutes reached for stream.",
)


def duration(seconds: float) -> dict[str, int]:
    """A google.protobuf.Duration's fields, to the microsecond."""
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return {"seconds": whole, "nanos": micros * 1000}


def set_billed(response: Any, audio_s: float) -> None:
    """Say in a stream's last response, or in a recording's only one, how much audio it was."""
    if "total_billed_time" in response.DESCRIPTOR.fields_by_name:
        field = response.total_billed_time
    else:
        field = response.metadata.total_billed_duration
    values = duration(audio_s)
    field.seconds, field.nanos = values["seconds"], values["nanos"]
