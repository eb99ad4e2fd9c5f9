"""Versions of the model and of the API on a real server: pinned, told, announced, ended."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hang import HANG_S
from server_process import at_full_service
from websockets.asyncio.client import connect

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import NativeWire, Operations, connect_session, transcribe
from lab_kit.core.errors import InvalidParameter, LabError, ModelNotLoaded, VersionNotFound
from lab_kit.core.events import Final, StreamOptions
from lab_kit.measure.accuracy import bare_words
from lab_kit.protocol.deprecations import GUIDE_PATH, TRANSCRIBE_V1, DeprecationPlan
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.recordings_v2 import TRANSCRIBE_V2_PATH
from lab_kit.protocol.stream_messages import SessionBegun

KEY = "api-versions"
CLIP = datasets.clip("two-cities-best")
KIND = {"content-type": "audio/l16;rate=16000"}
BRIEF_TOKENS = 1.0
"""A limit that cuts every sentence, so that whoever gets such a text knows where it came from."""
over_each = pytest.mark.parametrize("wire", NativeWire, ids=[wire.name for wire in NativeWire])


@pytest.fixture(scope="module")
def own_bench() -> Iterator[Bench]:
    """A server with version 1 in production, and a hasty version 2 that is loaded."""
    bench = at_full_service(Bench.start(KEY))
    hasty = bench.publish(tokens_per_audio_s=BRIEF_TOKENS)
    assert hasty == 2
    asyncio.run(bench.operator.load_version(hasty))
    yield bench
    bench.stop()


def asking(bench: Bench) -> httpx.AsyncClient:
    headers = {"authorization": f"Token {KEY}"}
    return httpx.AsyncClient(base_url=bench.url, headers=headers, timeout=HANG_S, trust_env=False)


async def asked(bench: Bench, model: str, path: str = TRANSCRIBE_PATH) -> httpx.Response:
    async with asking(bench) as server:
        return await server.post(path, params={"model": model}, content=CLIP.pcm16, headers=KIND)


async def test_two_versions_answer_side_by_side_and_each_says_who_it_is(own_bench: Bench) -> None:
    model = own_bench.model
    answers = await asyncio.gather(
        *(asked(own_bench, f"{model}@{number}") for number in (1, 2, 1, 2)),
        asked(own_bench, model),
        asked(own_bench, "production"),
    )
    said = [one.json() for one in answers]
    assert [one["version"] for one in said] == ["1", "2", "1", "2", "1", "1"]
    assert [one.headers["x-model-version"] for one in answers] == ["1", "2", "1", "2", "1", "1"]
    whole, hasty = bare_words(said[0]["text"]), bare_words(said[1]["text"])
    assert len(hasty) < len(whole)
    assert [bare_words(one["text"]) for one in said[2:]] == [whole, hasty, whole, whole]


@pytest.mark.parametrize(
    ("model", "status", "reason"),
    [
        ("moonshine-tiny-en@9", 404, "VERSION_NOT_FOUND"),
        ("whisper-tiny-en@1", 404, "MODEL_NOT_FOUND"),
        ("canary", 400, "INVALID_PARAMETER"),
    ],
)
async def test_what_cannot_be_had_is_refused_by_name(
    own_bench: Bench, model: str, status: int, reason: str
) -> None:
    for path in (TRANSCRIBE_PATH, TRANSCRIBE_V2_PATH, "/v1/transcriptions"):
        refused = await asked(own_bench, model, path)
        assert (refused.status_code, refused.json()["error"]["reason"]) == (status, reason)


@over_each
async def test_a_stream_is_pinned_on_every_wire(own_bench: Bench, wire: NativeWire) -> None:
    async def heard(model: str) -> tuple[str, list[str]]:
        options = StreamOptions()
        async with (
            asyncio.timeout(HANG_S),
            connect_session(wire, own_bench.address, options, model) as session,
        ):
            for start in range(0, len(CLIP.pcm16), 32_000):
                await session.send(CLIP.pcm16[start : start + 32_000])
            await session.finish()
            finals = [one.event.text async for one in session if isinstance(one.event, Final)]
            begun = next(m for m in session.messages if isinstance(m, SessionBegun))
        return begun.model_version, bare_words(" ".join(finals))

    model = own_bench.model
    (first, whole), (second, hasty) = await heard(f"{model}@1"), await heard(f"{model}@2")
    assert (first, second) == ("1", "2")
    assert len(hasty) < len(whole)
    for named, kind in ((f"{model}@9", VersionNotFound), ("shadow", InvalidParameter)):
        with pytest.raises(kind):
            await heard(named)


async def test_a_stream_says_its_version_before_its_first_message(own_bench: Bench) -> None:
    pinned = f"{own_bench.model}@2"
    async with asking(own_bench) as server:
        begun = await server.post("/v1/streams", json={"model": pinned})
        refused = await server.post("/v1/streams", json={"model": f"{own_bench.model}@9"})
    assert (begun.status_code, begun.headers["x-model-version"]) == (201, "2")
    assert (refused.status_code, refused.json()["error"]["reason"]) == (404, "VERSION_NOT_FOUND")
    address = own_bench.url.replace("http", "ws") + "/v1/stream?"
    key = {"authorization": f"Token {KEY}"}
    for query in (f"model={pinned}", f"session={begun.json()['session']}"):
        async with connect(address + query, additional_headers=key) as socket:
            assert socket.response is not None
            assert socket.response.headers["x-model-version"] == "2"
            await socket.send('{"type": "finish"}')


async def test_a_transcription_is_done_by_the_version_it_names(own_bench: Bench) -> None:
    operations = Operations(own_bench.url, KEY)
    for number in ("2", "1"):
        handed = await operations.transcribe(
            CLIP.pcm16, KIND["content-type"], model=f"{own_bench.model}@{number}"
        )
        done = await operations.wait(handed.name, HANG_S)
        assert (await operations.result(done)).version == number
    idle = own_bench.publish()
    with pytest.raises(LabError) as refused:
        await operations.transcribe(
            CLIP.pcm16, KIND["content-type"], model=f"{own_bench.model}@{idle}"
        )
    assert isinstance(refused.value, ModelNotLoaded)


async def test_our_client_names_a_version(own_bench: Bench) -> None:
    for number in ("2", "1"):
        call = await transcribe(
            own_bench.url,
            CLIP.pcm16,
            KIND["content-type"],
            CLIP.id,
            key=KEY,
            model=f"{own_bench.model}@{number}",
        )
        assert call.version == number


async def test_both_versions_of_the_api_tell_of_the_same_speech(own_bench: Bench) -> None:
    first = (await asked(own_bench, "production")).json()
    answer = await asked(own_bench, "production", TRANSCRIBE_V2_PATH)
    second: dict[str, Any] = answer.json()
    assert answer.headers["x-model-version"] == second["model"]["version"] == "1"
    assert second["text"] == first["text"]
    words = [word for segment in first["segments"] for word in segment["words"]]
    assert [word["text"] for word in second["words"]] == [word["text"] for word in words]
    assert [word["start_ms"] for word in second["words"]] == [
        round(1_000 * word["start_s"]) for word in words
    ]


async def test_a_route_is_announced_and_ends_and_its_successor_goes_on(own_bench: Bench) -> None:
    now_s = time.time()
    await own_bench.operator.deprecate(TRANSCRIBE_V1, DeprecationPlan(now_s, now_s + 86_400))
    try:
        old, new = await asked(own_bench, ""), await asked(own_bench, "", TRANSCRIBE_V2_PATH)
        assert (old.status_code, new.status_code) == (200, 200)
        assert old.headers["deprecation"] == f"@{int(now_s)}"
        assert "sunset" not in new.headers
        async with asking(own_bench) as server:
            guide = await server.get(GUIDE_PATH)
        assert TRANSCRIBE_V2_PATH in guide.text
        await own_bench.operator.deprecate(TRANSCRIBE_V1, DeprecationPlan(now_s - 9, now_s - 1))
        gone = await asked(own_bench, "")
        assert (gone.status_code, gone.json()["error"]["reason"]) == (410, "ROUTE_GONE")
        assert (await asked(own_bench, "", TRANSCRIBE_V2_PATH)).status_code == 200
        status = await own_bench.operator.deprecation(TRANSCRIBE_V1)
        assert (status.standing, status.use[0].refused) == ("gone", 1)
    finally:
        await own_bench.operator.take_back_deprecation(TRANSCRIBE_V1)
    assert (await asked(own_bench, "")).status_code == 200
