"""ElevenLabs's own SDK, unmodified: recordings transcribed at once."""

import io
from typing import Any

import httpx
import pytest
import soundfile
from elevenlabs import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from server_process import KEY
from test_elevenlabs_speech import client
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

CLIP = datasets.clip("two-cities-opening")
SHORT = datasets.clip("two-cities-best")
MODEL = "scribe_v1"


def heard(bench: Bench, key: str = "any", file: Any = None, **asked: Any) -> Any:
    own = client(bench, key).speech_to_text
    return own.convert(**{"model_id": MODEL, "file": file or SHORT.path.read_bytes(), **asked})


def test_a_recording_becomes_words_and_spaces_with_their_times(bench: Bench) -> None:
    done = heard(bench, file=CLIP.path.read_bytes(), language_code="en")
    assert word_error_rate(CLIP.text, done.text) < 0.15
    assert "".join(word.text for word in done.words) == done.text
    words, spaces = done.words[::2], done.words[1::2]
    assert {word.type for word in words} == {"word"}
    assert {space.type for space in spaces} == {"spacing"}
    times = [(word.text, word.start, word.end) for word in words]
    assert_said_where_they_are(times, CLIP, len(CLIP.words) * 9 // 10)
    for before, space, behind in zip(words, spaces, words[1:], strict=False):
        assert (space.text, space.start) == (" ", before.end)
        assert space.end == max(before.end, behind.start)
    assert all(word.logprob <= 0 for word in done.words)
    assert len({word.logprob for word in words}) > len(words) // 2
    assert (done.language_code, done.language_probability) == ("en", 1.0)
    assert done.audio_duration_secs == pytest.approx(CLIP.duration_s, abs=0.01)


def test_bare_samples_and_no_times(bench: Bench) -> None:
    raw = to_pcm16(SHORT.samples)
    done = heard(bench, file=raw, file_format="pcm_s16le_16", timestamps_granularity="none")
    assert word_error_rate(SHORT.text, done.text) == 0
    assert {(word.start, word.end) for word in done.words} == {(None, None)}


async def test_the_asynchronous_client_hears_the_same(bench: Bench) -> None:
    own = AsyncElevenLabs(base_url=bench.url, api_key="any")
    done = await own.speech_to_text.convert(model_id=MODEL, file=SHORT.path.read_bytes())
    assert done.text == heard(bench).text


def test_the_words_of_silence_are_none(bench: Bench) -> None:
    file = io.BytesIO()
    soundfile.write(file, SHORT.samples * 0, 16_000, format="WAV")
    done = heard(bench, file=file.getvalue())
    assert (done.text, done.words) == ("", [])


@pytest.mark.parametrize(
    ("asked", "status", "named"),
    [
        ({"file": b"no sound"}, 400, "invalid_content"),
        ({"model_id": ""}, 422, "model_id"),
        ({"timestamps_granularity": "character"}, 422, "timestamps_granularity"),
        ({"file_format": "pcm_s16le_44"}, 422, "file_format"),
        ({"source_url": "https://127.0.0.1/a.wav"}, 400, "source_url"),
        ({"webhook": True}, 400, "webhook"),
        ({"use_multi_channel": True}, 400, "use_multi_channel"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_in_its_words(
    bench: Bench, asked: dict[str, Any], status: int, named: str
) -> None:
    with pytest.raises(ApiError) as refused:
        heard(bench, **asked)
    assert refused.value.status_code == status
    assert named in str(refused.value.body["detail"])


def test_a_form_that_is_none_or_lacks_its_file_is_refused(bench: Bench) -> None:
    url = f"{bench.url}/v1/speech-to-text"
    for asked, status in (
        ({"content": b"nonsense"}, 400),
        ({"json": {"model_id": MODEL}}, 400),
        ({"data": {"model_id": MODEL}, "files": {"x": b""}}, 422),
        ({"content": b"--a", "headers": {"content-type": "multipart/form-data; boundary=a"}}, 400),
    ):
        answer = httpx.post(url, trust_env=False, **asked)  # type: ignore[arg-type]
        assert answer.status_code == status, asked
        assert answer.json()["detail"]


def test_a_wrong_key_is_told_before_what_is_wrong_with_the_form(keyed_bench: Bench) -> None:
    with pytest.raises(ApiError) as refused:
        heard(keyed_bench, "wrong", file=b"no sound")
    assert refused.value.status_code == 401
    assert heard(keyed_bench, KEY).text


def test_a_step_that_is_asked_for_wrongly_is_refused(bench: Bench) -> None:
    url = f"{bench.url}/v1/speech-to-text"
    files = {"file": ("a.wav", SHORT.path.read_bytes())}
    asked = {"model_id": MODEL, "numerals": "perhaps"}
    answer = httpx.post(url, data=asked, files=files, trust_env=False)
    assert answer.status_code == 400
    assert "numerals" in answer.json()["detail"]["message"]
