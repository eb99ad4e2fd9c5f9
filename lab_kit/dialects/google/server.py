"""The server's side: requests to audio, events to responses, for a stream and for a recording.

A stream's response carries what is ours in a field that the provider's messages do not have: every
parser of protobuf skips a field that it does not know, so its SDK never sees it. A recording's one
response has the same results, but final ones only, one a segment.
"""

import io
import json
from collections.abc import Sequence
from typing import Any

import soundfile

from lab_kit.audio.codecs import check_encoding
from lab_kit.audio.files import read_recording
from lab_kit.audio.pcm import FloatArray, frame_bytes, to_float
from lab_kit.audio.resample import to_model_rate
from lab_kit.core.errors import InvalidMessage, InvalidParameter, LabError, PayloadTooLarge
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
)
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.google.errors import malordered, stream_status
from lab_kit.dialects.google.options import Recording, StreamConfig, WordFields
from lab_kit.dialects.google.versions import ApiVersion, duration, set_billed
from lab_kit.protocol.live import Audio, Control, Ending, Input, Reply
from lab_kit.protocol.record import described
from lab_kit.protocol.recordings import Segment, Word

LAB_FIELD = 1000
STABLE, UNSTABLE = 0.9, 0.1
"""Two passes agreed on it, or not: we have no finer scale. Zero would read as "not set"."""
MOST_FIELDS_OF_AUDIO = 64
"""Such a message has two; thousands of unknown ones take the event loop 14 ms."""
END_OF_SINGLE_UTTERANCE, BEGIN, END, TIMEOUT = 1, 2, 3, 4


def audio_of(api: ApiVersion, data: bytes) -> bytes:
    """The audio of a later message.

    Raises:
        InvalidMessage: it is none, or holds more than a message may.
    """
    message = decoded_message(api.request, data, MOST_FIELDS_OF_AUDIO)
    if message.HasField("streaming_config"):
        raise malordered("audio after the streaming_config")
    audio = bytes(getattr(message, api.audio))
    if len(audio) > api.most_bytes:
        raise InvalidMessage(
            api.too_large.format(most=api.most_bytes, got=len(audio)),
            f"at most {api.most_bytes:,} bytes of audio a message",
            "cut the audio into shorter chunks, such as 100 ms each",
        )
    return audio


class GoogleStream:
    """One call's state.

    Args:
        version: the model's, for our own client.
        bytes_per_s: of the audio, to know how long nobody has spoken.
    """

    def __init__(
        self, api: ApiVersion, config: StreamConfig, version: str, bytes_per_s: float
    ) -> None:
        self._api = api
        self._config = config
        self._version = version
        self._bytes_per_s = bytes_per_s
        self._heard_s = 0.0
        self._quiet_since_s: float | None = 0.0
        self._has_spoken = False
        self._is_over = False
        self._pieces: list[str] = []
        self._words: list[TimedWord] = []
        self._is_first = True

    @property
    def options(self) -> StreamOptions:
        """What the first message chose."""
        return self._config.options

    def greet(self) -> Sequence[bytes]:
        """Nothing: the client speaks first."""
        return []

    def parse(self, message: bytes | None) -> Sequence[Input]:
        """Audio, or None where the client has half-closed."""
        if message is None:
            return [Control.CLOSE]
        audio = audio_of(self._api, message)
        if self._is_over or not audio:
            return [Control.KEEP_ALIVE]
        self._heard_s += len(audio) / self._bytes_per_s
        if self._is_silent_too_long():
            return [Audio(audio), Reply(self._speech_event(TIMEOUT, self._heard_s)), Control.CLOSE]
        return [Audio(audio)]

    def render(self, event: Event, sent_ns: int) -> Sequence[bytes]:
        """The responses that tell an event; the last one carries what is ours."""
        responses = self._responses(event)
        if not responses:
            return []
        note = json.dumps(described(event, sent_ns, self._version)).encode()
        return [*responses[:-1], responses[-1] + _unknown_field(LAB_FIELD, note)]

    def end(self, error: LabError | None) -> tuple[Sequence[bytes], Ending]:
        """No last words: the status says it all."""
        return [], Ending("OK", "") if error is None else stream_status(self._api, error)

    def _responses(self, event: Event) -> list[bytes]:
        match event:
            case SpeechStarted():
                self._quiet_since_s, self._has_spoken = None, True
                return self._voice(BEGIN, event.at_s)
            case Interim():
                return [] if self._is_over else [self._interim(event)]
            case Final():
                return self._final(event)
            case StreamEnded():
                return [self._billed(event.audio_s)]
            case _:
                return []

    def _voice(self, kind: int, at_s: float) -> list[bytes]:
        return [self._speech_event(kind, at_s)] if self._config.voice_events else []

    def _interim(self, event: Interim) -> bytes:
        """What is stable and what may change, as two results; together they are the text."""
        text = self._spaced(" ".join([*self._pieces, event.text]))
        border = len(text) - len(event.text) + event.stable_chars
        border = border if text[:border].strip() else 0
        pieces = [(text[:border], STABLE), (text[border:], UNSTABLE)]
        results = [self._result(piece, event.end_s, stable=s) for piece, s in pieces if piece]
        return bytes(self._api.response(results=results).SerializeToString())

    def _final(self, event: Final) -> list[bytes]:
        """One result; in single_utterance what was cut for its length waits for the rest."""
        if event.endpoint:
            self._quiet_since_s = event.end_s
        if self._is_over:
            return []
        self._words += event.words
        if self._config.single_utterance and not event.endpoint:
            self._pieces.append(event.text)
            return []
        marks = self._voice(END, event.end_s) if event.endpoint else []
        text = " ".join([*self._pieces, event.text])
        self._pieces = []
        if self._config.single_utterance:
            self._is_over = True
            marks.append(self._speech_event(END_OF_SINGLE_UTTERANCE, event.end_s))
        return [*marks, self._told(text, event)] if text else marks

    def _told(self, text: str, event: Final) -> bytes:
        result = self._result(self._spaced(text), event.end_s, confidence=event.confidence)
        result["alternatives"][0] |= self._words_told()
        self._is_first = False
        return bytes(self._api.response(results=[result]).SerializeToString())

    def _billed(self, audio_s: float) -> bytes:
        """The last response; in single_utterance it also says what was never ended by silence."""
        left = " ".join(self._pieces)
        results = [self._result(self._spaced(left), audio_s, confidence=0.0)] if left else []
        for result in results:
            result["alternatives"][0] |= self._words_told()
        response = self._api.response(results=results)
        set_billed(response, audio_s)
        return bytes(response.SerializeToString())

    def _result(
        self, text: str, end_s: float, stable: float | None = None, confidence: float | None = None
    ) -> dict[str, Any]:
        alternative: dict[str, Any] = {"transcript": text}
        if confidence is not None:
            alternative["confidence"] = confidence
        result = {
            "alternatives": [alternative],
            "is_final": stable is None,
            "language_code": self._config.language,
            self._api.end_time: duration(end_s),
        }
        return result if stable is None else result | {"stability": stable}

    def _words_told(self) -> dict[str, Any]:
        words, self._words = self._words, []
        return words_told(self._api, self._config.words, words)

    def _speech_event(self, kind: int, at_s: float) -> bytes:
        values = {"speech_event_type": kind, self._api.event_time: duration(at_s)}
        return bytes(self._api.response(**values).SerializeToString())

    def _spaced(self, text: str) -> str:
        """Texts are joined as they are, so all but the first begin with a space."""
        return text if self._is_first else f" {text}"

    def _is_silent_too_long(self) -> bool:
        config = self._config
        allowed_s = config.end_timeout_s if self._has_spoken else config.start_timeout_s
        if allowed_s is None or self._quiet_since_s is None:
            return False
        return self._heard_s - self._quiet_since_s > allowed_s


