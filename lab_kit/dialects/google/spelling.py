"""How the two versions of the API spell a stream; what they mean is `google.stream`'s affair.

Messages are the protobuf classes inside google-cloud-speech, so that its client and we cannot
disagree. Encoding numbers and the names of times differ between the versions, limits do, too.

Source: Google Cloud (2025), Speech-to-Text RPC reference, v1 and v2; field numbers as in
google-cloud-speech 2.41.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud.speech_v1.types import cloud_speech as v1
from google.cloud.speech_v2.types import cloud_speech as v2
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.events import StreamOptions

ENDPOINT_S = 0.2
"""Silence that ends an utterance; the provider publishes none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the first message of a stream asks for.

    Attributes:
        single_utterance: hear one utterance and ignore the rest.
        voice_events: tell when speech begins and ends.
        start_timeout_s, end_timeout_s: silence before and after speech that ends the stream.
    """

    options: StreamOptions
    language: str
    single_utterance: bool
    voice_events: bool
    start_timeout_s: float | None
    end_timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Spelling:
    """One version's names.

    Attributes:
        service: the gRPC service that has the methods StreamingRecognize and Recognize.
        request, response: of a stream; ``recording_`` ones those of Recognize.
        audio: the field of a request that holds audio.
        end_time, event_time: the fields of a result and of a response that hold a time.
        encodings: our names by the version's numbers.
        files: the numbers of encodings whose files say themselves what they hold.
        most_bytes: of audio in one message.
        too_large: what the provider says of a larger one.
        too_long: the status of a stream that has lasted too long.
    """

    service: str
    request: Any
    response: Any
    recording_request: Any
    recording_response: Any
    audio: str
    end_time: str
    event_time: str
    encodings: Mapping[int, str]
    files: frozenset[int]
    most_bytes: int
    too_large: str
    too_long: str


V1 = Spelling(
    service="google.cloud.speech.v1.Speech",
    request=v1.StreamingRecognizeRequest.pb(),
    response=v1.StreamingRecognizeResponse.pb(),
    recording_request=v1.RecognizeRequest.pb(),
    recording_response=v1.RecognizeResponse.pb(),
    audio="audio_content",
    end_time="result_end_time",
    event_time="speech_event_time",
    encodings={1: "linear16", 3: "mulaw"},
    files=frozenset({0, 2, 6}),  # unspecified, FLAC, OGG_OPUS
    most_bytes=10_485_760,
    too_large="Request payload size exceeds the limit: {most} bytes.",
    too_long="OUT_OF_RANGE",
)
V2 = Spelling(
    service="google.cloud.speech.v2.Speech",
    request=v2.StreamingRecognizeRequest.pb(),
    response=v2.StreamingRecognizeResponse.pb(),
    recording_request=v2.RecognizeRequest.pb(),
    recording_response=v2.RecognizeResponse.pb(),
    audio="audio",
    end_time="result_end_offset",
    event_time="speech_event_offset",
    encodings={1: "linear16", 2: "mulaw", 3: "alaw"},
    files=frozenset({6, 8}),  # FLAC, OGG_OPUS
    most_bytes=25_600,
    too_large="Audio chunk can be of a maximum of {most} bytes. Received audio of {got} bytes"
    " instead.",
    too_long="ABORTED",
)


def parse_first(spelling: Spelling, data: bytes) -> Asked:
    """What a stream's first message asks for.

    Raises:
        InvalidMessage: it is not a configuration.
        InvalidParameter: what it asks for is not spoken here.
    """
    message = decoded(spelling.request, data)
    if not message.HasField("streaming_config"):
        raise malordered("expected the streaming_config first")
    config = message.streaming_config
    return _asked_v1(config) if spelling is V1 else _asked_v2(config)


def audio_of(spelling: Spelling, data: bytes) -> bytes:
    """The audio of a later message.

    Raises:
        InvalidMessage: it is none, or holds more than a message may.
    """
    message = decoded(spelling.request, data)
    if message.HasField("streaming_config"):
        raise malordered("expected audio after the streaming_config")
    audio = bytes(getattr(message, spelling.audio))
    if len(audio) > spelling.most_bytes:
        raise InvalidMessage(
            spelling.too_large.format(most=spelling.most_bytes, got=len(audio)),
            f"at most {spelling.most_bytes:,} bytes of audio a message",
            "send shorter chunks",
        )
    return audio


def decoded(kind: Any, data: bytes) -> Any:
    """A message from its bytes.

    Raises:
        InvalidMessage: they are not one.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise InvalidMessage(
            f"bytes that are no {kind.DESCRIPTOR.name} ({error})", "one", "check the client"
        ) from error


