"""Google's own Python SDK, unmodified: StreamingRecognize and Recognize, of v1 and of v2."""

import asyncio
import io
import itertools
import time
from collections.abc import Iterable, Iterator
from threading import Event
from typing import Any

import grpc
import httpx
import pytest
import soundfile
from google.api_core import exceptions
from google.cloud import speech_v1, speech_v2
from google.cloud.speech_v1.services.speech import SpeechClient as GeneratedClient
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcTransport
from google.cloud.speech_v2.services.speech.transports import (
    SpeechGrpcTransport as SpeechGrpcTransport2,
)
from google.protobuf.duration_pb2 import Duration
from hang import HANG_S
from server_process import KEY, ServerProcess, eventually, is_at_rest, metrics, plain, speech
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.audio.codecs import Codec
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.bench import Bench
from lab_kit.gateway.door.limits import Limits
from lab_kit.measure.accuracy import word_error_rate

CHUNK = 3_200
EVENT = speech_v1.StreamingRecognizeResponse.SpeechEventType
CONFIG = {
    "encoding": speech_v1.RecognitionConfig.AudioEncoding.LINEAR16,
    "sample_rate_hertz": 16_000,
    "language_code": "en-US",
}
SAID = "it was the best of times"


def client(bench: Bench) -> speech_v1.SpeechClient:
    channel = grpc.insecure_channel(bench.grpc_address)
    return speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))


def chunks(data: bytes, size: int = CHUNK) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


SPOKEN_BYTES = 48_000
"""A second and a half: so much is said before the first result is waited for."""


def paced(data: bytes, size: int = CHUNK, is_heard: Event | None = None) -> Iterator[bytes]:
    """Five times as fast as it was spoken.

    Args:
        is_heard: go on after `SPOKEN_BYTES` only when it is set, so that an interim was due.
    """
    for index, chunk in enumerate(chunks(data, size)):
        time.sleep(size / 32_000 / 5)
        if is_heard is not None and index * size >= SPOKEN_BYTES:
            assert is_heard.wait(HANG_S)
        yield chunk


def noted(responses: Iterable[Any], is_heard: Event) -> list[Any]:
    """All of them; the first that has a result is told."""
    heard = []
    for response in responses:
        heard.append(response)
        if response.results:
            is_heard.set()
    return heard


def hear(
    bench: Bench,
    data: bytes,
    config: Any = CONFIG,
    is_heard: Event | None = None,
    **streaming: Any,
) -> list[Any]:
    """Everything that the hand-written v1 helper yields."""
    asked = speech_v1.StreamingRecognitionConfig(config=config, **streaming)
    audio = paced(data, is_heard=is_heard)
    requests = (speech_v1.StreamingRecognizeRequest(audio_content=c) for c in audio)
    responses = client(bench).streaming_recognize(asked, requests, retry=None)
    return noted(responses, is_heard or Event())


def finals(responses: list[Any]) -> list[str]:
    return [r.alternatives[0].transcript for m in responses for r in m.results if r.is_final]


CLIP = speech("two-cities-best")
TAIL = bytes(32_000)


def test_a_stream_says_what_was_said_and_each_result_where_it_ends(bench: Bench) -> None:
    heard = hear(bench, speech() + TAIL, interim_results=True, is_heard=Event())
    texts = finals(heard)
    assert plain("".join(texts)).startswith(SAID)
    assert [text.startswith(" ") for text in texts] == [False] + [True] * (len(texts) - 1)
    # an interim may reach into the silence that its final leaves out, so the two are not compared
    for is_final in (True, False):
        ends = [
            result.result_end_time.total_seconds()
            for message in heard
            for result in message.results
            if result.is_final is is_final
        ]
        assert ends == sorted(ends)
    assert ends[-1] > 0
    interims = [r for m in heard for r in m.results if not r.is_final]
    assert interims
    assert all(0 < r.stability < 1 for r in interims)
    assert all(r.language_code == "en-us" for m in heard for r in m.results)
    assert heard[-1].total_billed_time.total_seconds() == pytest.approx(
        len(speech() + TAIL) / 32_000, abs=0.01
    )


