"""A strict server refuses by name what is not imitated, in the words of whose API it is."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import openai
import pytest
import soundfile
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.errors import BadRequestError
from google.api_core import exceptions
from google.cloud import speech_v1, speech_v2
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcTransport
from google.cloud.speech_v2.services.speech.transports import (
    SpeechGrpcTransport as SpeechGrpcTransport2,
)
from hang import HANG_S
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from lab_kit import datasets

CLIP = datasets.clip("two-cities-best")
SAID = "This is the first thing that the script says."


def wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, CLIP.samples, 16_000, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("versions")
    options = ["--port", "0", "--ready-json", "--model", "scripted", "--strict", "--with-parent"]
    server = subprocess.Popen(
        [sys.executable, "-m", "lab_kit.cli", "serve", *options, "--repository", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    yield json.loads(next(line for line in server.stdout if line.startswith("{")))
    server.terminate()
    server.communicate(timeout=HANG_S)


@pytest.fixture
def deepgram(addresses: dict[str, str]) -> DeepgramClient:
    url = addresses["url"]
    socket = url.replace("http", "ws", 1)
    where = DeepgramClientEnvironment(base=url, production=socket, agent=socket, agent_rest=url)
    return DeepgramClient(api_key="any", environment=where)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"diarize": True}, "diarize=true"),
        ({"language": "de"}, "language=de"),
        ({"sentiment": True, "utterances": True}, "sentiment=true"),
        ({"multichannel": True}, "multichannel=true"),
    ],
    ids=str,
)
def test_deepgrams_recordings(deepgram: DeepgramClient, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        deepgram.listen.v1.media.transcribe_file(request=wav(), **asked)
    assert f"'{named}', which is not imitated here" in refused.value.body["err_msg"]
    known = {"model": "nova-3", "language": "en-US", "smart_format": True, "diarize": False}
    answer: Any = deepgram.listen.v1.media.transcribe_file(request=wav(), **known)
    assert answer.results.channels[0].alternatives[0].transcript == SAID


def test_deepgrams_streams(deepgram: DeepgramClient) -> None:
    known = {"model": "nova-3", "encoding": "linear16", "sample_rate": "16000"}
    # how the synchronous SDK tells of it
    with (
        pytest.raises(InvalidStatus) as refused,
        deepgram.listen.v1.connect(**known, diarize="true"),
    ):
        pass
    assert refused.value.response.status_code == 400
    assert "'diarize=true', which is not" in refused.value.response.headers["dg-error"]
    with deepgram.listen.v1.connect(**known, punctuate="true") as connection:
        connection.send_close_stream()


@pytest.mark.parametrize(
    ("asked", "named"),
    [({"prompt": "Charles Dickens"}, "prompt=Charles"), ({"language": "fr"}, "language=fr")],
    ids=str,
)
def test_openais_recordings(addresses: dict[str, str], asked: dict[str, Any], named: str) -> None:
    client = openai.OpenAI(api_key="any", base_url=f"{addresses['url']}/v1", max_retries=0)
    file = ("said.wav", wav())
    with pytest.raises(openai.BadRequestError, match=named):
        client.audio.transcriptions.create(file=file, model="gpt-4o-transcribe", **asked)
    known = {"language": "en", "response_format": "json", "temperature": 0}
    answer: Any = client.audio.transcriptions.create(file=file, model="whisper-1", **known)
    assert answer.text == SAID


def test_openais_sessions(addresses: dict[str, str]) -> None:
    address = f"{addresses['url'].replace('http', 'ws')}/v1/realtime?intent=transcription"

    def told(socket: Any, transcription: dict[str, str]) -> dict[str, Any]:
        session = {"type": "transcription", "audio": {"input": {"transcription": transcription}}}
        socket.send(json.dumps({"type": "session.update", "session": session}))
        answer: dict[str, Any] = json.loads(socket.recv(HANG_S))
        return answer

    with connect(address, proxy=None) as socket:
        assert json.loads(socket.recv(HANG_S))["type"] == "session.created"
        refused = told(socket, {"model": "any", "prompt": "Dickens"})
        assert refused["type"] == "error"
        assert "'prompt=Dickens', which is not imitated" in refused["error"]["message"]
        assert told(socket, {"model": "any", "language": "en"})["type"] == "session.updated"


def test_assemblyais_sessions(addresses: dict[str, str]) -> None:
    address = f"{addresses['url'].replace('http', 'ws')}/v3/ws?sample_rate=16000"

    def told(query: str, *sent: bytes | str) -> tuple[list[Any], int | None]:
        messages: list[Any] = []
        with connect(f"{address}&{query}", proxy=None) as socket, suppress(ConnectionClosed):
            for message in sent:
                socket.send(message)
            while True:
                messages.append(json.loads(socket.recv(HANG_S)))
        return messages, socket.close_code

    (refused,), code = told("speaker_labels=True")
    assert (refused["error_code"], code) == (3006, 3006)
    assert "'speaker_labels=True', which is not imitated" in refused["error"]
    known = "speech_model=universal-streaming-english&language_code=en&speaker_labels=False"
    (_, ended), code = told(known, bytes(1_600), '{"type": "Terminate"}')
    assert (ended["type"], code) == ("Termination", 1000)
    (_, refused), code = told(known, bytes(1_598))
    assert "50 ms. Expected between 50 and 1000 ms" in refused["error"]
    assert code == 3007


def test_googles_calls(addresses: dict[str, str]) -> None:
    channel = grpc.insecure_channel(addresses["grpc"])
    first = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
    known: dict[str, Any] = {
        "encoding": "LINEAR16",
        "sample_rate_hertz": 16_000,
        "language_code": "en-US",
        "enable_word_time_offsets": True,
        "enable_automatic_punctuation": True,
    }
    audio = {"content": CLIP.pcm16}

    def recognized(**asked: Any) -> str:
        config = speech_v1.RecognitionConfig(**known | asked)
        answer = first.recognize(config=config, audio=audio, retry=None, timeout=HANG_S)
        return str(answer.results[0].alternatives[0].transcript)

    assert recognized() == SAID
    with pytest.raises(exceptions.InvalidArgument, match="profanity_filter=True"):
        recognized(profanity_filter=True)
    with pytest.raises(exceptions.InvalidArgument, match="diarization_config"):
        recognized(diarization_config={"enable_speaker_diarization": True})
    with pytest.raises(exceptions.InvalidArgument, match="language_code=fr-FR"):
        recognized(language_code="fr-FR")
    second = speech_v2.SpeechClient(transport=SpeechGrpcTransport2(channel=channel))
    decoding = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "audio_channel_count": 1}
    config = speech_v2.RecognitionConfig(
        explicit_decoding_config=decoding,
        language_codes=["en-US"],
        features={"multi_channel_mode": 1},
    )
    stream = speech_v2.StreamingRecognizeRequest(
        recognizer="projects/p/locations/global/recognizers/_",
        streaming_config=speech_v2.StreamingRecognitionConfig(config=config),
    )
    with pytest.raises(exceptions.InvalidArgument, match="multi_channel_mode"):
        list(second.streaming_recognize(requests=iter([stream]), retry=None, timeout=HANG_S))
    channel.close()
