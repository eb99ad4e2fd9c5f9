"""Deepgram's own SDK, unmodified: recordings sent and fetched, and what is asked about them."""

import hashlib
import io
import json
from itertools import pairwise
from typing import Any

import pytest
import soundfile
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.errors import BadRequestError
from deepgram.types import ListenV1Response
from receiver import Receiver
from server_process import KEY, wait_until
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

CLIP = datasets.clip("two-cities-opening")


def client(bench: Bench, key: str = "any") -> DeepgramClient:
    socket = bench.url.replace("http", "ws", 1)
    environment = DeepgramClientEnvironment(
        base=bench.url, production=socket, agent=socket, agent_rest=bench.url
    )
    return DeepgramClient(api_key=key, environment=environment)


def wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, CLIP.samples, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def asked(bench: Bench, **options: Any) -> ListenV1Response:
    answer = client(bench).listen.v1.media.transcribe_file(request=wav(), **options)
    assert isinstance(answer, ListenV1Response)
    return answer


def test_a_recording_and_what_is_known_of_it(bench: Bench) -> None:
    answer = asked(bench, model="nova-3", punctuate=True, tag=["one", "two"])
    (channel,) = answer.results.channels
    (best,) = channel.alternatives
    assert word_error_rate(CLIP.text, best.transcript) < 0.15
    assert 0 < best.confidence <= 1
    assert_said_where_they_are(
        [(word.word, word.start, word.end) for word in best.words], CLIP, len(CLIP.words) * 9 // 10
    )
    assert " ".join(word.punctuated_word for word in best.words) == best.transcript
    assert answer.metadata.duration == pytest.approx(CLIP.duration_s, abs=0.01)
    assert answer.metadata.sha256 == hashlib.sha256(wav()).hexdigest()
    assert answer.metadata.channels == 1
    assert answer.metadata.tags == ["one", "two"]
    assert answer.results.utterances is None


def test_utterances_part_at_pauses(bench: Bench) -> None:
    whole = asked(bench, utterances=True, utt_split=30.0).results.utterances
    parted = asked(bench, utterances=True, utt_split=0.2).results.utterances
    assert whole is not None
    assert parted is not None
    assert len(whole) == 1
    assert len(parted) > 1
    assert " ".join(one.transcript for one in parted) == whole[0].transcript
    for before, after in pairwise(parted):
        assert after.start - before.end >= 0.2
    assert len({one.id for one in parted}) == len(parted)


def test_paragraphs_hold_every_sentence(bench: Bench) -> None:
    (best,) = asked(bench, paragraphs=True).results.channels[0].alternatives
    assert best.paragraphs is not None
    sentences = [s.text for part in best.paragraphs.paragraphs for s in part.sentences]
    assert " ".join(sentences) == best.transcript
    assert best.paragraphs.transcript.split() == best.transcript.split()


def test_bare_samples_need_their_rate(bench: Bench) -> None:
    media = client(bench).listen.v1.media
    pcm = to_pcm16(CLIP.samples)
    query = {"additional_query_parameters": {"sample_rate": "16000"}}
    answer = media.transcribe_file(request=pcm, encoding="linear16", request_options=query)
    assert isinstance(answer, ListenV1Response)
    assert word_error_rate(CLIP.text, answer.results.channels[0].alternatives[0].transcript) < 0.15
    with pytest.raises(BadRequestError, match="sample_rate"):
        media.transcribe_file(request=pcm, encoding="linear16")


def test_a_recording_at_an_address_is_fetched_where_that_may_be() -> None:
    bench = Bench.start(allowed_hosts=("127.0.0.1",))
    with Receiver() as receiver:
        receiver.files["/clip.wav"] = wav()
        media = client(bench).listen.v1.media
        url = f"http://127.0.0.1:{receiver.port}"
        answer = media.transcribe_url(url=f"{url}/clip.wav", model="nova-3")
        assert isinstance(answer, ListenV1Response)
        best = answer.results.channels[0].alternatives[0]
        assert word_error_rate(CLIP.text, best.transcript) < 0.15
        with pytest.raises(BadRequestError, match="404"):
            media.transcribe_url(url=f"{url}/none.wav")
    for inner in ("https://localhost/a.wav", "https://169.254.169.254/"):
        with pytest.raises(ApiError) as refused:
            media.transcribe_url(url=inner)
        assert refused.value.status_code == 403
    bench.stop()


def test_a_callback_gets_the_answer_that_a_caller_would_get() -> None:
    bench = Bench.start(allowed_hosts=("127.0.0.1",))
    with Receiver() as receiver:
        media = client(bench).listen.v1.media
        receiver.files["/clip.wav"] = wav()
        url = f"http://127.0.0.1:{receiver.port}"
        options = {"callback": f"{url}/told", "utterances": True, "paragraphs": True, "tag": "one"}
        taken = [
            media.transcribe_file(request=wav(), **options),
            media.transcribe_url(url=f"{url}/clip.wav", **options),
            media.transcribe_url(url=f"{url}/none.wav", **options),
        ]
        assert not any(isinstance(one, ListenV1Response) for one in taken)
        at_once = asked(bench, **{k: v for k, v in options.items() if k != "callback"})

        whole = at_once.results.channels[0].alternatives[0]

        def told() -> dict[str, Any]:
            posted = [json.loads(got.body) for got in receiver.requests if got.path == "/told"]
            return {
                body.get("request_id") or body["metadata"]["request_id"]: body for body in posted
            }

        wait_until(lambda: len(told()) == 3, "all three are told")
        sent, fetched, failed = (told()[one.request_id] for one in taken)
        assert failed["err_code"]
        assert "404" in failed["err_msg"]
        for body in (sent, fetched):
            answer = ListenV1Response(**body)
            best = answer.results.channels[0].alternatives[0]
            assert word_error_rate(whole.transcript, best.transcript) < 0.05  # as batches fall
            assert len(best.words) == pytest.approx(len(whole.words), abs=2)
            assert best.paragraphs is not None
            assert answer.results.utterances
            assert answer.metadata.tags == ["one"]
    with pytest.raises(BadRequestError):
        media.transcribe_file(request=wav(), callback="no address")
    bench.stop()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"utterances": True, "utt_split": 0.0}, "INVALID_QUERY_PARAMETER"),
        ({"encoding": "amr-nb"}, "INVALID_QUERY_PARAMETER"),
        (
            {"callback": "https://example.com/", "callback_method": "PUT"},
            "INVALID_QUERY_PARAMETER",
        ),
    ],
    ids=str,
)
def test_what_is_not_given_here_is_refused_by_name(
    bench: Bench, options: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        asked(bench, **options)
    assert refused.value.body["err_code"] == code
    assert refused.value.body["request_id"]


def test_what_is_no_recording_is_the_callers_error(bench: Bench) -> None:
    with pytest.raises(BadRequestError) as refused:
        client(bench).listen.v1.media.transcribe_file(request=b"no sound at all")
    assert refused.value.body["err_code"] == "Bad Request"
    with pytest.raises(BadRequestError) as refused:
        client(bench).listen.v1.media.transcribe_url(url="nowhere")
    assert "nowhere" in refused.value.body["err_msg"]


def test_a_wrong_key_is_refused(keyed_bench: Bench) -> None:
    with pytest.raises(ApiError) as refused:
        client(keyed_bench, "wrong").listen.v1.media.transcribe_file(request=wav())
    assert (refused.value.status_code, refused.value.body["err_code"]) == (401, "INVALID_AUTH")
    assert client(keyed_bench, KEY).listen.v1.media.transcribe_file(request=wav())
