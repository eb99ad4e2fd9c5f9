"""ElevenLabs's socket for texts: its own SDK unmodified, and messages that the SDK never sends."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import av
import pytest
from elevenlabs import ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from hang import HANG_S
from server_process import KEY
from test_elevenlabs_speech import EDGE_S, decoded, spoken
from test_speech_sdks import TEXT, is_understood
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lab_kit.bench import Bench
from lab_kit.dialects.elevenlabs.stream_input.server import MOST_MESSAGE_CHARS, MOST_WAITING

PCM = "output_format=pcm_24000"


def client(bench: Bench, key: str = "any") -> ElevenLabs:
    own = ElevenLabs(base_url=bench.url, api_key=key)
    # the SDK insists on TLS here and nowhere else
    own.text_to_speech._ws_base_url = bench.url.replace("http", "ws", 1)
    return own


def opened(bench: Bench, query: str = PCM, key: str = "any") -> ClientConnection:
    url = f"{bench.url.replace('http', 'ws', 1)}/v1/text-to-speech/anybody/stream-input?{query}"
    return connect(url, additional_headers={"xi-api-key": key}, proxy=None)


def say(socket: ClientConnection, text: str, **more: Any) -> None:
    socket.send(json.dumps({"text": text, **more}))


def frames(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """All that comes until the server closes."""
    try:
        while True:
            yield json.loads(socket.recv(HANG_S))
    except ConnectionClosed:
        return


def sound(frame: dict[str, Any]) -> bytes:
    return base64.b64decode(frame["audio"] or "", validate=True)


@pytest.mark.parametrize("name", ["pcm_16000", "mp3_44100_128", "ulaw_8000", "opus_48000_64"])
def test_what_the_sdk_streams_is_heard(bench: Bench, name: Any) -> None:
    words = (f"{word} " for word in TEXT.split())
    pieces = list(
        client(bench).text_to_speech.convert_realtime(
            "anybody", text=words, output_format=name, voice_settings=VoiceSettings(speed=1.0)
        )
    )
    assert len(pieces) >= 2, "each sentence when it is whole"
    assert is_understood(bench, decoded(name, b"".join(pieces)))


def test_an_mp3_is_one_file(bench: Bench) -> None:
    words = (f"{word} " for word in TEXT.split())
    data = b"".join(client(bench).text_to_speech.convert_realtime("anybody", text=words))
    assert data.count(b"ID3") == 1
    with av.open(io.BytesIO(data)) as file:
        assert file.streams.audio[0].rate == 44_100


@pytest.mark.parametrize("name", ["mp3_44100_128", "pcm_16000"])
def test_a_text_becomes_the_file_that_it_is_over_http(bench: Bench, name: str) -> None:
    """To its last byte: what an encoder kept comes before the end."""
    with opened(bench, f"output_format={name}") as socket:
        say(socket, f"{TEXT} ", flush=True)
        say(socket, "")
        data = b"".join(map(sound, frames(socket)))
    assert data == spoken(bench, text=TEXT, output_format=name)


def test_times_cover_the_text_and_each_frames_sound(bench: Bench) -> None:
    with opened(bench) as socket:
        say(socket, " ")
        for sentence in ("“It rained!” ", "So I walked home, along the river. ", "Why? "):
            say(socket, sentence, flush=True)
        say(socket, "")
        told = list(frames(socket))
    assert told[-1] == {
        "audio": None,
        "isFinal": True,
        "normalizedAlignment": None,
        "alignment": None,
    }
    timed = [frame for frame in told if frame["alignment"]]
    text = "".join("".join(frame["alignment"]["chars"]) for frame in timed)
    assert text == "“It rained!” So I walked home, along the river. Why? "
    for frame in timed:
        starts = frame["alignment"]["charStartTimesMs"]
        lengths = frame["alignment"]["charDurationsMs"]
        assert starts[0] == 0
        assert min(lengths) >= 0
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        assert ends[:-1] == starts[1:]
        assert ends[-1] / 1_000 == pytest.approx(len(sound(frame)) / 48_000, abs=EDGE_S)


@pytest.mark.parametrize(
    ("query", "first", "texts", "expected"),
    [
        ("", {}, ["Short. "], ""),
        ("auto_mode=true", {}, ["Short. ", "And not "], "Short. "),
        ("", {}, [{"text": "Short. And ", "try_trigger_generation": True}], "Short. "),
        ("", {}, [{"text": "And not yet", "flush": True}], "And not yet"),
        (
            "",
            {"generation_config": {"chunk_length_schedule": [50]}},
            ["This sentence has more than fifty characters, and one ", "word more"],
            "This sentence has more than fifty characters, ",
        ),
        (
            "",
            {"generation_config": {"chunk_length_schedule": [50, 500]}},
            ["One sentence that has some forty characters. More ", "of it. It is over. "],
            "One sentence that has some forty characters. ",
        ),
    ],
    ids=["usual", "auto", "try", "flush", "schedule", "its second"],
)
def test_texts_wait_as_they_are_told_to(
    bench: Bench, query: str, first: dict[str, Any], texts: list[Any], expected: str
) -> None:
    with opened(bench, f"{PCM}&{query}") as socket:
        socket.send(json.dumps({"text": " ", **first}))
        for text in texts:
            socket.send(json.dumps({"text": text} if isinstance(text, str) else text))
        said = ""
        while len(said) < len(expected):
            said += "".join(json.loads(socket.recv(HANG_S))["alignment"]["chars"])
        assert said == expected
        with pytest.raises(TimeoutError):
            socket.recv(0.3)


def test_nothing_to_say_ends_well(bench: Bench) -> None:
    with opened(bench) as socket:
        say(socket, " ")
        say(socket, "...", flush=True)
        say(socket, "")
        (last,) = frames(socket)
        assert last["isFinal"]
    assert socket.close_code == 1000


def test_long_sound_comes_in_frames_that_a_client_takes(bench: Bench) -> None:
    text = "and then we went on and on along the river without a word or a pause " * 4
    with opened(bench, "output_format=pcm_48000") as socket:
        say(socket, " ")
        say(socket, text)
        say(socket, "")
        told = list(frames(socket))
    assert told[-1]["isFinal"]
    assert max(len(json.dumps(frame)) for frame in told) < 1_000_000
    assert sum(len(sound(frame)) for frame in told) > 1_000_000


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        (["no JSON"], "invalid_message"),
        (["[" * 60_000], "invalid_message"),
        (["[]"], "invalid_message"),
        (['{"text": 7}'], "invalid_message"),
        (['{"xi_api_key": "any"}'], "invalid_message"),
        ([b"\x00\x01"], "invalid_message"),
        (["x" * (MOST_MESSAGE_CHARS + 1)], "file_too_large"),
        ([json.dumps({"text": "x" * (MOST_WAITING + 1)})], "file_too_large"),
        (
            [json.dumps({"text": "One sentence more. " * 1_000, "flush": True})] * 3,
            "file_too_large",
        ),
        (['{"text": " ", "voice_settings": {"speed": 9}}'], "unprocessable"),
        (['{"text": " ", "voice_settings": 9}'], "unprocessable"),
        (['{"text": " ", "generation_config": {"chunk_length_schedule": [1]}}'], "unprocessable"),
        (['{"text": " ", "generation_config": {"chunk_length_schedule": []}}'], "unprocessable"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_wrong_is_told_before_the_socket_closes(
    bench: Bench, messages: list[Any], status: str
) -> None:
    with opened(bench) as socket:
        for message in messages:
            socket.send(message)
        told = list(frames(socket))
    assert (told[-1]["error"], told[-1]["code"]) == (status, 1008)
    assert told[-1]["message"]
    assert socket.close_code == 1008
    assert socket.close_reason


def test_the_sdk_raises_what_it_is_told(bench: Bench) -> None:
    with pytest.raises(ApiError) as refused:
        list(
            client(bench).text_to_speech.convert_realtime(
                "anybody", text=iter(["Hello."]), voice_settings=VoiceSettings(speed=9.0)
            )
        )
    assert refused.value.status_code == 1008


def test_a_lone_half_of_a_character_harms_nobody(bench: Bench) -> None:
    with opened(bench) as socket:
        socket.send('{"text": " "}')
        socket.send('{"text": "Hello \\ud800 there. ", "flush": true}')
        socket.send('{"text": ""}')
        assert list(frames(socket))[-1]["isFinal"]


def test_silence_ends_it_after_the_time_that_was_asked_for(bench: Bench) -> None:
    with opened(bench, f"{PCM}&inactivity_timeout=1") as socket:
        say(socket, " ")
        (told,) = frames(socket)
    assert (told["error"], told["code"]) == ("input_timeout_exceeded", 1008)
    assert socket.close_code == 1008


@pytest.mark.parametrize(
    "query",
    ["output_format=mp3_1", "inactivity_timeout=0", "inactivity_timeout=181", "auto_mode=perhaps"],
)
def test_what_cannot_be_is_refused_before_it_opens(bench: Bench, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(bench, query):
        pass
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body)["detail"][0]["loc"][0] == "query"


def test_a_wrong_key_is_refused_before_it_opens(keyed_bench: Bench) -> None:
    for query in (PCM, "output_format=mp3_1"):
        with pytest.raises(InvalidStatus) as refused, opened(keyed_bench, query, "wrong"):
            pass
        assert refused.value.response.status_code == 401
    with opened(keyed_bench, PCM, KEY) as socket:
        say(socket, "")
        assert list(frames(socket))[-1]["isFinal"]


def test_a_client_that_vanishes_while_it_is_spoken_to_harms_nobody(bench: Bench) -> None:
    for _ in range(3):
        socket = opened(bench)
        say(socket, "It goes on and on and on, without an end. " * 100, flush=True)
        socket.recv(HANG_S)
        socket.socket.close()
    with opened(bench) as socket:
        say(socket, "Hello. ")
        say(socket, "")
        assert list(frames(socket))[-1]["isFinal"]
