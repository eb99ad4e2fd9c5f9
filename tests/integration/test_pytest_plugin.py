"""The fixtures of `lab_kit.pytest_plugin`, in a stranger's project that runs its own pytest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hang import HANG_S

SETTINGS = """
[pytest]
addopts = -p no:cacheprovider
asyncio_mode = auto
lab_options = {options}
"""
PROJECT = """
import asyncio
import io
import wave

import numpy as np
import openai
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

TONE = (8_000 * np.sin(np.arange(24_000) * 0.3)).astype("<i2").tobytes()
QUIET = bytes(32_000)


def upload(server, key, retries=0):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(TONE + QUIET)
    client = openai.OpenAI(api_key=str(key), base_url=f"{server.url}/v1", max_retries=retries)
    said = client.audio.transcriptions.create(
        model="whisper-1", file=("said.wav", file.getvalue())
    )
    return said.text


async def listen(server, key):
    where = DeepgramClientEnvironment(
        base=server.url,
        production=server.socket_url,
        agent=server.socket_url,
        agent_rest=server.url,
    )
    client, heard = AsyncDeepgramClient(api_key=key.key, environment=where), []
    async with client.listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate="16000", channels="1"
    ) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        for sound in (TONE, QUIET, TONE, QUIET):
            for at in range(0, len(sound), 1_600):
                await connection.send_media(sound[at : at + 1_600])
        await connection.send_close_stream()
        await listening
    finals = [one for one in heard if one.type == "Results" and one.is_final]
    return [one.channel.alternatives[0].transcript for one in finals]


async def test_utterances_are_what_the_test_says(speech_server, speech_key):
    speech_key.say("A large pizza, please.", "No, a small one.")
    assert await listen(speech_server, speech_key) == [
        "A large pizza, please.",
        "No, a small one.",
    ]
    assert upload(speech_server, speech_key) == "A large pizza, please."
    live, sent = speech_key.journal()
    assert (live["wire"], live["path"], live["close_code"]) == ("websocket", "/v1/listen", 1000)
    assert live["received_bytes"] >= 2 * len(TONE + QUIET)
    assert live["kinds"] == {"CloseStream": 1}
    assert sent["status"] == 200


def test_its_retries_are_seen(speech_server, speech_key):
    speech_key.fail(status=429, retry_after_s=0.05)
    assert upload(speech_server, speech_key, retries=2)
    assert [one["status"] for one in speech_key.journal()] == [429, 200]


def test_it_gives_up(speech_server, speech_key):
    speech_key.fail({"status": 503, "times": 2}, {"status": 401})
    for error in (openai.InternalServerError, openai.InternalServerError):
        with pytest.raises(error):
            upload(speech_server, speech_key)
    with pytest.raises(openai.AuthenticationError):
        upload(speech_server, speech_key)
    speech_key.fail()
    assert upload(speech_server, speech_key)


def test_each_test_has_a_key_of_its_own(speech_server, speech_key):
    assert speech_key.journal() == []
    assert upload(speech_server, speech_key)
    assert len(speech_key.journal()) == 1


def test_a_fault_that_cannot_be_met_says_why(speech_key):
    with pytest.raises(ValueError, match="close_code 1006"):
        speech_key.fail(close_code=1006)
    with pytest.raises(ValueError, match="1 to 1000 lines"):
        speech_key.say("x" * 2_000)
"""


def strangers_tests(
    folder: Path, options: str = "--model scripted", **environment: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "pytest.ini").write_text(SETTINGS.format(options=options))
    (folder / "test_product.py").write_text(PROJECT)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:nbval", "-W", "ignore"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env={name: told for name, told in os.environ.items() if name != "LAB"} | environment,
    )


def test_a_strangers_tests_say_fail_and_look(tmp_path: Path) -> None:
    done = strangers_tests(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


@pytest.mark.parametrize(
    ("options", "environment", "says"),
    [
        ("--model none-such", {}, "no engine for a model named 'none-such'"),
        ("", {"LAB": "none-such"}, "there is no command none-such: install lab_kit"),
    ],
)
def test_without_a_server_it_says_what_to_do(
    tmp_path: Path, options: str, environment: dict[str, str], says: str
) -> None:
    done = strangers_tests(tmp_path, options, **environment)
    assert done.returncode == 1
    assert says in done.stdout
    assert "Traceback" not in done.stdout
