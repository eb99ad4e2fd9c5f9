"""The unmodified tritonclient against a running server: lists, inspects, infers, is refused."""

import asyncio
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton_http
from hang import HANG_S
from server_process import CLIP, KEY, eventually, is_at_rest, plain, wait_until
from tritonclient.utils import InferenceServerException

from lab_kit import client, datasets
from lab_kit.bench import Bench
from lab_kit.core.errors import ConnectionFailed, ModelNotFound, Unauthenticated

MODEL = "moonshine-tiny-en"
SAID = plain(datasets.clip(CLIP).text)
BOTH = pytest.mark.parametrize("triton", [triton_http, triton_grpc], ids=["http", "grpc"])


def address(bench: Bench, triton: ModuleType) -> str:
    return bench.grpc_address if triton is not triton_http else bench.url.removeprefix("http://")


@pytest.fixture
def triton_client(bench: Bench, triton: ModuleType) -> Iterator[Any]:
    """The package's own client of the shared server."""
    with triton.InferenceServerClient(address(bench, triton)) as opened:
        yield opened


def sound(triton: ModuleType, audio: np.ndarray, rate_hz: int = 16_000, **form: Any) -> list[Any]:
    """The model's inputs as the package makes them."""
    inputs = []
    for name, values, datatype in (
        ("AUDIO", audio, "FP32"),
        ("SAMPLE_RATE", np.array([rate_hz], np.int32), "INT32"),
    ):
        inputs.append(triton.InferInput(name, values.shape, datatype))
        inputs[-1].set_data_from_numpy(values, **form)
    return inputs


def text(result: Any) -> str:
    (said,) = result.as_numpy("TRANSCRIPT")
    return plain(said if isinstance(said, str) else said.decode())


@BOTH
def test_it_is_listed_and_inspected(triton: ModuleType, triton_client: Any) -> None:
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready(MODEL)
    assert triton_client.is_model_ready(MODEL, "1")
    assert not triton_client.is_model_ready(MODEL, "99")
    assert not triton_client.is_model_ready("parrot")
    options = {} if triton is triton_http else {"as_json": True}
    server = triton_client.get_server_metadata(**options)
    index = triton_client.get_model_repository_index(**options)
    model = triton_client.get_model_metadata(MODEL, **options)
    entries = index if triton is triton_http else index["models"]
    assert server["name"] == "lab_kit"
    assert (entries[0]["name"], entries[0]["version"], entries[0]["state"]) == (MODEL, "1", "READY")
    assert "1" in model["versions"]
    # gRPC's JSON form writes 64-bit numbers as texts
    shapes = {t["name"]: [int(n) for n in t["shape"]] for t in model["inputs"] + model["outputs"]}
    assert shapes == {"AUDIO": [-1], "SAMPLE_RATE": [1], "TRANSCRIPT": [1]}


@BOTH
def test_it_infers(triton: ModuleType, triton_client: Any) -> None:
    inputs = sound(triton, datasets.clip(CLIP).samples)
    wanted = [triton.InferRequestedOutput("TRANSCRIPT")]
    result = triton_client.infer(
        MODEL, inputs, model_version="1", outputs=wanted, request_id="a7", priority=1
    )
    assert text(result) == SAID
    answer = result.get_response() if triton is triton_http else result.get_response(as_json=True)
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a7", MODEL, "1")
    assert {"queue_ns", "compute_ns"} <= answer["parameters"].keys()


def test_json_both_ways_and_a_reused_dict_of_headers(bench: Bench) -> None:
    """The client leaves a length in the dict that is wrong for whatever is sent next with it."""
    samples = datasets.clip(CLIP).samples
    headers: dict[str, str] = {}
    plainly = [triton_http.InferRequestedOutput("TRANSCRIPT", binary_data=False)]
    with triton_http.InferenceServerClient(address(bench, triton_http)) as opened:
        raw = opened.infer(MODEL, sound(triton_http, samples), headers=headers)
        assert "Inference-Header-Content-Length" in headers
        as_json = sound(triton_http, samples, binary_data=False)
        stale = opened.infer(MODEL, as_json, outputs=plainly, headers=headers)
        assert opened.get_model_metadata(MODEL, headers=headers)["name"] == MODEL
        again = opened.infer(MODEL, sound(triton_http, samples), headers=headers)
        packed = opened.infer(
            MODEL,
            sound(triton_http, samples),
            request_compression_algorithm="gzip",
            response_compression_algorithm="gzip",
        )
    assert isinstance(stale.get_output("TRANSCRIPT")["data"][0], str)
    assert {text(result) for result in (raw, stale, again, packed)} == {SAID}


@BOTH
def test_another_sample_rate_is_resampled(triton: ModuleType, triton_client: Any) -> None:
    """Every sample twice, at twice the rate: the same sound."""
    samples = np.repeat(datasets.clip(CLIP).samples, 2)
    assert text(triton_client.infer(MODEL, sound(triton, samples, rate_hz=32_000))) == SAID