def test_words_come_where_they_are_asked_for(bench: Bench) -> None:
    fields = {"enable_word_time_offsets": True, "enable_word_confidence": True}
    heard = hear(bench, speech("two-cities-opening") + TAIL, CONFIG | fields)
    results = [r.alternatives[0] for m in heard for r in m.results]
    for result in results:
        assert " ".join(word.word for word in result.words) == result.transcript.strip()
    words = [word for result in results for word in result.words]
    assert all(0 < word.confidence <= 1 for word in words)
    said = [(w.word, w.start_time.total_seconds(), w.end_time.total_seconds()) for w in words]
    assert_said_where_they_are(said, OPENING, len(OPENING.words) * 8 // 10)


def test_interims_come_only_where_they_are_asked_for(bench: Bench) -> None:
    heard = hear(bench, CLIP + TAIL)
    assert all(r.is_final for m in heard for r in m.results)
    assert not any(m.speech_event_type for m in heard)


def test_voice_events_tell_when_speech_begins_and_ends(bench: Bench) -> None:
    heard = hear(bench, CLIP + TAIL, enable_voice_activity_events=True)
    kinds = [m.speech_event_type for m in heard if m.speech_event_type]
    assert kinds[0] == EVENT.SPEECH_ACTIVITY_BEGIN
    assert kinds[-1] == EVENT.SPEECH_ACTIVITY_END
    assert all(m.speech_event_time.total_seconds() > 0 for m in heard if m.speech_event_type)


def test_one_utterance_is_ended_by_its_silence_and_the_rest_ignored(bench: Bench) -> None:
    heard = hear(bench, CLIP + TAIL + CLIP + TAIL, single_utterance=True)
    assert len(finals(heard)) == 1
    marks = [m.speech_event_type for m in heard if m.speech_event_type]
    assert marks == [EVENT.END_OF_SINGLE_UTTERANCE]
    assert plain(finals(heard)[0]).count("best of times") == 1


def test_a_telephone_is_understood(bench: Bench) -> None:
    codec = Codec("mulaw", 8_000)
    spoken = datasets.clip("two-cities-best").samples
    called = PacedRecording("telephone", spoken, tail_s=0.5, chunk_s=0.1, codec=codec).chunks()
    config = speech_v1.RecognitionConfig(
        encoding=speech_v1.RecognitionConfig.AudioEncoding.MULAW,
        sample_rate_hertz=8_000,
        language_code="en-US",
    )
    (said,) = finals(hear(bench, b"".join(chunk.data for chunk in called), config))
    assert SAID in plain(said)


@pytest.mark.parametrize(
    ("data", "named"), [(bytes(96_000), "speech_start_timeout"), (CLIP, "speech_end_timeout")]
)
def test_silence_past_the_timeout_ends_the_stream(bench: Bench, data: bytes, named: str) -> None:
    timeout = speech_v1.StreamingRecognitionConfig.VoiceActivityTimeout(
        **{named: Duration(seconds=1)}
    )
    heard = hear(
        bench, data + TAIL * 3, enable_voice_activity_events=True, voice_activity_timeout=timeout
    )
    assert EVENT.SPEECH_ACTIVITY_TIMEOUT in [m.speech_event_type for m in heard]
    assert heard[-1].total_billed_time.total_seconds() < len(data + TAIL * 3) / 32_000


def test_silence_is_a_stream_without_results_that_ends_well(bench: Bench) -> None:
    assert not any(m.results for m in hear(bench, TAIL))


# -- refusals ------------------------------------------------------------------------------------


def called(bench: Bench, requests: list[Any], **options: Any) -> Iterator[Any]:
    """The generated v1 client, which sends what it is given."""
    channel = grpc.insecure_channel(bench.grpc_address)
    caller = GeneratedClient(transport=SpeechGrpcTransport(channel=channel))
    yield from caller.streaming_recognize(iter(requests), retry=None, **options)


def generated(bench: Bench, requests: list[Any], **options: Any) -> list[Any]:
    """All that it yields."""
    return list(called(bench, requests, **options))


Request = speech_v1.StreamingRecognizeRequest
CONFIGURED = Request(streaming_config={"config": CONFIG})


@pytest.mark.parametrize(
    "requests",
    [[Request(audio_content=TAIL)], [CONFIGURED, CONFIGURED], []],
    ids=["audio first", "config twice", "nothing"],
)
async def test_messages_out_of_order_are_refused_in_the_providers_words(
    bench: Bench, requests: list[Any]
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=r"Malordered Data Received\."):
        generated(bench, requests)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"language_code": ""}, "language_code"),
        ({"encoding": 4}, "encoding number 4"),
        ({"sample_rate_hertz": 4_000}, "4,000 Hz"),
    ],
)
def test_a_config_that_cannot_be_met_is_an_invalid_argument(
    bench: Bench, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=named):
        hear(bench, TAIL, config=CONFIG | change)


