"""One Recognize call: a short recording in one message, all of its text in the other.

The same configuration as a stream's, and the same results, but final ones only, one a segment.
Files that say themselves what they hold (WAV, FLAC, OGG/Opus) are taken beside bare samples.

Source: Google Cloud (2025), Speech-to-Text RPC reference, "Recognize", v1 and v2, and its quotas:
10 MB and about a minute; field numbers as in google-cloud-speech 2.41.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import soundfile

from lab_kit.audio.codecs import check_encoding
from lab_kit.audio.files import read_recording
from lab_kit.audio.pcm import FloatArray, frame_bytes, to_float
from lab_kit.audio.resample import to_model_rate
from lab_kit.core.errors import InvalidMessage, InvalidParameter, LabError, PayloadTooLarge
from lab_kit.core.events import Final
from lab_kit.dialects.google.spelling import (
    V1,
    Spelling,
    channels_of,
    decoded,
    duration,
    encoding_of,
    needed_language,
    set_billed,
)
from lab_kit.dialects.google.stream import ending
from lab_kit.protocol.live import Ending

LONGEST_S = 60.0
MOST_BYTES = 10_485_760
_WAV = b"RIFF"


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


def parse_recording(spelling: Spelling, data: bytes) -> Recording:
    """What a call asks for.

    Raises:
        InvalidMessage: no such message, or more audio in it than a call may hold.
        InvalidParameter: what it asks for is not spoken here.
    """
    message = decoded(spelling.recording_request, data)
    source = message.audio if spelling is V1 else message
    if source.HasField("uri"):
        raise InvalidParameter(
            f"audio.uri '{source.uri[:200]}'",
            "the recording itself in audio.content: this server fetches nothing",
            "send up to a minute inline",
        )
    content = bytes(source.content)
    if not content:
        raise InvalidParameter("no audio.content", "a recording of up to a minute", "add it")
    if len(content) > MOST_BYTES:
        raise InvalidMessage(
            f"Request payload size exceeds the limit: {MOST_BYTES} bytes.",
            f"{len(content):,} bytes of audio were received",
            "compress it as FLAC or OGG/Opus, or stream it",
        )
    return _recording(spelling, message.config, content)


def samples_of(recording: Recording, longest_s: float) -> FloatArray:
    """Decode a recording to (samples,) float32 in [-1, 1] at 16 kHz.

    Raises:
        InvalidAudioFormat, InvalidParameter, UnsupportedSampleRate: it is not what it claims to be.
        PayloadTooLarge: it is longer than ``longest_s``.
    """
    if recording.encoding is None:
        audio = read_recording(recording.content, longest_s)
        _check_header(recording)
        return audio
    check_encoding(recording.encoding, recording.rate_hz, recording.channels)
    per_s = frame_bytes(recording.encoding, recording.channels) * recording.rate_hz
    length_s = len(recording.content) / per_s
    if length_s > longest_s:
        raise PayloadTooLarge(
            f"the recording lasts {length_s:,.1f} s",
            f"one request takes at most {longest_s:,.0f} s",
            "cut it, or send it as a stream",
        )
    audio = to_float(recording.content, recording.encoding, recording.channels)
    return to_model_rate(audio, recording.rate_hz)


def answer(
    spelling: Spelling, recording: Recording, finals: Sequence[Final], audio_s: float
) -> bytes:
    """The response: a result for each segment; as in a stream, texts after the first are spaced."""
    said = [final for final in finals if final.text]
    results: list[dict[str, Any]] = [
        {
            "alternatives": [
                {
                    "transcript": final.text if number == 0 else f" {final.text}",
                    "confidence": final.confidence,
                }
            ],
            "language_code": recording.language,
            spelling.end_time: duration(final.end_s),
        }
        for number, final in enumerate(said)
    ]
    response = spelling.recording_response(results=results)
    set_billed(response, audio_s)
    return bytes(response.SerializeToString())


def refusal(spelling: Spelling, error: LabError) -> Ending:
    """The status of a call that is refused: a stream's, but for what is too long."""
    if isinstance(error, PayloadTooLarge):
        text = f"Sync input too long. {error.received} ({error.expected}; {error.next_step})"
        return Ending("INVALID_ARGUMENT", text)
    return ending(spelling, error)


def _recording(spelling: Spelling, config: Any, content: bytes) -> Recording:
    language = needed_language(spelling, config)
    if spelling is V1:
        decoding = config
    elif config.HasField("explicit_decoding_config"):
        decoding = config.explicit_decoding_config
    else:
        return Recording(content, None, 0, 1, language)
    rate_hz, channels = decoding.sample_rate_hertz, channels_of(decoding)
    if decoding.encoding in spelling.files or content.startswith(_WAV):
        return Recording(content, None, rate_hz, channels, language)
    return Recording(content, encoding_of(spelling, decoding), rate_hz, channels, language)


def _check_header(recording: Recording) -> None:
    """The provider refuses a rate that a header contradicts; Opus decodes to any."""
    header = soundfile.info(io.BytesIO(recording.content))
    if header.format != "OGG" and recording.rate_hz not in (0, header.samplerate):
        raise InvalidParameter(
            f"sample_rate_hertz {recording.rate_hz:,} with a file at {header.samplerate:,} Hz",
            "what the file's header says, or nothing",
            "leave it out",
        )
