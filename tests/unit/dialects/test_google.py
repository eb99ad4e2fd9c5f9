"""Google's StreamingRecognize without a socket: what each message means and each event becomes."""

from typing import Any

import pytest
from google.cloud.speech_v1.types import cloud_speech as v1
from google.cloud.speech_v2.types import cloud_speech as v2

from lab_kit.core.errors import (
    GoingAway,
    InvalidMessage,
    InvalidParameter,
    KeyEnded,
    LabError,
    ModelNotLoaded,
    PayloadTooLarge,
    PolicyDenied,
    ScopeMissing,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
    Timing,
)
from lab_kit.dialects.google import client
from lab_kit.dialects.google.errors import stream_status, too_long
from lab_kit.dialects.google.options import StreamConfig, WordFields, parse_config
from lab_kit.dialects.google.server import MOST_FIELDS_OF_AUDIO, GoogleStream, audio_of
from lab_kit.dialects.google.versions import V1, V2, ApiVersion
from lab_kit.protocol.live import Audio, Control, Reply

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
SECOND = bytes(32_000)


def interim(text: str, stable: int, end_s: float = 1.0) -> Interim:
    return Interim(1, 0.4, end_s, text, stable, 0.8, TIMING)


def final(text: str, end_s: float = 2.0, endpoint: bool = True) -> Final:
    words = tuple(TimedWord(word, end_s - 0.5, end_s, 0.75) for word in text.split())
    return Final(2, 0.4, end_s, text, 0.9, endpoint, False, TIMING, words)


def config(words: WordFields) -> StreamConfig:
    return StreamConfig(StreamOptions(), "en-us", words, False, False, None, None)


def stream(**changes: Any) -> GoogleStream:
    asked = {
        "options": StreamOptions(),
        "language": "en-us",
        "words": WordFields(times=False, confidence=False),
        "single_utterance": False,
        "voice_events": False,
        "start_timeout_s": None,
        "end_timeout_s": None,
    }
    return GoogleStream(V1, StreamConfig(**asked | changes), "1", 32_000)


def told(spoken: GoogleStream, event: Event, api: ApiVersion = V1) -> list[Any]:
    return [api.response.FromString(bytes(m)) for m in spoken.render(event, 7)]


def audio(data: bytes) -> bytes:
    return client.audio_message(data)


def test_what_our_client_asks_for_is_what_the_server_hears() -> None:
    options = StreamOptions(sample_rate_hz=8_000, channels=2, interim_results=False)
    asked = parse_config(V1, client.first_message(options))
    assert asked.options == options
    assert asked.voice_events
    assert asked.language == "en-us"


@pytest.mark.parametrize(
    "event",
    [
        SpeechStarted(0.4),
        interim("it was the", 6),
        final("It was."),
        StreamEnded(4.0, "ab", 1),
    ],
)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    spoken = stream(voice_events=True)
    (message,) = spoken.render(event, 7)[-1:]
    assert client.parse_response(message) == (event, 7, "1")


def test_stable_and_unstable_text_are_two_results_that_join() -> None:
    (response,) = told(stream(), interim("it was the", 6))
    assert [r.alternatives[0].transcript for r in response.results] == ["it was", " the"]
    first, second = (r.stability for r in response.results)
    assert first > second > 0
    assert response.results[0].result_end_time.seconds == 1


def test_finals_after_the_first_begin_with_a_space() -> None:
    spoken = stream()
    texts = [told(spoken, final(text))[0].results[0].alternatives[0] for text in ("It was.", "So.")]
    assert [one.transcript for one in texts] == ["It was.", " So."]
    assert all(one.confidence > 0 for one in texts)
    assert told(spoken, interim("and", 0))[0].results[0].alternatives[0].transcript == " and"


def test_one_utterance_joins_what_was_cut_and_then_hears_nothing() -> None:
    spoken = stream(single_utterance=True)
    assert told(spoken, final("It was the", endpoint=False)) == []
    mark, result = told(spoken, final("best."))
    assert mark.speech_event_type == 1
    assert result.results[0].alternatives[0].transcript == "It was the best."
    assert spoken.parse(audio(SECOND)) == [Control.KEEP_ALIVE]
    assert told(spoken, final("More.")) == []


def test_one_utterance_that_never_ended_is_told_at_the_end() -> None:
    spoken = stream(single_utterance=True)
    told(spoken, final("It was", endpoint=False))
    (last,) = told(spoken, StreamEnded(4.0, "", 1))
    assert last.results[0].alternatives[0].transcript == "It was"
    assert last.total_billed_time.seconds == 4


def test_silence_before_speech_ends_the_stream_and_speech_stops_that_clock() -> None:
    spoken = stream(voice_events=True, start_timeout_s=1.5)
    assert spoken.parse(audio(SECOND)) == [Audio(SECOND)]
    heard = spoken.parse(audio(SECOND))
    assert heard[0] == Audio(SECOND)
    assert isinstance(heard[1], Reply)
    assert V1.response.FromString(heard[1].message).speech_event_type == 4
    assert heard[2] is Control.CLOSE
    speaking = stream(voice_events=True, start_timeout_s=1.5)
    speaking.render(SpeechStarted(0.4), 7)
    for _ in range(5):
        assert speaking.parse(audio(SECOND)) == [Audio(SECOND)]


def test_silence_after_speech_counts_from_where_it_ended() -> None:
    spoken = stream(voice_events=True, end_timeout_s=1.0)
    spoken.parse(audio(SECOND * 2))
    spoken.render(SpeechStarted(0.4), 7)
    spoken.render(final("It was.", end_s=2.0), 7)
    assert spoken.parse(audio(SECOND)) == [Audio(SECOND)]
    assert spoken.parse(audio(SECOND))[-1] is Control.CLOSE