def test_half_a_sample_ends_the_call_after_what_was_said(bench: Bench) -> None:
    requests = [CONFIGURED, *(Request(audio_content=c) for c in chunks(CLIP)), Request(
        audio_content=bytes(3)
    )]  # fmt: skip
    heard: list[Any] = []
    with pytest.raises(exceptions.InvalidArgument, match="3 bytes"):
        heard.extend(called(bench, requests))
    assert SAID in plain("".join(finals(heard)))


def test_the_key_travels_as_metadata(keyed_bench: Bench) -> None:
    requests = [CONFIGURED, Request(audio_content=TAIL)]
    for key in ([("x-goog-api-key", KEY)], [("authorization", f"Bearer {KEY}")]):
        generated(keyed_bench, requests, metadata=key)
    for key in ([], [("x-goog-api-key", "wrong")]):
        with pytest.raises(exceptions.Unauthenticated):
            generated(keyed_bench, requests, metadata=key)


# -- version 2 -----------------------------------------------------------------------------------


def hear2(bench: Bench, data: bytes, size: int = CHUNK, is_heard: Event | None = None) -> list[Any]:
    channel = grpc.insecure_channel(bench.grpc_address)
    caller = speech_v2.SpeechClient(transport=SpeechGrpcTransport2(channel=channel))
    explicit = speech_v2.ExplicitDecodingConfig(
        encoding=1, sample_rate_hertz=16_000, audio_channel_count=1
    )
    config = speech_v2.RecognitionConfig(
        explicit_decoding_config=explicit, language_codes=["en-US"], model="long"
    )
    first = speech_v2.StreamingRecognizeRequest(
        recognizer="projects/lab/locations/global/recognizers/_",
        streaming_config=speech_v2.StreamingRecognitionConfig(
            config=config,
            streaming_features=speech_v2.StreamingRecognitionFeatures(interim_results=True),
        ),
    )
    audio = (speech_v2.StreamingRecognizeRequest(audio=c) for c in paced(data, size, is_heard))
    requests = itertools.chain([first], audio)
    responses = caller.streaming_recognize(requests=requests, retry=None)
    return noted(responses, is_heard or Event())


def test_version_2_hears_the_same_stream(bench: Bench) -> None:
    heard = hear2(bench, CLIP + TAIL, is_heard=Event())
    assert SAID in plain("".join(finals(heard)))
    assert any(r.stability > 0 for m in heard for r in m.results)
    assert heard[-1].metadata.total_billed_duration.total_seconds() > 0


def test_version_2_refuses_a_chunk_of_more_than_25600_bytes(bench: Bench) -> None:
    said = "Audio chunk can be of a maximum of 25600 bytes. Received audio of 25602 bytes instead."
    assert SAID in plain("".join(finals(hear2(bench, CLIP, size=25_600))))
    with pytest.raises(exceptions.InvalidArgument, match=said):
        hear2(bench, CLIP + TAIL, size=25_602)


# -- endless streams -----------------------------------------------------------------------------

LONGEST_S = 3.0
"""In place of the provider's five minutes, which are told of by the same limit."""


@pytest.fixture(scope="module")
def short_streams() -> Iterator[ServerProcess]:
    with ServerProcess(Limits(stream_audio_s=LONGEST_S)) as server:
        yield server


def grpc_port(server: ServerProcess) -> int:
    return int(httpx.get(f"{server.url}/readyz").json()["grpc_port"])


def test_a_client_that_streams_without_an_end_goes_on_after_each_limit(
    short_streams: ServerProcess,
) -> None:
    """As the provider's sample does: a new stream, with the sound behind the last final again."""
    clip = datasets.clip("two-cities-opening")
    data = clip.pcm16 + TAIL
    at, said, ends = 0, [], []
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port(short_streams)}") as channel:
        caller = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
        asked = speech_v1.StreamingRecognitionConfig(config=CONFIG)
        while at < len(data):
            end_s = 0.0
            requests = (Request(audio_content=one) for one in paced(data[at:]))
            try:
                for response in caller.streaming_recognize(asked, requests, retry=None):
                    for result in response.results:
                        said.append(result.alternatives[0].transcript)
                        end_s = result.result_end_time.total_seconds()
            except exceptions.OutOfRange as ended:
                ends.append((ended.message, end_s))
                at += 2 * round(end_s * 16_000)
            else:
                break
    assert len(ends) >= 2
    for message, end_s in ends:
        assert "Exceeded maximum allowed stream duration of 3 seconds." in message
        assert end_s > 0, "what was heard before is told"
    assert word_error_rate(clip.text, " ".join(said)) < 0.4, "words at the cuts may be lost"


