"""Google's Recognize without a socket: what a call asks for, and how its text is told."""

import io
from typing import Any

import numpy as np
import pytest
import soundfile
from google.cloud.speech_v1.types import cloud_speech as v1
from google.cloud.speech_v2.types import cloud_speech as v2

from lab_kit.core.errors import (
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    SystemOverloaded,
    UnsupportedSampleRate,
)
from lab_kit.core.events import Final, Timing
from lab_kit.dialects.google.errors import recording_status
from lab_kit.dialects.google.options import MOST_BYTES, Recording, WordFields, parse_recording
from lab_kit.dialects.google.server import recording_response, samples_of
from lab_kit.dialects.google.versions import V1, V2, duration

CONFIG = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}
SECOND = bytes(32_000)
TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)


def asked(content: bytes = SECOND, **changes: Any) -> Recording:
    request = v1.RecognizeRequest.pb()(config=CONFIG | changes, audio={"content": content})
    return parse_recording(V1, request.SerializeToString())


def asked2(content: bytes = SECOND, **config: Any) -> Recording:
    request = v2.RecognizeRequest.pb()(
        config={"language_codes": ["en-US"]} | config, content=content
    )
    return parse_recording(V2, request.SerializeToString())


def file(kind: str, rate_hz: int = 8_000) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, np.zeros(rate_hz), rate_hz, format=kind)
    return made.getvalue()


def final(text: str, end_s: float) -> Final:
    return Final(2, 0.4, end_s, text, 0.9, True, False, TIMING)


def test_both_versions_ask_for_the_same_in_their_own_numbers() -> None:
    explicit = {"encoding": 2, "sample_rate_hertz": 8_000, "audio_channel_count": 2}
    one = asked(encoding=3, sample_rate_hertz=8_000, audio_channel_count=2)
    assert one == asked2(explicit_decoding_config=explicit)
    assert one == Recording(SECOND, "mulaw", 8_000, 2, "en-us", WordFields(False, False))
    asked_words = {"enable_word_time_offsets": True, "enable_word_confidence": True}
    one = asked(encoding=3, sample_rate_hertz=8_000, **asked_words)
    assert one == asked2(
        explicit_decoding_config={"encoding": 2, "sample_rate_hertz": 8_000}, features=asked_words
    )
    assert one.words == WordFields(times=True, confidence=True)


@pytest.mark.parametrize(
    ("encoding", "bytes_per_s"), [(1, 2 * 8_000), (3, 8_000)], ids=["linear16", "mulaw"]
)
def test_bare_samples_come_out_at_the_models_rate(encoding: int, bytes_per_s: int) -> None:
    sent = asked(bytes(bytes_per_s), encoding=encoding, sample_rate_hertz=8_000)
    assert len(samples_of(sent, 60.0)) == pytest.approx(16_000, abs=1)


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_file_says_itself_what_it_holds(kind: str) -> None:
    unsaid = asked(file(kind), encoding=0, sample_rate_hertz=0)
    assert len(samples_of(unsaid, 60.0)) == pytest.approx(16_000, abs=1)
    assert asked2(file(kind), auto_decoding_config={}).encoding is None


def test_a_wav_named_by_what_is_in_it_is_no_bare_sound() -> None:
    assert asked(file("WAV"), encoding=1).encoding is None
    assert asked2(
        file("WAV"), explicit_decoding_config={"encoding": 1, "sample_rate_hertz": 8_000}
    ).encoding is None  # fmt: skip


def test_a_rate_that_the_header_contradicts_is_refused() -> None:
    assert len(samples_of(asked(file("WAV"), sample_rate_hertz=8_000), 60.0))
    with pytest.raises(InvalidParameter, match=r"16,000 with a file at 8,000"):
        samples_of(asked(file("WAV"), sample_rate_hertz=16_000), 60.0)


@pytest.mark.parametrize("content", [SECOND * 3, file("FLAC", 48_000)], ids=["bare", "file"])
def test_what_is_too_long_is_refused_by_name(content: bytes) -> None:
    kind = 2 if content.startswith(b"fLaC") else 1
    sent = asked(content, encoding=kind, sample_rate_hertz=16_000 if kind == 1 else 0)
    with pytest.raises(PayloadTooLarge) as refused:
        samples_of(sent, 0.5)
    told = recording_status(V1, refused.value)
    assert told.code == recording_status(V2, refused.value).code == "INVALID_ARGUMENT"
    assert told.reason.startswith("Sync input too long. the recording lasts")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"language_code": ""}, InvalidParameter),
        ({"encoding": 4}, InvalidParameter),
        ({"sample_rate_hertz": 0}, UnsupportedSampleRate),
        ({"audio_channel_count": -1}, InvalidParameter),
        ({"audio_channel_count": 9}, InvalidParameter),
        ({"content": b""}, InvalidParameter),
        ({"content": bytes(MOST_BYTES + 1)}, InvalidMessage),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], error: type[LabError]) -> None:
    with pytest.raises(error):
        samples_of(asked(**changes), 60.0)


def test_an_address_is_refused_in_both_versions() -> None:
    first = v1.RecognizeRequest.pb()(config=CONFIG, audio={"uri": "gs://bucket/file"})
    second = v2.RecognizeRequest.pb()(config={"language_codes": ["en"]}, uri="gs://bucket/file")
    for api, request in ((V1, first), (V2, second)):
        with pytest.raises(InvalidParameter, match=r"gs://bucket/file.*fetches nothing"):
            parse_recording(api, request.SerializeToString())


def test_each_segment_is_one_result_and_together_they_are_the_text() -> None:
    said = [final("It was.", 2.5), final("", 3.0), final("So.", 4.25)]
    told = V1.recording_response.FromString(recording_response(V1, asked(), said, 5.5))
    texts = [[a.transcript for a in result.alternatives] for result in told.results]
    assert texts == [["It was."], [" So."]]
    assert [r.result_end_time.ToTimedelta().total_seconds() for r in told.results] == [2.5, 4.25]
    assert all(r.language_code == "en-us" and r.alternatives[0].confidence for r in told.results)
    assert told.total_billed_time.ToTimedelta().total_seconds() == 5.5
    told2 = V2.recording_response.FromString(recording_response(V2, asked(), said, 5.5))
    assert told2.results[1].result_end_offset.ToTimedelta().total_seconds() == 4.25
    assert told2.metadata.total_billed_duration.ToTimedelta().total_seconds() == 5.5


def test_no_refusal_makes_the_providers_client_come_back_for_an_hour() -> None:
    assert recording_status(V1, SystemOverloaded("a", "b", "c")).code == "RESOURCE_EXHAUSTED"


def test_a_duration_never_has_a_whole_second_of_nanoseconds() -> None:
    assert duration(1.9999999) == {"seconds": 2, "nanos": 0}
    assert duration(1.25) == {"seconds": 1, "nanos": 250_000_000}