@BOTH
def test_refusals_come_as_the_clients_exception(triton: ModuleType, triton_client: Any) -> None:
    samples = datasets.clip(CLIP).samples
    is_http = triton is triton_http

    def refused(model: str, inputs: list[Any]) -> tuple[str, str]:
        with pytest.raises(InferenceServerException) as raised:
            triton_client.infer(model, inputs)
        return raised.value.status(), raised.value.message()

    status, told = refused("parrot", sound(triton, samples))
    assert status == ("404" if is_http else "StatusCode.NOT_FOUND")
    assert "unknown model: 'parrot' is not found" in told
    status, told = refused(MODEL, sound(triton, samples[None]))
    assert status == ("400" if is_http else "StatusCode.INVALID_ARGUMENT")
    assert "'AUDIO'" in told
    status, told = refused(MODEL, sound(triton, np.zeros(16_000 * 31, np.float32)))
    assert status == ("413" if is_http else "StatusCode.INVALID_ARGUMENT")
    assert "at most 30 s" in told


@BOTH
def test_the_key_is_wanted(keyed_bench: Bench, triton: ModuleType) -> None:
    inputs = sound(triton, datasets.clip(CLIP).samples)
    with triton.InferenceServerClient(address(keyed_bench, triton)) as opened:
        assert opened.is_server_ready()
        for headers in ({}, {"authorization": "Bearer wrong"}):
            with pytest.raises(InferenceServerException) as raised:
                opened.infer(MODEL, inputs, headers=headers)
            assert raised.value.status() in ("401", "StatusCode.UNAUTHENTICATED")
        ours = {"authorization": f"Bearer {KEY}"}
        assert text(opened.infer(MODEL, inputs, headers=ours)) == SAID


def test_a_recording_in_pieces_grows_into_its_transcript(bench: Bench) -> None:
    samples = datasets.clip(CLIP).samples
    pieces = [samples[at : at + 16_000] for at in range(0, len(samples), 16_000)]
    heard: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with triton_grpc.InferenceServerClient(bench.grpc_address) as opened:
        opened.start_stream(lambda result, error: heard.put((result, error)))
        opened.async_stream_infer("parrot", sound(triton_grpc, pieces[0]), request_id="lost")
        for number, part in enumerate(pieces):
            opened.async_stream_infer(
                MODEL,
                sound(triton_grpc, part),
                request_id=str(number),
                sequence_id=9,
                sequence_start=number == 0,
                sequence_end=number == len(pieces) - 1,
            )
        answers = [heard.get(timeout=HANG_S) for _ in range(len(pieces) + 1)]
        opened.stop_stream()
    _, refusal = answers[0]
    assert "parrot" in refusal.message()
    texts = [text(result) for result, error in answers[1:]]
    assert [result.get_response().id for result, _ in answers[1:]] == [
        str(number) for number in range(len(pieces))
    ]
    assert texts[-1] == SAID
    assert len(texts[0]) < len(texts[2]) < len(texts[-1])


async def test_the_asynchronous_client_and_one_that_gives_up(bench: Bench) -> None:
    """Fifty requests are taken back while most of them wait: nothing of them stays."""
    inputs = sound(triton_aio, datasets.clip(CLIP).samples)
    async with triton_aio.InferenceServerClient(bench.grpc_address) as opened:
        asking = [asyncio.create_task(opened.infer(MODEL, inputs)) for _ in range(50)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        for task in asking:
            task.cancel()
        ends = await asyncio.gather(*asking, return_exceptions=True)
    assert any(not isinstance(end, BaseException) and text(end) == SAID for end in ends)
    assert any(isinstance(end, asyncio.CancelledError) for end in ends)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_our_client_says_what_was_heard_and_how_long_it_took(keyed_bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    async with client.Inference(keyed_bench.url, KEY) as inference:
        call = await inference.transcribe(clip, urgent=True)
    assert plain(call.text) == SAID
    assert call.sent_ns < call.first_byte_ns <= call.received_ns
    assert 0 < call.compute_ns < call.received_ns - call.sent_ns
    assert call.audio_s == clip.duration_s
    assert call.version == "1"


async def test_our_client_names_what_went_wrong(keyed_bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    gone = socket.create_server(("127.0.0.1", 0))
    nowhere = f"http://127.0.0.1:{gone.getsockname()[1]}"
    gone.close()
    for url, key, model, error in (
        (keyed_bench.url, "wrong", MODEL, Unauthenticated),
        (keyed_bench.url, KEY, "parrot", ModelNotFound),
        (nowhere, None, MODEL, ConnectionFailed),
    ):
        async with client.Inference(url, key, model) as inference:
            with pytest.raises(error):
                await inference.transcribe(clip)


def test_lab_serve_tells_its_ports_and_stops_with_a_stream_open(tmp_path: Any) -> None:
    """An idle gRPC stream does not keep a process alive that was told to stop."""
    command = [sys.executable, "-m", "lab_kit.gateway.run.process", "--port", "0"]
    served = subprocess.Popen(
        [*command, "--grpc-port", "0", "--repository", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert served.stdout is not None
    try:
        url = served.stdout.readline().split()[-1]
        grpc_address = served.stdout.readline().split()[-1]
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "ready")
        told = httpx.get(f"{url}/readyz").json()["grpc_port"]
        assert grpc_address == f"127.0.0.1:{told}"
        with triton_grpc.InferenceServerClient(grpc_address) as opened:
            opened.start_stream(lambda result, error: None)
            assert opened.is_server_live()
            served.send_signal(signal.SIGTERM)
            assert served.wait(HANG_S) == 0
    finally:
        served.kill()
        served.wait()
        served.stdout.close()


def test_a_port_that_is_taken_is_named(tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "lab_kit.gateway.run.process", "--port", "0"]
        ended = subprocess.run(
            [*command, "--grpc-port", port, "--repository", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )
    assert ended.returncode == 1
    assert f"127.0.0.1:{port} cannot be used for gRPC" in ended.stderr
