"""ElevenLabs's own SDK against a strict server, and with sandbox keys: refused in its words."""

import asyncio
import json
from typing import Any

import pytest
from elevenlabs import ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError
from elevenlabs.realtime import AudioFormat
from hang import HANG_S
from test_elevenlabs_realtime import send, sound, stream
from test_elevenlabs_speech import spoken
from test_elevenlabs_stream_input import frames, opened, say
from test_sandbox_keys import entries, new_key  # noqa: F401
from test_strict import SAID, addresses, wav  # noqa: F401
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lab_kit.bench import Bench
from lab_kit.protocol.sandbox import Fault

HELLO = "Hello there."


@pytest.fixture
def strict(addresses: dict[str, str]) -> ElevenLabs:  # noqa: F811
    return ElevenLabs(base_url=addresses["url"], api_key="any")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"voice_settings": VoiceSettings(stability=0.4)}, "voice_settings.stability=0.4"),
        ({"language_code": "de"}, "language_code=de"),
        ({"previous_text": "And so on."}, "previous_text=And so on."),
        ({"apply_text_normalization": "off"}, "apply_text_normalization=off"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_speech(strict: ElevenLabs, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(ApiError) as refused:
        b"".join(strict.text_to_speech.convert("anybody", text=HELLO, **asked))
    assert refused.value.status_code == 400
    assert f"'{named}', which is not imitated" in refused.value.body["detail"]["message"]
    known = {"voice_settings": VoiceSettings(speed=1.1), "language_code": "en", "seed": 7}
    more = {"model_id": "eleven_flash_v2_5", "apply_text_normalization": "auto"}
    assert b"".join(strict.text_to_speech.convert("anybody", text=HELLO, **known, **more))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"diarize": True}, "diarize=true"),
        ({"tag_audio_events": True}, "tag_audio_events=true"),
        ({"language_code": "fra"}, "language_code=fra"),
        ({"keyterms": ["Dickens"]}, "keyterms=Dickens"),
    ],
    ids=str,
)
def test_recordings(strict: ElevenLabs, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(ApiError) as refused:
        strict.speech_to_text.convert(model_id="scribe_v1", file=wav(), **asked)
    assert f"'{named}', which is not imitated" in refused.value.body["detail"]["message"]
    answer: Any = strict.speech_to_text.convert(
        model_id="scribe_v1", file=wav(), language_code="eng", diarize=False
    )
    assert answer.text == SAID


def test_streams(addresses: dict[str, str]) -> None:  # noqa: F811
    url = addresses["url"].replace("http", "ws", 1)
    for path in (
        "/v1/speech-to-text/realtime?model_id=m&no_verbatim=true",
        "/v1/text-to-speech/anybody/stream-input?enable_ssml_parsing=true",
    ):
        with pytest.raises(InvalidStatus) as refused, connect(url + path, proxy=None):
            pass
        assert refused.value.response.status_code == 400
        told = json.loads(refused.value.response.body)["detail"]
        assert "=true', which is not imitated" in told["message"]
    with connect(f"{url}/v1/text-to-speech/anybody/stream-input", proxy=None) as socket:
        say(socket, " ", voice_settings={"speed": 1.0, "style": 0.5})
        (told,) = frames(socket)
    assert "'voice_settings.style=0.5', which is not imitated" in told["message"]
    with connect(f"{url}/v1/speech-to-text/realtime?model_id=m", proxy=None) as socket:
        socket.recv(HANG_S)
        chunk = {"message_type": "input_audio_chunk", "audio_base_64": "", "previous_text": "So"}
        socket.send(json.dumps(chunk))
        told = json.loads(socket.recv(HANG_S))
    assert told["message_type"] == "invalid_request"
    assert "'previous_text', which is not imitated" in told["error"]


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "invalid_api_key"), (429, "too_many_concurrent_requests"), (503, "system_busy")],
)
async def test_a_fault_is_a_refusal_of_its_own(
    bench: Bench,
    new_key: Any,  # noqa: F811
    status: int,
    word: str,
) -> None:
    key = await new_key(Fault(status=status))
    with pytest.raises(ApiError) as refused:
        await asyncio.to_thread(spoken, bench, key.key, text=HELLO)
    assert refused.value.status_code == status
    assert refused.value.body["detail"]["status"] == word
    assert await asyncio.to_thread(spoken, bench, key.key, text=HELLO)
    first, second = await entries(bench, key)
    assert (first.status, second.status) == (status, 200)
    assert first.path == "/v1/text-to-speech/anybody"


async def test_the_sdks_second_attempt_at_a_form_lacks_its_fields(
    bench: Bench,
    new_key: Any,  # noqa: F811
) -> None:
    """A defect of elevenlabs 2.78, which `docs/stand-in.md` tells of."""
    key = await new_key(Fault(status=429, retry_after_s=0.1), Fault(), Fault(status=429))
    own = ElevenLabs(base_url=bench.url, api_key=key.key)

    def heard(retries: int) -> Any:
        asked: dict[str, Any] = {"model_id": "scribe_v1", "file": wav()}
        once: Any = {"max_retries": retries}
        return own.speech_to_text.convert(**asked, request_options=once)

    with pytest.raises(UnprocessableEntityError, match="model_id"):
        await asyncio.to_thread(heard, 1)
    with pytest.raises(ApiError) as refused:
        await asyncio.to_thread(heard, 0)
    assert refused.value.status_code == 429
    assert "best of times" in (await asyncio.to_thread(heard, 0)).text
    assert [one.status for one in await entries(bench, key)] == [429, 422, 429, 200]


async def test_streams_are_refused_closed_and_written_down(
    bench: Bench,
    new_key: Any,  # noqa: F811
) -> None:
    key = await new_key(Fault(status=429), Fault(close_code=1011, after_messages=1))
    with pytest.raises(InvalidStatus) as refused:
        async with stream(bench, key=key.key):
            pass
    assert refused.value.response.status_code == 429
    async with stream(bench, key=key.key) as heard:
        chunk = {"audio_base_64": "AAAA" * 1_600}
        await heard.connection.send(chunk)
        await heard.connection.commit()
        (closed,) = await heard.until("close")
    assert closed["code"] == 1011
    async with stream(bench, key=key.key) as heard:
        await send(heard, sound(AudioFormat.PCM_16000))
        await heard.connection.commit()
        await heard.until("committed_transcript")
    done = await entries(bench, key)
    assert [one.status for one in done] == [429, 101, 101]
    assert [one.close_code for one in done] == [None, 1011, 1000]


async def test_a_spoken_stream_meets_its_fault(
    bench: Bench,
    new_key: Any,  # noqa: F811
) -> None:
    key = await new_key(Fault(close_code=1013, after_messages=1))

    def speak() -> tuple[int, int | None]:
        with opened(bench, key=key.key) as socket:
            say(socket, "One. ", flush=True)
            say(socket, "Two. ", flush=True)
            say(socket, "")
            return len(list(frames(socket))), socket.close_code

    assert await asyncio.to_thread(speak) == (1, 1013)
    count, code = await asyncio.to_thread(speak)
    assert (count, code) == (3, 1000)
