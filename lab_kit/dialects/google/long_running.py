"""LongRunningRecognize of version 1: a recording that is transcribed while nobody waits.

The provider wants a recording of more than a minute in a bucket of its own. Here it is in the
message, however long it is; a bucket is refused by its name.

Source: Google Cloud (2025), Speech-to-Text RPC reference, v1, and google.longrunning; field numbers
as in google-cloud-speech 2.41.
"""

import io
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked

from lab_kit.audio.codecs import check_encoding
from lab_kit.audio.files import RawPcm, open_recording
from lab_kit.audio.pcm import to_float, to_pcm16
from lab_kit.core.errors import Code, InvalidParameter, OperationNotFound
from lab_kit.core.shown import shown
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.google.options import Recording, WordFields, recording_in
from lab_kit.dialects.google.server import check_header, results_told
from lab_kit.dialects.google.versions import V1, longrunning, set_billed, v1
from lab_kit.protocol.operations import Operation
from lab_kit.protocol.transcriptions import Transcription

PROVIDER = "google"
_TYPES = "type.googleapis.com/"
_CODES = {code: number for number, code in enumerate(Code, start=1)}
"""gRPC's numbers [Source: gRPC, statuscodes.md]."""


@checked(frozen=True, slots=True)
class Asked:
    """What answers need of a request."""

    language: str
    times: bool
    confidence: bool

    @classmethod
    def read(cls, text: str) -> Self:
        """What `written` wrote."""
        return cls(**_json.validate_json(text))

    def written(self) -> str:
        """To be kept."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _json.dump_json(fields).decode()


_json: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Ordered:
    """A request, with its sound as it is kept: a file, or bare PCM16."""

    asked: Asked
    sound: bytes
    raw: RawPcm | None


def parse_request(data: bytes, longest_s: float) -> Ordered:
    """What a call asks for; to be run where it may take a while.

    Raises:
        InvalidMessage: no such message, or more audio in it than a call may hold.
        InvalidParameter: what it asks for is not spoken here.
        InvalidAudioFormat, UnsupportedSampleRate, PayloadTooLarge: it cannot be transcribed.
    """
    message = decoded_message(v1.LongRunningRecognizeRequest, data)
    if message.output_config.gcs_uri:
        raise InvalidParameter(
            f"output_config.gcs_uri {shown(message.output_config.gcs_uri)}",
            "results in the operation: this server writes nowhere else",
            "leave output_config out",
        )
    recording = recording_in(V1, message)
    asked = Asked(recording.language, recording.words.times, recording.words.confidence)
    return Ordered(asked, *_kept(recording, longest_s))


def parse_name(kind: Any, data: bytes) -> UUID:
    """Which operation a request is about.

    Args:
        kind: the class of the request.

    Raises:
        InvalidMessage: it is none.
        OperationNotFound: no operation is named so.
    """
    name = decoded_message(kind, data).name
    try:
        return UUID(name if len(name) == 36 else "")
    except ValueError as error:
        raise OperationNotFound(
            f"the operation {shown(name)}",
            "one of yours that has not expired",
            "take the name that LongRunningRecognize answered",
        ) from error


def operation(
    asked: Asked, number: UUID, one: Operation, transcription: Transcription | None
) -> bytes:
    """An operation, however far it is.

    Args:
        transcription: what came of it; None before there is anything, and after it was deleted.
    """
    progress = one.metadata
    share = progress.processed_s / progress.audio_s if progress.audio_s else 0.0
    metadata = v1.LongRunningRecognizeMetadata(progress_percent=round(100 * share))
    metadata.start_time.FromJsonString(progress.create_time)
    metadata.last_update_time.FromJsonString(progress.update_time)
    message = longrunning.Operation(name=str(number), done=one.done)
    _pack(message.metadata, metadata)
    if one.error is not None:
        message.error.code, message.error.message = _CODES[one.error.code], one.error.message
    elif transcription is not None:
        fields = WordFields(asked.times, asked.confidence)
        results = results_told(V1, asked.language, fields, transcription.segments)
        response = v1.LongRunningRecognizeResponse(results=results)
        set_billed(response, transcription.audio_s)
        _pack(message.response, response)
    elif one.done:
        message.error.code = _CODES[Code.NOT_FOUND]
        message.error.message = "what came of the operation was deleted"
    return bytes(message.SerializeToString())


def _kept(recording: Recording, longest_s: float) -> tuple[bytes, RawPcm | None]:
    if recording.encoding is None:
        with open_recording(io.BytesIO(recording.content), longest_s):
            check_header(recording)
        return recording.content, None
    check_encoding(recording.encoding, recording.rate_hz, recording.channels)
    if recording.encoding == "linear16":
        return recording.content, RawPcm(recording.rate_hz, recording.channels)
    audio = to_float(recording.content, recording.encoding, recording.channels)
    return to_pcm16(audio), RawPcm(recording.rate_hz)


def _pack(place: Any, message: Any) -> None:
    place.type_url = _TYPES + message.DESCRIPTOR.full_name
    place.value = message.SerializeToString()
