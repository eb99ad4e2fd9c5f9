"""What may be asked: the configuration of a stream, and of a recording in one message.

The same configuration in both, with the provider's limits. A stream's audio is bare samples; files
that say themselves what they hold (WAV, FLAC, OGG/Opus) are taken as recordings, beside bare ones.

Source: Google Cloud (2025), Speech-to-Text RPC reference, v1 and v2, and its quotas: 10 MB and
about a minute a recording; field numbers as in google-cloud-speech 2.41.
"""

from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.events import StreamOptions
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.google.errors import malordered
from lab_kit.dialects.google.versions import V1, V2, ApiVersion
from lab_kit.protocol.imitated import check_imitated, check_language

ENDPOINT_S = 0.2
"""Silence that ends an utterance; the provider publishes none."""
LONGEST_S = 60.0
MOST_LANGUAGE_CHARS = 35
"""Of a language tag [Source: RFC 5646, section 4.4.1]."""
MOST_BYTES = 10_485_760
MOST_CHANNELS = 8
_WAV = b"RIFF"
_IMITATED = frozenset(
    {
        *(
            "encoding",
            "sample_rate_hertz",
            "audio_channel_count",
            "language_code",
            "language_codes",
        ),
        *("enable_word_time_offsets", "enable_word_confidence", "enable_automatic_punctuation"),
        *("model", "use_enhanced", "features", "auto_decoding_config", "explicit_decoding_config"),
    }
)
"""Fields that have their effect, or none that could be seen, in either version."""


@dataclass(frozen=True, slots=True)
class WordFields:
    """What is told of each word of a final; where it is nothing, words are left out."""

    times: bool
    confidence: bool


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What the first message of a stream asks for.

    Attributes:
        single_utterance: hear one utterance and ignore the rest.
        voice_events: tell when speech begins and ends.
        start_timeout_s, end_timeout_s: silence before and after speech that ends the stream.
    """

    options: StreamOptions
    language: str
    words: WordFields
    single_utterance: bool
    voice_events: bool
    start_timeout_s: float | None
    end_timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    """What a call asks for.

    Attributes:
        content: the audio as it was sent.
        encoding: of bare samples; None for a file that says it itself.
        rate_hz: of bare samples; what a file's header has to agree with, 0 for whatever it says.
    """

    content: bytes
    encoding: str | None
    rate_hz: int
    channels: int
    language: str
    words: WordFields


def parse_config(api: ApiVersion, data: bytes) -> StreamConfig:
    """What a stream's first message asks for.

    Raises:
        InvalidMessage: it is not a configuration.
        InvalidParameter: what it asks for is not spoken here.
    """
    message = decoded_message(api.request, data)
    if not message.HasField("streaming_config"):
        raise malordered("the streaming_config first")
    config = message.streaming_config
    return _stream_config_v1(config) if api is V1 else _stream_config_v2(config)


def parse_recording(api: ApiVersion, data: bytes) -> Recording:
    """What a call asks for.

    Raises:
        InvalidMessage: no such message, or more audio in it than a call may hold.
        InvalidParameter: what it asks for is not spoken here.
    """
    return recording_in(api, decoded_message(api.recording_request, data))


def recording_in(api: ApiVersion, message: Any) -> Recording:
    """What a message asks for, whichever method's it is; see `parse_recording`."""
    source = message.audio if api is V1 else message
    if source.HasField("uri"):
        raise InvalidParameter(
            f"audio.uri '{source.uri[:200]}'",
            "the recording itself in audio.content: this server fetches nothing",
            "send its bytes in audio.content",
        )
    content = bytes(source.content)
    if not content:
        raise InvalidParameter("no audio.content", "a recording", "send its bytes in audio.content")
    if len(content) > MOST_BYTES:
        raise InvalidMessage(
            f"Request payload size exceeds the limit: {MOST_BYTES} bytes.",
            f"{len(content):,} bytes of audio were received",
            "compress it as FLAC or OGG/Opus, or stream it",
        )
    return _recording_of(api, message.config, content)


def check_config(api: ApiVersion, data: bytes, *, is_stream: bool) -> None:
    """Make sure that a configuration asks for nothing that is not imitated.

    Raises:
        InvalidMessage: it is not a configuration.
        InvalidParameter: it does.
    """
    message = decoded_message(api.request if is_stream else api.recording_request, data)
    config = message.streaming_config.config if is_stream else message.config
    _check_message(config, _IMITATED)
    if api is V2:
        _check_message(config.features, _IMITATED)
    codes = [config.language_code] if api is V1 else config.language_codes
    for code in codes:
        check_language("language_code", code)


