"""Faults and journals by key, as unmodified SDKs meet them; the server is a real process."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import httpx
import openai
import pytest
import soundfile
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from google.api_core import exceptions
from google.cloud import speech_v1
from google.cloud.speech_v1.services.speech import SpeechClient as GeneratedClient
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcTransport
from hang import HANG_S
from test_live_sdk import ASKED, CHUNK, TAIL, environment, text_of
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import Operations
from lab_kit.core.errors import InvalidParameter, SandboxKeyNotFound
from lab_kit.protocol.sandbox import Fault, JournalEntry, SandboxKey

CLIP = datasets.clip("two-cities-best")


def wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, CLIP.samples, 16_000, format="WAV")
    return file.getvalue()


@pytest.fixture
async def new_key(bench: Bench) -> AsyncIterator[Any]:
    """Makes keys with faults, and removes them at the end."""
    made: list[SandboxKey] = []

    async def make(*faults: Fault) -> SandboxKey:
        made.append(await bench.operator.make_sandbox_key(*faults))
        return made[-1]

    yield make
    for key in made:
        await bench.operator.remove_sandbox_key(key)


async def entries(bench: Bench, key: SandboxKey) -> tuple[JournalEntry, ...]:
    """The journal once every call in it is over."""
    async with asyncio.timeout(HANG_S):
        while True:
            journal = await bench.operator.journal(key)
            if all(one.duration_s is not None for one in journal.entries):
                return journal.entries
            await asyncio.sleep(0.05)


async def upload(bench: Bench, key: SandboxKey, retries: int = 0) -> str:
    client = openai.AsyncOpenAI(
        api_key=key.key, base_url=f"{bench.url}/v1", max_retries=retries, timeout=HANG_S
    )
    answer = await client.audio.transcriptions.create(
        file=("said.wav", wav()), model="gpt-4o-transcribe"
    )
    return answer.text


async def listen(bench: Bench, key: SandboxKey, asked: dict[str, str] = ASKED) -> list[Any]:
    """One live session; the messages that came, and the error that ended it, if any."""
    client = AsyncDeepgramClient(api_key=key.key, environment=environment(bench))
    heard: list[Any] = []
    async with client.listen.v1.connect(**asked) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        connection.on(EventType.ERROR, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        data = CLIP.pcm16 + TAIL
        try:
            for start in range(0, len(data), CHUNK):
                await connection.send_media(data[start : start + CHUNK])
                await asyncio.sleep(0.01)
            await connection.send_close_stream()
        except ConnectionClosed as closed:
            heard.append(closed)
        await listening
    return heard


async def test_an_upload_is_refused_once_and_its_sdk_tries_again(
    bench: Bench, new_key: Any
) -> None:
    key = await new_key(Fault(status=429, retry_after_s=0.1))
    assert "best of times" in await upload(bench, key, retries=1)
    first, second = await entries(bench, key)
    assert (first.status, second.status) == (429, 200)
    assert (first.method, first.path) == ("POST", "/v1/audio/transcriptions")
    assert first.fault == Fault(status=429, retry_after_s=0.1)
    assert second.fault is None
    assert second.received_bytes > len(wav())
    assert second.duration_s is not None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
async def test_a_refusal_is_the_providers_own(
    bench: Bench, new_key: Any, status: int, error: type[openai.APIStatusError]
) -> None:
    key = await new_key(Fault(status=status))
    with pytest.raises(error) as refused:
        await upload(bench, key)
    assert refused.value.status_code == status
    assert "asked for with the sandbox key" in refused.value.message
    assert "best of times" in await upload(bench, key), "the next call is as any other"


async def test_a_stream_is_refused_then_closed_then_served(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(status=429), Fault(close_code=1011, after_messages=2))
    with pytest.raises(ApiError) as refused:
        await listen(bench, key)
    assert refused.value.status_code == 429
    await listen(bench, key)
    assert "best of times" in text_of(await listen(bench, key)).lower()
    denied, closed, served = await entries(bench, key)
    assert (denied.status, denied.close_code) == (429, None)
    assert (closed.status, closed.close_code, closed.sent_messages) == (101, 1011, 2)
    assert (served.status, served.close_code) == (101, 1000)
    assert served.received_bytes >= len(CLIP.pcm16 + TAIL)
    assert served.kinds == {"CloseStream": 1}
    assert "interim_results=true" in served.query


async def test_a_client_reads_the_code_that_was_asked_for(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(close_code=4008))
    address = f"{bench.url.replace('http', 'ws')}/v1/listen?encoding=linear16&sample_rate=16000"
    async with connect(
        f"{address}&interim_results=true",
        additional_headers={"authorization": f"Token {key.key}"},
        proxy=None,
    ) as socket:
        await socket.send(CLIP.pcm16)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), HANG_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4008


async def test_a_server_that_falls_silent_still_holds_the_line(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(is_silent=True, after_messages=1))
    address = f"{bench.url.replace('http', 'ws')}/v1/listen?encoding=linear16&sample_rate=16000"
    async with connect(
        f"{address}&interim_results=true",
        additional_headers={"authorization": f"Token {key.key}"},
        proxy=None,
    ) as socket:
        for start in range(0, len(CLIP.pcm16), CHUNK):
            await socket.send(CLIP.pcm16[start : start + CHUNK])
        async with asyncio.timeout(HANG_S):
            await socket.recv()
        await socket.send('{"type": "CloseStream"}')
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await socket.recv()
        await (await socket.ping())
    (silent,) = await entries(bench, key)
    assert silent.sent_messages == 1


async def test_an_answer_that_never_comes_ends_by_its_callers_time(
    bench: Bench, new_key: Any
) -> None:
    key = await new_key(Fault(is_silent=True, times=2))
    headers = {"authorization": f"Token {key.key}"}
    async with httpx.AsyncClient(base_url=bench.url, headers=headers, trust_env=False) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/v1/operations", timeout=0.7)
    channel = grpc.insecure_channel(bench.grpc_address)
    google = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
    config = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}
    with pytest.raises(exceptions.DeadlineExceeded):
        await asyncio.to_thread(
            google.recognize,
            config=config,
            audio={"content": CLIP.pcm16},
            metadata=[("x-goog-api-key", key.key)],
            retry=None,
            timeout=1.5,
        )
    channel.close()
    first, second = await entries(bench, key)
    assert (first.sent_messages, second.sent_messages) == (0, 0)


async def test_google_s_client_is_refused_cut_and_served(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(status=503), Fault(close_code=1011))
    channel = grpc.insecure_channel(bench.grpc_address)
    client = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
    config = speech_v1.RecognitionConfig(
        encoding="LINEAR16", sample_rate_hertz=16_000, language_code="en-US"
    )
    named = [("x-goog-api-key", key.key)]

    def recognize() -> str:
        audio = speech_v1.RecognitionAudio(content=CLIP.pcm16)
        answer = client.recognize(
            config=config, audio=audio, metadata=named, retry=None, timeout=HANG_S
        )
        return " ".join(result.alternatives[0].transcript for result in answer.results)

    def stream() -> list[Any]:
        data = CLIP.pcm16 + TAIL
        requests = [
            speech_v1.StreamingRecognizeRequest(
                streaming_config=speech_v1.StreamingRecognitionConfig(config=config)
            ),
            *(
                speech_v1.StreamingRecognizeRequest(audio_content=data[start : start + 3_200])
                for start in range(0, len(data), 3_200)
            ),
        ]
        # the helper of the same name takes metadata and sends none
        generated = GeneratedClient(transport=client.transport)
        return list(
            generated.streaming_recognize(
                requests=iter(requests), metadata=named, retry=None, timeout=HANG_S
            )
        )

    with pytest.raises(exceptions.TooManyRequests):  # how this provider says that it is full
        await asyncio.to_thread(recognize)
    print(await entries(bench, key))
    with pytest.raises(exceptions.Aborted):
        await asyncio.to_thread(stream)
    assert "best of times" in (await asyncio.to_thread(recognize)).lower()
    refused, cut, served = await entries(bench, key)
    assert [one.wire for one in (refused, cut, served)] == ["grpc"] * 3
    assert refused.status == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert cut.status == grpc.StatusCode.ABORTED.value[0]
    assert cut.path.endswith("StreamingRecognize")
    assert served.received_bytes > len(CLIP.pcm16)
    channel.close()


async def test_answers_come_late_and_pieces_slowly(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(delay_s=0.4), Fault(each_s=0.3))
    headers = {"authorization": f"Token {key.key}"}
    async with httpx.AsyncClient(base_url=bench.url, headers=headers, trust_env=False) as client:
        for _ in range(2):
            assert (await client.get("/v1/operations")).status_code == 200
    late, slow = await entries(bench, key)
    assert late.duration_s is not None
    assert late.duration_s >= 0.4
    assert slow.duration_s is not None
    assert slow.duration_s >= 0.3
    assert 0 <= late.began_s < late.began_s + late.duration_s <= slow.began_s


async def test_a_key_that_was_removed_is_no_key(keyed_bench: Bench) -> None:
    """Where one key alone is accepted, a sandbox key is too, until it is removed."""
    operator = keyed_bench.operator
    key = await operator.make_sandbox_key()
    assert "best of times" in await upload(keyed_bench, key)
    await operator.remove_sandbox_key(key)
    with pytest.raises(openai.AuthenticationError):
        await upload(keyed_bench, key)
    for call in (
        operator.journal(key),
        operator.set_faults(key),
        operator.remove_sandbox_key(key),
    ):
        with pytest.raises(SandboxKeyNotFound, match="POST /operator/sandbox-keys"):
            await call


async def test_faults_are_changed_while_calls_go_on(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(status=503, times=None))
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await upload(bench, key)
    await bench.operator.set_faults(key)
    assert "best of times" in await upload(bench, key)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=418), "status 418; expected: one of 400, 401"),
        (Fault(close_code=1006), "close_code 1006; expected: 1000 to 1003"),
        (Fault(status=503, is_silent=True), "one of status, close_code and is_silent"),
    ],
)
async def test_a_fault_that_no_call_can_meet_is_refused(
    bench: Bench, fault: Fault, says: str
) -> None:
    with pytest.raises(InvalidParameter, match=says):
        await bench.operator.make_sandbox_key(fault)


async def test_calls_without_such_a_key_are_in_no_journal(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(status=503, times=None))
    async with httpx.AsyncClient(base_url=bench.url, trust_env=False) as client:
        assert (await client.get("/v1/operations")).status_code == 200
    assert await entries(bench, key) == ()
    shown = json.dumps((await bench.operator.journal(key)).entries)
    assert key.key not in shown


async def test_assemblyais_sessions_are_closed_with_the_providers_codes_then_served(
    keyed_bench: Bench,
) -> None:
    """A token is as good as the key that it was made with: its faults are met, too."""
    faults = (Fault(status=429), Fault(status=503), Fault(status=401), Fault(close_code=4008))
    key = await keyed_bench.operator.make_sandbox_key(Fault(delay_s=0.01), *faults)
    headers = {"authorization": key.key}
    async with httpx.AsyncClient(
        base_url=keyed_bench.url, headers=headers, trust_env=False
    ) as client:
        token = (await client.get("/v3/token?expires_in_seconds=60")).json()["token"]
    address = f"{keyed_bench.url.replace('http', 'ws')}/v3/ws?sample_rate=16000&token={token}"
    codes, last = [], ""
    for _ in range(5):
        async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
            with suppress(ConnectionClosed):  # it may be over by now
                await socket.send('{"type": "Terminate"}')
            with suppress(ConnectionClosed):
                async for text in socket:
                    last = str(text)
        codes.append(socket.close_code)
    # one whose session was begun is used, whatever became of it
    assert codes == [3009, 1013, 1008, 4008, 1008]
    assert "Unauthorized" in last
    _, *calls = await entries(keyed_bench, key)
    assert [(one.status, one.close_code) for one in calls] == [(101, code) for code in codes[:4]]


async def test_an_upgrade_is_denied_with_the_status_itself(bench: Bench, new_key: Any) -> None:
    key = await new_key(Fault(status=503, retry_after_s=7))
    address = f"{bench.url.replace('http', 'ws')}/v1/realtime?intent=transcription"
    with pytest.raises(InvalidStatus) as denied:
        await connect(
            address, additional_headers={"authorization": f"Bearer {key.key}"}, proxy=None
        )
    assert denied.value.response.status_code == 503
    assert denied.value.response.headers["retry-after"] == "7"


async def test_what_is_said_is_what_a_test_wrote_whatever_model_is_served(
    bench: Bench, new_key: Any
) -> None:
    """The server hears real speech, and says the line all the same, in every dialect."""
    key = await new_key()
    await bench.operator.set_script(key, "The first line.", "The second.")
    assert await upload(bench, key) == "The first line."
    assert text_of(await listen(bench, key)) == "The first line."
    operations = Operations(bench.address.url, key.key)
    made = await operations.transcribe(wav(), "audio/wav")
    ended = await operations.wait(made.name, HANG_S)
    assert (await operations.result(ended)).text == "The first line."
    await bench.operator.set_script(key)
    assert "best of times" in await upload(bench, key)
