"""AssemblyAI's own SDK, unmodified: recordings sent and fetched, polled, read, deleted."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import assemblyai as aai
import numpy as np
import pytest
import soundfile
from assemblyai.types import TranscriptError
from receiver import Receiver
from server_process import KEY, plain, wait_until
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.models.synthesizer import Synthesizer

CLIP = datasets.clip("two-cities-opening")
POLL_S = 0.05


def client(bench: Bench, key: str = "any") -> aai.Client:
    settings = aai.Settings(api_key=key, base_url=bench.url, polling_interval=POLL_S)
    return aai.Client(settings=settings)


def transcriber(bench: Bench) -> aai.Transcriber:
    return aai.Transcriber(client=client(bench))


@pytest.fixture(scope="module")
def allowing_bench() -> Iterator[Bench]:
    """It may ask this machine, for recordings and to tell of transcripts."""
    bench = Bench.start(allowed_hosts=("127.0.0.1",))
    yield bench
    bench.stop()


def test_a_file_becomes_a_transcript_with_its_words(bench: Bench) -> None:
    config = aai.TranscriptionConfig(language_code="en_us", keyterms_prompt=["two cities"])
    done = transcriber(bench).transcribe(str(CLIP.path), config)
    assert (done.status, done.error) == (aai.TranscriptStatus.completed, None)
    assert done.text is not None
    assert word_error_rate(CLIP.text, done.text) < 0.15
    assert done.words is not None
    times = [(word.text, word.start / 1_000, word.end / 1_000) for word in done.words]
    assert_said_where_they_are(times, CLIP, len(CLIP.words) * 9 // 10)
    assert " ".join(word.text for word in done.words) == done.text
    assert all(0 < word.confidence <= 1 for word in done.words)
    assert done.confidence is not None
    assert 0 < done.confidence <= 1
    assert done.audio_duration == round(CLIP.duration_s)
    assert done.utterances is None
    assert done.json_response is not None
    assert done.json_response["speech_model_used"] == "moonshine-tiny-en"
    assert done.config.raw.keyterms_prompt == ["two cities"]


def test_it_is_read_in_sentences_paragraphs_captions_and_searched(bench: Bench) -> None:
    done = transcriber(bench).transcribe(str(CLIP.path))
    assert done.text is not None
    assert done.words is not None
    sentences, paragraphs = done.get_sentences(), done.get_paragraphs()
    assert " ".join(sentence.text for sentence in sentences) == done.text
    assert " ".join(paragraph.text for paragraph in paragraphs) == done.text
    assert len(sentences) > len(paragraphs)
    for captions, first in (
        (done.export_subtitles_srt(), "1\n00:00:0"),
        (done.export_subtitles_vtt(), "WEBVTT\n\n00:00:0"),
    ):
        assert captions.startswith(first)
        assert plain(done.words[-1].text) in plain(captions)
    short = done.export_subtitles_srt(chars_per_caption=20)
    texts = [cue.split("\n")[2] for cue in short.strip().split("\n\n")]
    assert max(map(len, texts)) <= 20
    assert " ".join(texts) == done.text
    best, age = done.word_search(["best of times", "age", "nobody says this"])
    assert (best.text, best.count) == ("best of times", 1)
    assert (age.text, age.count) == ("age", CLIP.text.lower().split().count("age"))
    for start_ms, end_ms in age.timestamps:
        assert any((word.start, word.end) == (start_ms, end_ms) for word in done.words)
    for index in age.indexes:
        assert plain(done.words[index].text) == "age"


def test_an_upload_is_transcribed_twice_listed_and_deleted(bench: Bench) -> None:
    own = client(bench)
    caller = aai.Transcriber(client=own)
    url = caller.upload_file(CLIP.path.read_bytes())
    first, second = caller.transcribe(url), caller.transcribe(url)
    assert first.text == second.text
    page = caller.list_transcripts(aai.ListTranscriptParameters(limit=1, status="completed"))
    (newest,) = page.transcripts
    assert (newest.id, newest.audio_url) == (second.id, url)
    before = page.page_details.before_id_of_prev_url
    older = caller.list_transcripts(aai.ListTranscriptParameters(limit=1, before_id=before))
    assert [one.id for one in older.transcripts] == [first.id]
    assert first.id is not None
    answer = own.http_client.delete(f"/v2/transcript/{first.id}")
    assert aai.types.TranscriptResponse.parse_obj(answer.json()).text == "Deleted by user."
    deleted = aai.Transcript(first.id, own).wait_for_completion()
    assert (deleted.text, deleted.words) == ("Deleted by user.", None)
    with pytest.raises(TranscriptError, match="which is deleted"):
        deleted.get_sentences()
    # the upload went with it, and what was made of it before stays
    with pytest.raises(TranscriptError, match="Cannot access uploaded file"):
        caller.transcribe(url)
    assert aai.Transcript(second.id, own).wait_for_completion().text == second.text


def test_many_are_sent_and_waited_for_at_once(bench: Bench) -> None:
    group = transcriber(bench).transcribe_group([str(CLIP.path), CLIP.path.read_bytes()])
    assert [done.error for done in group] == [None, None]
    assert len({done.text for done in group}) == 1


async def test_the_asynchronous_client_does_the_same(bench: Bench) -> None:
    settings = aai.Settings(api_key="any", base_url=bench.url, polling_interval=POLL_S)
    async with aai.AsyncClient(settings=settings) as own:
        done = await aai.AsyncTranscriber(client=own).transcribe(str(CLIP.path))
        assert done.text is not None
        assert word_error_rate(CLIP.text, done.text) < 0.15
        sentences = await done.get_sentences()
    assert " ".join(sentence.text for sentence in sentences) == done.text


def test_a_recording_of_the_web_is_fetched_and_its_webhook_told(allowing_bench: Bench) -> None:
    file = io.BytesIO()
    soundfile.write(file, CLIP.samples, 16_000, format="WAV", subtype="PCM_16")
    own = client(allowing_bench)
    with Receiver() as receiver:
        receiver.files["/clip.wav"] = file.getvalue()
        config = aai.TranscriptionConfig().set_webhook(receiver.url, "X-Secret", "of the tests")
        url = f"http://127.0.0.1:{receiver.port}"
        submitted = aai.Transcriber(client=own).submit(f"{url}/clip.wav", config)
        assert submitted.status == aai.TranscriptStatus.queued
        done = submitted.wait_for_completion()
        assert done.text is not None
        assert word_error_rate(CLIP.text, done.text) < 0.15

        def told() -> list[tuple[dict[str, str], dict[str, str]]]:
            posted = [got for got in receiver.requests if got.path == "/told"]
            return [(json.loads(got.body), got.headers) for got in posted]

        wait_until(lambda: bool(told()), "told")
        ((body, headers),) = told()
        assert body == {"transcript_id": done.id, "status": "completed"}
        assert headers["x-secret"] == "of the tests"

        def status() -> int | None:
            return aai.Transcript(done.id, own).wait_for_completion().webhook_status_code

        wait_until(lambda: status() == 204, "noted as told")
        assert done.webhook_auth is True
        failed = aai.Transcriber(client=own).transcribe(f"{url}/none.wav", config)
        assert failed.status == aai.TranscriptStatus.error
        assert failed.error is not None
        assert "404" in failed.error
        wait_until(lambda: len(told()) == 2, "told of the failure, too")
        assert told()[1][0] == {"transcript_id": failed.id, "status": "error"}


def test_what_is_no_recording_ends_with_a_reason(bench: Bench) -> None:
    failed = transcriber(bench).transcribe(b"no sound at all")
    assert failed.status == aai.TranscriptStatus.error
    assert failed.error is not None
    assert "cannot be read" in failed.error
    refused = transcriber(bench).transcribe("https://localhost/a.wav")
    assert refused.error is not None
    assert "localhost" in refused.error


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (aai.TranscriptionConfig(speaker_labels=True), "speaker_labels"),
        (aai.TranscriptionConfig(sentiment_analysis=True), "sentiment_analysis"),
        (aai.TranscriptionConfig(language_code="de"), "'de'"),
        (aai.TranscriptionConfig(language_detection=True), "language_detection"),
        (aai.TranscriptionConfig(punctuate=False), "punctuate"),
    ],
    ids=["speakers", "sentiment", "german", "detection", "bare"],
)
def test_what_is_not_given_here_is_refused_by_name(
    bench: Bench, config: aai.TranscriptionConfig, named: str
) -> None:
    with pytest.raises(TranscriptError, match=f"{named}.* not available") as refused:
        transcriber(bench).transcribe("https://example.com/a.wav", config)
    assert refused.value.status_code == 400


def test_a_wrong_key_is_refused(keyed_bench: Bench) -> None:
    wrong = aai.Transcriber(client=client(keyed_bench, "wrong"))
    for ask in (
        lambda: wrong.transcribe(str(CLIP.path)),
        lambda: wrong.transcribe("https://example.com/a.wav"),
        lambda: aai.Transcript("nope", client(keyed_bench, "wrong")).wait_for_completion(),
    ):
        with pytest.raises(TranscriptError, match="API token missing/invalid") as refused:
            ask()
        assert refused.value.status_code == 401
    right = aai.Transcriber(client=client(keyed_bench, KEY))
    assert right.transcribe(str(CLIP.path)).status == aai.TranscriptStatus.completed


def test_a_transcript_that_nobody_has_is_said_so(bench: Bench) -> None:
    with pytest.raises(TranscriptError, match="transcript id not found"):
        aai.Transcript("nope", client(bench)).wait_for_completion()


@pytest.mark.parametrize("quality", ["wav", "mp3"])
def test_redacted_sound_is_saved(bench: Bench, tmp_path: Path, quality: str) -> None:
    voice = Synthesizer().speak("My card number is four one one one, one one one one, one one.")
    recording = tmp_path / "said.wav"
    soundfile.write(recording, voice.samples, voice.sample_rate_hz)
    config = aai.TranscriptionConfig().set_redact_pii(
        redact_audio=True,
        redact_audio_quality=aai.types.PIIRedactedAudioQuality(quality),
        redact_audio_options={"override_audio_redaction_method": "silence"},
        policies=[aai.PIIRedactionPolicy.credit_card_number],
    )
    done = transcriber(bench).transcribe(str(recording), config)
    assert done.status == aai.TranscriptStatus.completed, done.error
    assert done.text is not None
    assert "####" in done.text
    saved = tmp_path / f"redacted.{quality}"
    done.save_redacted_audio(str(saved))
    sound, rate_hz = soundfile.read(saved)
    assert rate_hz == 16_000
    assert abs(len(sound) / rate_hz - len(voice.samples) / voice.sample_rate_hz) < 0.15
    (hidden,) = [word for word in done.words or () if word.text.startswith("####")]
    middle = (hidden.start + hidden.end) // 2 * rate_hz // 1_000
    assert np.abs(sound[middle - 1_600 : middle + 1_600]).max() < 0.01
    assert np.abs(sound[: hidden.start * rate_hz // 1_000]).max() > 0.05