def _check_message(message: Any, imitated: frozenset[str]) -> None:
    check_imitated({field.name: value for field, value in message.ListFields()}, imitated)


def language_of(api: ApiVersion, config: Any) -> str:
    """The language that a configuration names, as results repeat it.

    Raises:
        InvalidParameter: it names none.
    """
    field = "language_code" if api is V1 else "language_codes"
    named = [config.language_code] if api is V1 else list(config.language_codes)
    if not any(named):
        raise InvalidParameter(f"no {field}", "one such as en-US", f"add {field} to the config")
    if len(named[0]) > MOST_LANGUAGE_CHARS:  # each result repeats it
        raise InvalidParameter(
            f"a {field} of {len(named[0]):,} characters",
            f"at most {MOST_LANGUAGE_CHARS}, as in en-US",
            "send a language tag",
        )
    return str(named[0]).lower()


def encoding_of(api: ApiVersion, decoding: Any) -> str:
    """Our name of the encoding of bare samples.

    Raises:
        InvalidParameter: it is not spoken here.
    """
    if decoding.encoding not in api.encodings:
        known = ", ".join(name.upper() for name in api.encodings.values())
        raise InvalidParameter(
            f"encoding number {decoding.encoding}",
            f"bare audio here is one of {known}",
            "convert the audio to LINEAR16, or name the encoding that it has",
        )
    return api.encodings[decoding.encoding]


def channels_of(decoding: Any) -> int:
    """How many channels; 0 is the provider's way to leave it open.

    Raises:
        InvalidParameter: no such number.
    """
    channels = int(decoding.audio_channel_count)
    if not 0 <= channels <= MOST_CHANNELS:
        raise InvalidParameter(
            f"audio_channel_count {channels}",
            f"1 to {MOST_CHANNELS}",
            "send 1, or leave it out for mono",
        )
    return channels or 1


def _stream_config_v1(streaming: Any) -> StreamConfig:
    config = streaming.config
    language = language_of(V1, config)
    return StreamConfig(
        _options(V1, config, streaming),
        language,
        _word_fields(V1, config),
        streaming.single_utterance,
        streaming.enable_voice_activity_events,
        *_timeouts(streaming),
    )


def _stream_config_v2(streaming: Any) -> StreamConfig:
    config, features = streaming.config, streaming.streaming_features
    if not config.HasField("explicit_decoding_config"):
        raise InvalidParameter(
            "no explicit_decoding_config, which announces a file with a header",
            "live audio here is raw",
            "give encoding, sample_rate_hertz and audio_channel_count",
        )
    language = language_of(V2, config)
    return StreamConfig(
        _options(V2, config.explicit_decoding_config, features),
        language,
        _word_fields(V2, config),
        False,
        features.enable_voice_activity_events,
        *_timeouts(features),
    )


def _options(api: ApiVersion, decoding: Any, features: Any) -> StreamOptions:
    return StreamOptions(
        encoding=encoding_of(api, decoding),
        sample_rate_hz=decoding.sample_rate_hertz,
        channels=channels_of(decoding),
        interim_results=features.interim_results,
        endpoint_silence_s=ENDPOINT_S,
    )


def _word_fields(api: ApiVersion, config: Any) -> WordFields:
    asked = config if api is V1 else config.features
    return WordFields(bool(asked.enable_word_time_offsets), bool(asked.enable_word_confidence))


def _timeouts(features: Any) -> tuple[float | None, float | None]:
    """They count only where voice events are asked for, as the provider has it."""
    timeout = features.voice_activity_timeout
    if not (features.enable_voice_activity_events and features.HasField("voice_activity_timeout")):
        return None, None
    start, end = timeout.speech_start_timeout, timeout.speech_end_timeout
    return _seconds(start), _seconds(end)


def _seconds(duration: Any) -> float | None:
    return (duration.seconds + duration.nanos / 1e9) or None


def _recording_of(api: ApiVersion, config: Any, content: bytes) -> Recording:
    language, words = language_of(api, config), _word_fields(api, config)
    if api is V1:
        decoding = config
    elif config.HasField("explicit_decoding_config"):
        decoding = config.explicit_decoding_config
    else:
        return Recording(content, None, 0, 1, language, words)
    rate_hz, channels = decoding.sample_rate_hertz, channels_of(decoding)
    if decoding.encoding in api.files or content.startswith(_WAV):
        return Recording(content, None, rate_hz, channels, language, words)
    return Recording(content, encoding_of(api, decoding), rate_hz, channels, language, words)