def test_version_2_has_a_status_and_a_text_of_its_own(short_streams: ServerProcess) -> None:
    decoding = {"encoding": 1, "sample_rate_hertz": 16_000, "audio_channel_count": 1}
    config = {"explicit_decoding_config": decoding, "language_codes": ["en-US"]}
    first = speech_v2.StreamingRecognizeRequest(
        recognizer="projects/lab/locations/global/recognizers/_",
        streaming_config={"config": config},
    )
    audio = (speech_v2.StreamingRecognizeRequest(audio=c) for c in paced(CLIP + TAIL * 3))
    heard: list[Any] = []
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port(short_streams)}") as channel:
        caller = speech_v2.SpeechClient(transport=SpeechGrpcTransport2(channel=channel))
        requests = itertools.chain([first], audio)
        responses = caller.streaming_recognize(requests=requests, retry=None)
        with pytest.raises(exceptions.Aborted, match=r"Max duration of 0\.05 minutes reached for"):
            heard.extend(responses)
    assert SAID in plain("".join(finals(heard)))


# -- recordings ----------------------------------------------------------------------------------


def recognized(bench: Bench, content: bytes, **config: Any) -> Any:
    audio = speech_v1.RecognitionAudio(content=content)
    return client(bench).recognize(config=CONFIG | config, audio=audio, retry=None)


def recognized2(bench: Bench, content: bytes, **config: Any) -> Any:
    channel = grpc.insecure_channel(bench.grpc_address)
    caller = speech_v2.SpeechClient(transport=SpeechGrpcTransport2(channel=channel))
    request = speech_v2.RecognizeRequest(
        recognizer="projects/lab/locations/global/recognizers/_",
        config=speech_v2.RecognitionConfig(language_codes=["en-US"], model="long", **config),
        content=content,
    )
    return caller.recognize(request=request, retry=None)


def text_of(answer: Any) -> str:
    assert all(len(result.alternatives) == 1 for result in answer.results)
    return "".join(result.alternatives[0].transcript for result in answer.results)


def as_file(kind: str) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, OPENING.samples, 16_000, format=kind)
    return made.getvalue()


OPENING = datasets.clip("two-cities-opening")


def is_right(answer: Any) -> bool:
    return word_error_rate(OPENING.text, text_of(answer)) <= 0.1


def test_a_recording_comes_back_as_one_result_a_segment(bench: Bench) -> None:
    answer = recognized(bench, speech("two-cities-opening"))
    assert is_right(answer)
    assert len(answer.results) > 1
    ends = [result.result_end_time.total_seconds() for result in answer.results]
    assert ends == sorted(ends)
    assert 0 < ends[-1] <= OPENING.duration_s
    assert all(0 < result.alternatives[0].confidence <= 1 for result in answer.results)
    assert answer.total_billed_time.total_seconds() == pytest.approx(OPENING.duration_s, abs=0.01)


