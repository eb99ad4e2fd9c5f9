"""OpenAI's own Python SDK, unmodified: uploads in every format, and answered by events."""

import io
import re
import time
from typing import Any

import openai
import pytest
import soundfile
from openai.types import Model
from openai.types.audio import Transcription, TranscriptionVerbose
from server_process import KEY, ServerProcess, eventually, is_at_rest
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

CLIP = datasets.clip("two-cities-opening")


def client(url: str, key: str = "any") -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)


def wav(audio: Any = CLIP.samples) -> io.BytesIO:
    file = io.BytesIO()
    soundfile.write(file, audio, 16_000, format="WAV", subtype="PCM_16")
    file.seek(0)
    file.name = "clip.wav"
    return file


def asked(bench: Bench, **options: Any) -> Any:
    return client(bench.url).audio.transcriptions.create(model="whisper-1", file=wav(), **options)


def is_right(text: str) -> bool:
    return word_error_rate(CLIP.text, text) <= 0.1


def test_the_text_as_json(bench: Bench) -> None:
    answer = asked(bench)
    assert is_right(answer.text)
    assert answer.usage.seconds == pytest.approx(CLIP.duration_s, abs=0.01)
    Transcription.model_validate(answer.model_dump())


def test_verbose_json_has_every_field_and_segments_in_order(bench: Bench) -> None:
    answer = asked(bench, response_format="verbose_json", timestamp_granularities=["segment"])
    TranscriptionVerbose.model_validate(answer.model_dump())
    spans = [(s.start, s.end) for s in answer.segments]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= CLIP.duration_s for start, end in spans)
    assert "".join(s.text for s in answer.segments) == answer.text
    assert is_right(answer.text)


def test_words_have_the_times_at_which_they_were_said(bench: Bench) -> None:
    answer = asked(bench, response_format="verbose_json", timestamp_granularities=["word"])
    TranscriptionVerbose.model_validate(answer.model_dump())
    assert not answer.segments
    words = [(word.word, word.start, word.end) for word in answer.words]
    assert_said_where_they_are(words, CLIP, len(CLIP.words) * 9 // 10)
    assert len(words) == len(answer.text.split())
    both = ["word", "segment"]
    answer = asked(bench, response_format="verbose_json", timestamp_granularities=both)
    assert answer.segments
    assert len(answer.words) == len(words)


def test_times_of_words_need_a_format_that_has_them(bench: Bench) -> None:
    with pytest.raises(openai.BadRequestError, match="verbose_json"):
        asked(bench, response_format="json", timestamp_granularities=["word"])


def test_plain_text_and_both_kinds_of_subtitles(bench: Bench) -> None:
    assert is_right(asked(bench, response_format="text"))
    time = r"\d\d:\d\d:\d\d%s\d{3}"
    srt = asked(bench, response_format="srt")
    assert re.match(rf"1\n{time % ','} --> {time % ','}\n\w", srt)
    vtt = asked(bench, response_format="vtt")
    assert re.match(rf"WEBVTT\n\n{time % '[.]'} --> {time % '[.]'}\n\w", vtt)
    assert srt.count("-->") == vtt.count("-->") > 1
    lines = [line for line in vtt.splitlines()[1:] if line and "-->" not in line]
    assert max(map(len, lines)) <= 42
    assert is_right(" ".join(lines))


def test_events_carry_the_text_piece_by_piece(bench: Bench) -> None:
    events = list(asked(bench, stream=True))
    assert [e.type for e in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1)
    assert events[-1].type == "transcript.text.done"
    assert len(events) > 2
    assert "".join(e.delta for e in events[:-1]) == events[-1].text
    assert events[-1].text == asked(bench).text


def test_the_models_are_listed_as_the_sdk_expects_them(bench: Bench) -> None:
    (model,) = client(bench.url).models.list().data
    Model.model_validate(model.model_dump(), strict=True)
    assert (model.id, model.owned_by) == ("moonshine-tiny-en", "lab_kit")
    assert 1_700_000_000 < model.created <= time.time()


async def test_a_client_that_leaves_an_event_stream_leaves_nothing_behind(bench: Bench) -> None:
    long = wav(datasets.clip("two-cities").samples)
    stream = client(bench.url).audio.transcriptions.create(model="any", file=long, stream=True)
    next(iter(stream))
    stream.close()
    await eventually(lambda: is_at_rest(bench.url), "at rest")


def test_what_cannot_be_is_refused_in_the_providers_envelope(bench: Bench) -> None:
    caller = client(bench.url)
    noise = io.BytesIO(b"not audio")
    noise.name = "x.wav"
    with pytest.raises(openai.BadRequestError) as refused:
        caller.audio.transcriptions.create(model="any", file=noise)
    assert (refused.value.code, refused.value.type) == (
        "invalid_audio_format",
        "invalid_request_error",
    )
    assert refused.value.request_id
    with pytest.raises(openai.BadRequestError, match="response_format"):
        asked(bench, response_format="diarized_json")


def test_a_wrong_key_is_refused(keyed_bench: Bench) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client(keyed_bench.url, "wrong").audio.transcriptions.create(model="any", file=wav())
    assert refused.value.code == "invalid_api_key"
    right = client(keyed_bench.url, KEY).audio.transcriptions.create(model="any", file=wav())
    assert is_right(right.text)


def test_a_recording_beyond_the_limit_is_too_large(strict_server: ServerProcess) -> None:
    long = wav(datasets.clip("two-cities").samples[: 16_000 * 25])
    with pytest.raises(openai.APIStatusError) as refused:
        client(strict_server.url).audio.transcriptions.create(model="any", file=long)
    assert refused.value.status_code == 413