def malordered(expected: str) -> InvalidMessage:
    """The provider's error for messages in the wrong order."""
    return InvalidMessage(
        "Malordered Data Received.", expected, "send one config, then audio, then half-close"
    )


def needed_language(spelling: Spelling, config: Any) -> str:
    """The language that a configuration names, as results repeat it.

    Raises:
        InvalidParameter: it names none.
    """
    field = "language_code" if spelling is V1 else "language_codes"
    named = [config.language_code] if spelling is V1 else list(config.language_codes)
    if not any(named):
        raise InvalidParameter(f"no {field}", "one such as en-US", "add it to the config")
    return str(named[0]).lower()


def encoding_of(spelling: Spelling, decoding: Any) -> str:
    """Our name of the encoding of bare samples.

    Raises:
        InvalidParameter: it is not spoken here.
    """
    if decoding.encoding not in spelling.encodings:
        known = ", ".join(name.upper() for name in spelling.encodings.values())
        raise InvalidParameter(
            f"encoding number {decoding.encoding}",
            f"bare audio here is one of {known}",
            "convert it",
        )
    return spelling.encodings[decoding.encoding]


def channels_of(decoding: Any) -> int:
    """How many channels; 0 is the provider's way to leave it open.

    Raises:
        InvalidParameter: no such number.
    """
    channels = int(decoding.audio_channel_count)
    if channels < 0:
        raise InvalidParameter(f"audio_channel_count {channels}", "1 or more", "correct it")
    return channels or 1


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


def _asked_v1(streaming: Any) -> Asked:
    config = streaming.config
    language = needed_language(V1, config)
    return Asked(
        _options(V1, config, streaming),
        language,
        streaming.single_utterance,
        streaming.enable_voice_activity_events,
        *_timeouts(streaming),
    )


def _asked_v2(streaming: Any) -> Asked:
    config, features = streaming.config, streaming.streaming_features
    if not config.HasField("explicit_decoding_config"):
        raise InvalidParameter(
            "no explicit_decoding_config, which announces a file with a header",
            "live audio here is raw",
            "give encoding, sample_rate_hertz and audio_channel_count",
        )
    language = needed_language(V2, config)
    return Asked(
        _options(V2, config.explicit_decoding_config, features),
        language,
        False,
        features.enable_voice_activity_events,
        *_timeouts(features),
    )


def _options(spelling: Spelling, decoding: Any, features: Any) -> StreamOptions:
    return StreamOptions(
        encoding=encoding_of(spelling, decoding),
        sample_rate_hz=decoding.sample_rate_hertz,
        channels=channels_of(decoding),
        interim_results=features.interim_results,
        endpoint_silence_s=ENDPOINT_S,
    )


def _timeouts(features: Any) -> tuple[float | None, float | None]:
    """They count only where voice events are asked for, as the provider has it."""
    timeout = features.voice_activity_timeout
    if not (features.enable_voice_activity_events and features.HasField("voice_activity_timeout")):
        return None, None
    start, end = timeout.speech_start_timeout, timeout.speech_end_timeout
    return _seconds(start), _seconds(end)


def _seconds(duration: Any) -> float | None:
    return (duration.seconds + duration.nanos / 1e9) or None