def samples_of(recording: Recording, longest_s: float) -> FloatArray:
    """Decode a recording to (samples,) float32 in [-1, 1] at 16 kHz.

    Raises:
        InvalidAudioFormat, InvalidParameter, UnsupportedSampleRate: it is not what it claims to be.
        PayloadTooLarge: it is longer than ``longest_s``.
    """
    if recording.encoding is None:
        audio = read_recording(recording.content, longest_s)
        check_header(recording)
        return audio
    check_encoding(recording.encoding, recording.rate_hz, recording.channels)
    per_s = frame_bytes(recording.encoding, recording.channels) * recording.rate_hz
    length_s = len(recording.content) / per_s
    if length_s > longest_s:
        raise PayloadTooLarge(
            f"the recording lasts {length_s:,.1f} s",
            f"at most {longest_s:,.0f} s in one request",
            "cut it, or send it as a stream",
        )
    audio = to_float(recording.content, recording.encoding, recording.channels)
    return to_model_rate(audio, recording.rate_hz)


def recording_response(
    api: ApiVersion, recording: Recording, finals: Sequence[Final], audio_s: float
) -> bytes:
    """The response: a result for each segment; as in a stream, texts after the first are spaced."""
    results = results_told(api, recording.language, recording.words, finals)
    response = api.recording_response(results=results)
    set_billed(response, audio_s)
    return bytes(response.SerializeToString())


def results_told(
    api: ApiVersion, language: str, fields: WordFields, said: Sequence[Final | Segment]
) -> list[dict[str, Any]]:
    """The results of a recording, but for what has no text."""
    return [
        {
            "alternatives": [
                {
                    "transcript": one.text if number == 0 else f" {one.text}",
                    "confidence": one.confidence,
                    **words_told(api, fields, one.words),
                }
            ],
            "language_code": language,
            api.end_time: duration(one.end_s),
        }
        for number, one in enumerate(one for one in said if one.text)
    ]


def words_told(
    api: ApiVersion, fields: WordFields, words: Sequence[TimedWord | Word]
) -> dict[str, list[dict[str, Any]]]:
    """The words of an alternative, if it is to have any."""
    if not (fields.times or fields.confidence):
        return {}
    told = []
    for word in words:
        about: dict[str, Any] = {"word": word.text}
        if fields.times:
            about[api.word_start], about[api.word_end] = map(duration, (word.start_s, word.end_s))
        if fields.confidence:
            about["confidence"] = word.confidence
        told.append(about)
    return {"words": told}


def check_header(recording: Recording) -> None:
    """The provider refuses a rate that a file's header contradicts; Opus decodes to any.

    Raises:
        InvalidParameter: it does.
    """
    header = soundfile.info(io.BytesIO(recording.content))
    if header.format != "OGG" and recording.rate_hz not in (0, header.samplerate):
        raise InvalidParameter(
            f"sample_rate_hertz {recording.rate_hz:,} with a file at {header.samplerate:,} Hz",
            "what the file's header says, or nothing",
            "leave sample_rate_hertz out, or state the rate of the file",
        )


def _unknown_field(number: int, content: bytes) -> bytes:
    """A length-delimited field as protobuf writes it."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low | 0x80]) + _varint(value >> 7) if value > 0x7F else bytes([low])
