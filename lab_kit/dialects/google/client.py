"""The client's side of StreamingRecognize, version 1: options to requests, responses to events."""

import json
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped]

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import Event, StreamOptions
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.google.server import LAB_FIELD
from lab_kit.dialects.google.versions import V1, v1
from lab_kit.protocol.record import event_of

METHOD = f"/{V1.service}/StreamingRecognize"
_NUMBERS = {name: number for number, name in V1.encodings.items()}
_Config = v1.StreamingRecognitionConfig


def first_message(options: StreamOptions) -> bytes:
    """The configuration that asks for ``options``; the silence is the server's own."""
    config = {
        "encoding": _NUMBERS[options.encoding],
        "sample_rate_hertz": options.sample_rate_hz,
        "audio_channel_count": options.channels,
        "language_code": "en-US",
    }
    streaming = _Config(
        config=config,
        interim_results=options.interim_results,
        enable_voice_activity_events=options.speech_events,
    )
    return bytes(V1.request(streaming_config=streaming).SerializeToString())


def audio_message(data: bytes) -> bytes:
    """A chunk; without any sound it only keeps the call open."""
    return bytes(V1.request(audio_content=data).SerializeToString())


def parse_response(data: bytes) -> tuple[Event, int, str] | None:
    """A response as an event; None for one that goes with another.

    Raises:
        InvalidMessage: it is none of this server's.
    """
    response = decoded_message(V1.response, data)
    text = "".join(result.alternatives[0].transcript for result in response.results)
    note = next((f.data for f in UnknownFieldSet(response) if f.field_number == LAB_FIELD), None)
    if note is None:
        return None
    try:
        description: dict[str, Any] = json.loads(note)
    except ValueError as error:
        raise InvalidMessage(
            f"{note[:80]!r}", "a note as JSON", "connect to a server of this lab_kit version"
        ) from error
    return event_of(description, text.removeprefix(" "))