def test_a_message_without_sound_only_keeps_the_call_open() -> None:
    assert stream().parse(audio(b"")) == [Control.KEEP_ALIVE]
    assert stream().parse(None) == [Control.CLOSE]


def test_each_version_has_its_own_limit_and_its_own_words_for_it() -> None:
    chunk = v2.StreamingRecognizeRequest.pb()(audio=bytes(25_601)).SerializeToString()
    with pytest.raises(InvalidMessage) as refused:
        audio_of(V2, chunk)
    said = "Audio chunk can be of a maximum of 25600 bytes. Received audio of 25601 bytes instead."
    assert refused.value.received == said
    assert len(audio_of(V1, audio(bytes(25_601)))) == 25_601
    with pytest.raises(InvalidMessage, match="10485760"):
        audio_of(V1, audio(bytes(10_485_761)))


@pytest.mark.parametrize("data", [b"\xff\xff", audio(SECOND), b""])
def test_a_first_message_that_is_no_config_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        parse_config(V1, data)


def test_a_language_is_a_tag_and_audio_has_few_fields() -> None:
    request = v1.StreamingRecognizeRequest.pb()
    spoken = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "e" * 36}
    with pytest.raises(InvalidParameter, match="36 characters"):
        parse_config(V1, request(streaming_config={"config": spoken}).SerializeToString())
    unknown = bytes([0x78, 1]) * MOST_FIELDS_OF_AUDIO  # field 15, which there is not
    with pytest.raises(InvalidMessage, match="more than 64 fields"):
        audio_of(V1, audio(SECOND) + unknown)


def test_version_2_needs_raw_sound_and_a_language() -> None:
    request = v2.StreamingRecognizeRequest.pb()
    for config in ({}, {"explicit_decoding_config": {"encoding": 1, "sample_rate_hertz": 16_000}}):
        data = request(streaming_config={"config": config}).SerializeToString()
        with pytest.raises(InvalidParameter):
            parse_config(V2, data)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unauthenticated("a", "b", "c"), "UNAUTHENTICATED"),
        (KeyEnded("a", "b", "c"), "UNAUTHENTICATED"),
        (ScopeMissing("a", "b", "c"), "PERMISSION_DENIED"),
        (PolicyDenied("a", "b", "c"), "PERMISSION_DENIED"),
        (SystemOverloaded("a", "b", "c"), "RESOURCE_EXHAUSTED"),
        (ModelNotLoaded("a", "b", "c"), "FAILED_PRECONDITION"),
        (InvalidParameter("a", "b", "c"), "INVALID_ARGUMENT"),
        (StreamIdle("a", "b", "c"), "OUT_OF_RANGE"),
        (PayloadTooLarge("a", "b", "c"), "OUT_OF_RANGE"),
        (SlowConsumer("a", "b", "c"), "ABORTED"),
        (GoingAway("a", "b", "c"), "ABORTED"),
        (LabError("a", "b", "c"), "INTERNAL"),
    ],
)
def test_no_refusal_makes_the_providers_client_come_back_for_an_hour(
    error: LabError, code: str
) -> None:
    assert stream_status(V1, error).code == code
    assert stream_status(V1, error).code != "UNAVAILABLE"
    if isinstance(error, PayloadTooLarge):
        assert stream_status(V2, error).code == "ABORTED"


def test_a_stream_that_has_lasted_too_long_is_told_so_in_each_versions_words() -> None:
    first, second = stream_status(V1, too_long(305.0)), stream_status(V2, too_long(300.0))
    assert first.code == "OUT_OF_RANGE"
    assert first.reason.startswith("Exceeded maximum allowed stream duration of 305 seconds.")
    assert second.code == "ABORTED"
    assert second.reason.startswith("Max duration of 5 minutes reached for stream.")
    limits = {(V1.longest_s, V1.too_long), (V2.longest_s, V2.too_long)}
    assert limits == {(305.0, "OUT_OF_RANGE"), (300.0, "ABORTED")}


def test_the_providers_own_parser_reads_every_response() -> None:
    spoken = stream(voice_events=True)
    events = (SpeechStarted(0.4), interim("it was", 2), final("It was."), StreamEnded(4.0, "", 1))
    for event in events:
        for message in spoken.render(event, 7):
            assert v1.StreamingRecognizeResponse.deserialize(message) is not None


@pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
def test_a_final_has_the_words_that_were_asked_for(api: ApiVersion) -> None:
    def words(*, times: bool, confidence: bool) -> list[Any]:
        spoken = GoogleStream(api, config(WordFields(times, confidence)), "1", 32_000)
        (response,) = told(spoken, final("It was."), api)
        return list(response.results[0].alternatives[0].words)

    assert words(times=False, confidence=False) == []
    first, second = words(times=True, confidence=True)
    assert (first.word, second.word) == ("It", "was.")
    assert getattr(first, api.word_start).ToTimedelta().total_seconds() == 1.5
    assert getattr(first, api.word_end).ToTimedelta().total_seconds() == 2
    assert first.confidence == 0.75
    assert not words(times=True, confidence=False)[0].confidence
    assert not words(times=False, confidence=True)[0].HasField(api.word_end)


def test_one_utterance_has_the_words_of_all_its_pieces() -> None:
    spoken = stream(single_utterance=True, words=WordFields(times=True, confidence=False))
    told(spoken, final("It was", endpoint=False))
    *_, result = told(spoken, final("the best."))
    said = result.results[0].alternatives[0]
    assert [word.word for word in said.words] == said.transcript.split()