def test_both_versions_give_a_recordings_words(bench: Bench) -> None:
    fields = {"enable_word_time_offsets": True}
    one = recognized(bench, speech("two-cities-opening"), **fields)
    two = recognized2(bench, as_file("WAV"), auto_decoding_config={}, features=fields)
    words = [word for result in one.results for word in result.alternatives[0].words]
    said = [(w.word, w.start_time.total_seconds(), w.end_time.total_seconds()) for w in words]
    assert_said_where_they_are(said, OPENING, len(OPENING.words) * 9 // 10)
    again = [word for result in two.results for word in result.alternatives[0].words]
    assert [word.end_offset for word in again] == [word.end_time for word in words]


def test_version_2_takes_a_file_or_bare_samples(bench: Bench) -> None:
    auto = recognized2(bench, as_file("WAV"), auto_decoding_config={})
    explicit = recognized2(
        bench,
        speech("two-cities-opening"),
        explicit_decoding_config={"encoding": 1, "sample_rate_hertz": 16_000},
    )
    assert is_right(auto)
    assert text_of(auto) == text_of(explicit)
    assert auto.results[-1].result_end_offset.total_seconds() > 0
    billed_s = auto.metadata.total_billed_duration.total_seconds()
    assert billed_s == pytest.approx(OPENING.duration_s, abs=0.01)


def test_a_flac_file_needs_no_rate(bench: Bench) -> None:
    kind = speech_v1.RecognitionConfig.AudioEncoding.FLAC
    assert is_right(recognized(bench, as_file("FLAC"), encoding=kind, sample_rate_hertz=0))


def test_silence_is_a_recording_without_results(bench: Bench) -> None:
    answer = recognized(bench, TAIL)
    assert not answer.results
    assert answer.total_billed_time.total_seconds() == 1


def test_a_recording_is_counted_like_an_upload_and_leaves_nothing(bench: Bench) -> None:
    counted = "lab_audio_seconds_total|recording"
    before = metrics(bench.url).get(counted, 0.0)
    recognized(bench, CLIP)
    heard_s = metrics(bench.url)[counted] - before
    assert heard_s == pytest.approx(len(CLIP) / 32_000, abs=0.01)
    assert is_at_rest(bench.url)


def test_more_than_a_minute_is_refused_and_a_minute_is_not(bench: Bench) -> None:
    minute = bytes(60 * 32_000)
    assert not recognized(bench, minute).results
    with pytest.raises(exceptions.InvalidArgument, match=r"Sync input too long.*60\.1 s.*60 s"):
        recognized(bench, minute + bytes(3_200))
    with pytest.raises(exceptions.InvalidArgument, match="size exceeds the limit: 10485760"):
        recognized(bench, bytes(10_485_762))


def test_an_address_is_refused_by_name(bench: Bench) -> None:
    audio = speech_v1.RecognitionAudio(uri="gs://cloud/brooklyn.flac")
    with pytest.raises(exceptions.InvalidArgument, match=r"gs://cloud/brooklyn\.flac"):
        client(bench).recognize(config=CONFIG, audio=audio, retry=None)


def test_a_recording_needs_the_key(keyed_bench: Bench) -> None:
    audio = speech_v1.RecognitionAudio(content=TAIL)
    caller = client(keyed_bench)
    with pytest.raises(exceptions.Unauthenticated):
        caller.recognize(config=CONFIG, audio=audio, retry=None)
    key = [("x-goog-api-key", KEY)]
    assert not caller.recognize(config=CONFIG, audio=audio, retry=None, metadata=key).results


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose engine stands still whenever a test wants it."""
    with ServerProcess(Limits(), barrier=tmp_path_factory.mktemp("engine") / "barrier") as server:
        yield server


async def test_a_caller_who_gives_up_takes_the_recording_out_of_the_engine(
    standing: ServerProcess,
) -> None:
    """The engine stands still meanwhile: what leaves it was cancelled, not decoded."""
    assert standing.barrier is not None
    standing.barrier.touch()
    port = httpx.get(f"{standing.url}/readyz").json()["grpc_port"]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    caller = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
    audio = speech_v1.RecognitionAudio(content=speech("two-cities"))
    asking = asyncio.create_task(
        asyncio.to_thread(caller.recognize, config=CONFIG, audio=audio, retry=None)
    )
    await eventually(lambda: metrics(standing.url)["lab_engine_waiting"] > 1, "in the engine")
    channel.close()
    with pytest.raises(exceptions.Cancelled):
        await asking
    # the one under way ends with its step
    await eventually(lambda: metrics(standing.url)["lab_engine_waiting"] == 1, "taken out")
    standing.barrier.unlink()
    await eventually(lambda: is_at_rest(standing.url), "at rest")


# -- flow control --------------------------------------------------------------------------------


def narrow_channel(address: str) -> grpc.Channel:
    """A channel whose streams may receive a few hundred bytes ahead of being read."""
    return grpc.insecure_channel(
        address, options=[("grpc.http2.lookahead_bytes", 256), ("grpc.http2.bdp_probe", 0)]
    )


async def test_a_client_that_does_not_read_is_held_back_by_http2_and_then_let_go(
    strict_server: ServerProcess,
) -> None:
    """HTTP/2's window stops the server's writes, which a WebSocket would have buffered."""
    port = httpx.get(f"{strict_server.url}/readyz").json()["grpc_port"]
    # closed at the end: others count this server's sockets
    with narrow_channel(f"127.0.0.1:{port}") as channel:
        caller = GeneratedClient(transport=SpeechGrpcTransport(channel=channel))
        config = {"config": CONFIG, "interim_results": True, "enable_voice_activity_events": True}
        first = Request(streaming_config=config)
        audio = (Request(audio_content=chunk) for chunk in paced((CLIP + TAIL) * 3))
        responses = caller.streaming_recognize(itertools.chain([first], audio), retry=None)
        ended = "lab_stream_ends_total|ABORTED"
        before = metrics(strict_server.url).get(ended, 0)
        await eventually(lambda: metrics(strict_server.url).get(ended, 0) > before, "let go")
        with pytest.raises(exceptions.Aborted, match="took no result"):
            list(responses)
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")
