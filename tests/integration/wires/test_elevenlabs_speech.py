"""ElevenLabs's own SDK, unmodified: texts spoken over HTTP, and heard again by the server."""

import base64
import itertools
import json
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from elevenlabs import AsyncElevenLabs, ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError
from hang import HANG_S
from server_process import KEY
from test_speech_sdks import TEXT, as_wav, is_understood

from lab_kit.audio.pcm import to_float
from lab_kit.bench import Bench
from lab_kit.dialects.elevenlabs.speech.options import FORMATS
from lab_kit.gateway.door.door import MAX_SMALL_BODY_BYTES

LONG = (
    '  "Where were you?" she asked.  ... I was at the station, and the train, which should have '
    "come at ten past nine, came at eleven, so that I walked home along the river.\n\nIt rained! "
)
EDGE_S = 0.12
"""An MP3 has two frames more than it was given: 0.1 s at 22 kHz."""


def client(bench: Bench, key: str = "any") -> ElevenLabs:
    return ElevenLabs(base_url=bench.url, api_key=key)


def spoken(bench: Bench, key: str = "any", voice: str = "anybody", **asked: Any) -> bytes:
    return b"".join(client(bench, key).text_to_speech.convert(voice, **asked))


def decoded(name: str, data: bytes) -> bytes:
    """A format's sound as a file that the server reads."""
    encodings = {"pcm": "linear16", "ulaw": "mulaw", "alaw": "alaw"}
    kind, hz, *_ = name.split("_")
    return as_wav(data, (encodings[kind], int(hz)) if kind in encodings else None)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_what_its_name_says(bench: Bench, name: str) -> None:
    data = spoken(bench, text=TEXT, output_format=name)
    wav = decoded(name, data)
    assert is_understood(bench, wav)
    kind, hz, *kbit = name.split("_")
    length_s = (len(wav) - 44) / 2 / int(hz)
    plain_s = len(spoken(bench, text=TEXT, output_format="pcm_24000")) / 48_000
    assert length_s == pytest.approx(plain_s, abs=EDGE_S)
    if kind == "mp3":  # its rate does not vary
        assert len(data) * 8 / length_s == pytest.approx(1_000 * int(kbit[0]), rel=0.05)
    samples = to_float(wav[44:], "linear16")
    assert 0.02 < float(np.sqrt(np.mean(samples**2))) < 0.3
    assert float(np.abs(samples).max()) < 1.0


def test_the_usual_format_is_mp3_and_the_stream_is_the_same_file(bench: Bench) -> None:
    whole = spoken(bench, text=TEXT)
    assert whole == spoken(bench, text=TEXT, output_format="mp3_44100_128")
    pieces = list(client(bench).text_to_speech.stream("anybody", text=TEXT))
    assert b"".join(pieces) == whole
    assert len(pieces) > 10


def test_the_answer_says_what_it_is_and_costs(bench: Bench) -> None:
    raw = client(bench).text_to_speech.with_raw_response
    with raw.convert("anybody", text=TEXT, output_format="pcm_16000") as answer:
        assert answer.headers["character-cost"] == str(len(TEXT))
        assert answer.headers["request-id"]
        assert answer.headers["content-type"] == "audio/pcm"
        assert b"".join(answer.data)


def test_speed_is_honoured(bench: Bench) -> None:
    def length(speed: float) -> int:
        settings = VoiceSettings(stability=0.5, speed=speed)
        return len(
            spoken(bench, text=TEXT, output_format="pcm_16000", voice_settings=settings, seed=7)
        )

    assert length(1.2) < length(1.0) < length(0.7)


def check_times(alignment: Any, text: str, audio_s: float) -> None:
    """All characters, in order, without a gap from the sound's first sample to its last."""
    assert "".join(alignment.characters) == text
    starts = alignment.character_start_times_seconds
    ends = alignment.character_end_times_seconds
    assert len(starts) == len(ends) == len(text)
    assert starts[0] == 0
    assert ends[-1] == pytest.approx(audio_s, abs=EDGE_S)
    assert all(start <= end for start, end in zip(starts, ends, strict=True))
    assert all(end == start for end, start in zip(ends, starts[1:], strict=False))


@pytest.mark.parametrize("name", ["pcm_24000", "mp3_44100_128"])
@pytest.mark.parametrize("text", [TEXT, LONG], ids=["plain", "odd"])
def test_times_cover_the_text_and_the_sound(bench: Bench, name: str, text: str) -> None:
    told = client(bench).text_to_speech.convert_with_timestamps(
        "anybody", text=text, output_format=name
    )
    data = base64.b64decode(told.audio_base_64, validate=True)
    assert data == spoken(bench, text=text, output_format=name)
    hz = int(name.split("_")[1])
    check_times(told.alignment, text, (len(decoded(name, data)) - 44) / 2 / hz)
    assert told.normalized_alignment == told.alignment


def test_words_are_heard_where_the_times_say_that_their_piece_is(bench: Bench) -> None:
    first, second = "I would like to speak to someone about my bill. ", "The door does not lock."
    told = client(bench).text_to_speech.convert_with_timestamps(
        "anybody", text=first + second, output_format="pcm_16000"
    )
    assert told.alignment is not None
    begins_s = told.alignment.character_start_times_seconds[len(first)]
    data = base64.b64decode(told.audio_base_64)
    at = 2 * round(begins_s * 16_000)
    for part, said in ((data[:at], first), (data[at:], second)):
        wav = as_wav(part, ("linear16", 16_000))
        answer = httpx.post(f"{bench.url}/v1/audio:transcribe", content=wav, timeout=HANG_S)
        heard = answer.raise_for_status().json()["text"]
        assert heard.lower().strip(" .") == said.lower().strip(" .")


