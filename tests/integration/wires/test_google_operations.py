"""Google's own Python SDK, unmodified: recordings that are transcribed while nobody waits."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
import soundfile
from google.api_core import exceptions
from google.api_core.operation import Operation
from google.cloud import speech_v1
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcTransport
from google.longrunning import operations_pb2
from hang import HANG_S
from server_process import KEY, plain, speech
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.audio.codecs import Codec
from lab_kit.audio.pcm import to_pcm16
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

CONFIG = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}
CLIP = datasets.clip("two-cities-opening")
SAID = "it was the best of times"
GET, CANCEL = (f"/google.longrunning.Operations/{name}Operation" for name in ("Get", "Cancel"))


@pytest.fixture
def channel(bench: Bench) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(bench.grpc_address) as channel:
        yield channel


@pytest.fixture
def client(channel: grpc.Channel) -> speech_v1.SpeechClient:
    return speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))


def begun(client: speech_v1.SpeechClient, content: bytes, **config: Any) -> Operation:
    return client.long_running_recognize(
        config=speech_v1.RecognitionConfig(**(CONFIG | config)),
        audio={"content": content},
        retry=None,
    )


def text_of(response: Any) -> str:
    return "".join(result.alternatives[0].transcript for result in response.results)


def test_a_recording_is_waited_for_with_its_words(client: speech_v1.SpeechClient) -> None:
    asked = {"enable_word_time_offsets": True, "enable_word_confidence": True}
    operation = begun(client, CLIP.pcm16, **asked)
    response = operation.result(timeout=HANG_S)
    assert isinstance(response, speech_v1.LongRunningRecognizeResponse)
    assert word_error_rate(CLIP.text, text_of(response)) < 0.15
    assert [r.alternatives[0].transcript.startswith(" ") for r in response.results] == [
        False,
        *[True] * (len(response.results) - 1),
    ]
    words = [word for result in response.results for word in result.alternatives[0].words]
    times = [(w.word, w.start_time.total_seconds(), w.end_time.total_seconds()) for w in words]
    assert_said_where_they_are(times, CLIP, len(CLIP.words) * 8 // 10)
    assert all(0 < word.confidence <= 1 for word in words)
    assert response.results[0].language_code == "en-us"
    assert response.total_billed_time.total_seconds() == pytest.approx(CLIP.duration_s, abs=0.01)
    assert operation.metadata.progress_percent == 100
    assert operation.metadata.start_time <= operation.metadata.last_update_time


def test_more_than_a_minute_is_no_matter(client: speech_v1.SpeechClient) -> None:
    quiet = bytes(2 * 16_000 * 70)
    response = begun(client, quiet + speech("two-cities-best")).result(timeout=HANG_S)
    assert SAID in plain(text_of(response))
    assert response.results[-1].result_end_time.total_seconds() > 70
    assert not response.results[0].alternatives[0].words, "nobody asked for them"


@pytest.mark.parametrize("form", ["FLAC", "WAV", "MULAW"])
def test_files_and_telephones_are_taken(client: speech_v1.SpeechClient, form: str) -> None:
    clip = datasets.clip("two-cities-best")
    if form == "MULAW":
        codec = Codec("mulaw", 8_000)
        sound = PacedRecording("telephone", clip.samples, chunk_s=0.1, codec=codec).chunks()
        content, config = b"".join(chunk.data for chunk in sound), {"sample_rate_hertz": 8_000}
    else:
        file = io.BytesIO()
        soundfile.write(file, clip.samples, 16_000, format=form)
        content, config = file.getvalue(), {"sample_rate_hertz": 0}
    encoding = "ENCODING_UNSPECIFIED" if form == "WAV" else form
    response = begun(client, content, encoding=encoding, **config).result(timeout=HANG_S)
    assert SAID in plain(text_of(response))


def test_many_at_once_each_get_their_own(client: speech_v1.SpeechClient) -> None:
    lengths_s = (2.0, 3.0, 4.0, 5.0)
    contents = [to_pcm16(CLIP.samples[: round(length_s * 16_000)]) for length_s in lengths_s]
    with ThreadPoolExecutor(4) as pool:
        responses = pool.map(lambda one: begun(client, one).result(timeout=HANG_S), contents)
        billed = [response.total_billed_time.total_seconds() for response in responses]
    assert billed == [pytest.approx(length_s, abs=0.01) for length_s in lengths_s]


def test_one_that_is_cancelled_says_so(client: speech_v1.SpeechClient) -> None:
    operation = begun(client, bytes(10_000_000))
    operation.cancel()
    with pytest.raises(exceptions.Cancelled, match="a cancelled operation"):
        operation.result(timeout=HANG_S)
    assert operation.cancelled()


def test_it_is_an_operation_of_our_own_api_too(
    bench: Bench, client: speech_v1.SpeechClient
) -> None:
    operation = begun(client, speech("two-cities-best"))
    operation.result(timeout=HANG_S)
    name = operation.operation.name
    ours = httpx.get(f"{bench.url}/v1/operations/{name}", trust_env=False).json()
    assert (ours["done"], ours["metadata"]["state"]) == (True, "SUCCEEDED")
    again = client.transport.operations_client.get_operation(name)
    assert again.done


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"audio": {"uri": "gs://bucket/a.wav"}}, "gs://bucket/a.wav"),
        ({"audio": {}}, "no audio.content"),
        ({"audio": {"content": b"abc"}}, "3 bytes of PCM16"),
        (
            {
                "audio": {"content": bytes(3_200)},
                "output_config": {"gcs_uri": "gs://bucket/out"},
            },
            "output_config.gcs_uri 'gs://bucket/out'",
        ),
        (
            {
                "audio": {"content": bytes(3_200)},
                "config": {"encoding": "FLAC", "language_code": "en-US"},
            },
            "cannot be read",
        ),
        ({"audio": {"content": bytes(3_200)}, "config": {"encoding": "LINEAR16"}}, "language_code"),
    ],
    ids=["bucket", "nothing", "odd", "output", "no file", "no language"],
)
def test_what_cannot_be_transcribed_is_an_invalid_argument(
    client: speech_v1.SpeechClient, request_: dict[str, Any], named: str
) -> None:
    asked = speech_v1.LongRunningRecognizeRequest({"config": CONFIG} | request_)
    with pytest.raises(exceptions.InvalidArgument, match=named):
        client.long_running_recognize(request=asked, retry=None)


def asked_for(channel: grpc.Channel, path: str, name: str, *metadata: tuple[str, str]) -> str:
    """The status of a call about an operation."""
    call = channel.unary_unary(
        path, operations_pb2.GetOperationRequest.SerializeToString, lambda data: data
    )
    with pytest.raises(grpc.RpcError) as refused:
        call(operations_pb2.GetOperationRequest(name=name), metadata=metadata, timeout=HANG_S)
    return str(refused.value.code().name)


@pytest.mark.parametrize("path", [GET, CANCEL])
def test_one_that_nobody_has_or_that_was_asked_for_otherwise_is_not_found(
    bench: Bench, channel: grpc.Channel, path: str
) -> None:
    headers = {"content-type": "audio/l16"}
    url = f"{bench.url}/v1/transcriptions"
    body = speech("two-cities-best")
    ours = httpx.post(url, content=body, headers=headers, trust_env=False, timeout=HANG_S).json()
    unknown = "01a229bd-f753-768f-a518-07a06b43dab0"
    for name in ("", "nope", unknown, ours["name"].rpartition("/")[2], "x" * 10_000):
        assert asked_for(channel, path, name) == "NOT_FOUND"


class WithKey(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Puts the key on every call: those by which the SDK waits lack the first one's metadata."""

    def intercept_unary_unary(self, goes_on: Any, details: Any, request: Any) -> Any:
        metadata = [*(details.metadata or ()), ("x-goog-api-key", KEY)]
        return goes_on(details._replace(metadata=metadata), request)


def test_the_key_is_asked_for_by_every_method(keyed_bench: Bench) -> None:
    content = speech("two-cities-best")
    with grpc.insecure_channel(keyed_bench.grpc_address) as channel:
        without = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
        with pytest.raises(exceptions.Unauthenticated):
            begun(without, content)
        keyed = grpc.intercept_channel(channel, WithKey())
        operation = begun(
            speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=keyed)), content
        )
        name = operation.operation.name
        assert {asked_for(channel, path, name) for path in (GET, CANCEL)} == {"UNAUTHENTICATED"}
        assert SAID in plain(text_of(operation.result(timeout=HANG_S)))