def test_lines_are_the_same_sound_and_the_same_times(bench: Bench) -> None:
    asked: dict[str, Any] = {"text": LONG, "output_format": "pcm_24000"}
    whole = client(bench).text_to_speech.convert_with_timestamps("anybody", **asked)
    lines = list(client(bench).text_to_speech.stream_with_timestamps("anybody", **asked))
    assert len(lines) > 2
    sound = b"".join(base64.b64decode(line.audio_base_64) for line in lines)
    assert sound == base64.b64decode(whole.audio_base_64)
    assert whole.alignment is not None
    timed = [line.alignment for line in lines if line.alignment is not None]
    for name in (
        "characters",
        "character_start_times_seconds",
        "character_end_times_seconds",
    ):
        joined = list(itertools.chain(*(getattr(one, name) for one in timed)))
        assert joined == getattr(whole.alignment, name)


async def test_the_asynchronous_client_does_the_same(bench: Bench) -> None:
    own = AsyncElevenLabs(base_url=bench.url, api_key="any")
    asked: dict[str, Any] = {"text": TEXT, "output_format": "pcm_16000"}
    sound = b"".join([piece async for piece in own.text_to_speech.convert("anybody", **asked)])
    assert sound == spoken(bench, **asked)
    lines = own.text_to_speech.stream_with_timestamps("anybody", **asked)
    assert b"".join([base64.b64decode(line.audio_base_64) async for line in lines]) == sound
    assert (await own.models.list())[0].can_do_text_to_speech
    with pytest.raises(UnprocessableEntityError):
        [piece async for piece in own.text_to_speech.convert("anybody", text="")]


@pytest.mark.parametrize(
    ("asked", "status", "named"),
    [
        ({"text": ""}, 422, "body.text"),
        ({"text": "x", "model_id": "m" * 201}, 422, "body.model_id"),
        ({"text": "x", "voice_settings": VoiceSettings(speed=9.0)}, 422, "voice_settings.speed"),
        ({"text": "x", "output_format": "mp3_44100_64000"}, 422, "output_format"),
        ({"text": "x", "output_format": "wav_44100"}, 422, "output_format"),
        ({"text": "x" * 10_001}, 400, "max_character_limit_exceeded"),
        ({"text": "?!"}, 400, "nothing to say"),
        ({"text": "x" * 70_000}, 413, "file_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_told_in_its_words(
    bench: Bench, asked: dict[str, Any], status: int, named: str
) -> None:
    with pytest.raises(ApiError) as refused:
        spoken(bench, **asked)
    assert refused.value.status_code == status
    assert named in json.dumps(refused.value.body["detail"])
    is_list = isinstance(refused.value.body["detail"], list)
    assert is_list == (status == 422)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"nonsense", 422),
        (b"[]", 422),
        (b'{"text": 7}', 422),
        (b'{"text": "x", "voice_settings": "loud"}', 422),
        (b"[" * 60_000, 422),
        (b" " * (MAX_SMALL_BODY_BYTES + 1), 413),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("path", ["", "/stream", "/with-timestamps", "/stream/with-timestamps"])
def test_a_body_that_is_none_is_refused(
    bench: Bench, content: bytes, status: int, path: str
) -> None:
    url = f"{bench.url}/v1/text-to-speech/anybody{path}"
    answer = httpx.post(url, content=content, trust_env=False)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_wrong_key_is_told_before_what_is_wrong_with_the_body(keyed_bench: Bench) -> None:
    for call in (
        lambda own: spoken(keyed_bench, own, text=""),
        lambda own: client(keyed_bench, own).voices.get_all(),
        lambda own: client(keyed_bench, own).models.list(),
    ):
        with pytest.raises(ApiError) as refused:
            call("wrong")
        assert refused.value.status_code == 401
        assert refused.value.body["detail"]["status"] == "invalid_api_key"
    assert spoken(keyed_bench, KEY, text="Hello.")


def test_a_client_that_goes_away_is_spoken_to_no_further(bench: Bench) -> None:
    pieces = client(bench).text_to_speech.stream("anybody", text="It goes on and on. " * 400)
    assert next(iter(pieces))
    del pieces
    assert spoken(bench, text=TEXT)


def test_lists_are_theirs_with_their_header_and_ours_without(bench: Bench) -> None:
    own = client(bench)
    models = own.models.list()
    assert {model.model_id for model in models if model.can_do_text_to_speech} >= {
        "eleven_multilingual_v2"
    }
    (voice,) = own.voices.get_all().voices
    assert own.voices.get(voice.voice_id).name == voice.name
    theirs = openai.OpenAI(api_key="any", base_url=f"{bench.url}/v1").models.list()
    assert [model.id for model in theirs] == ["moonshine-tiny-en"]
    assert httpx.get(f"{bench.url}/v1/models", trust_env=False).json()["object"] == "list"


def test_what_is_not_served_is_refused_in_its_words(bench: Bench) -> None:
    with pytest.raises(ApiError) as refused:
        b"".join(client(bench).text_to_sound_effects.convert(text="rain"))
    assert refused.value.status_code == 404
    assert "not imitated" in refused.value.body["detail"]["message"]
