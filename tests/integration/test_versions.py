"""Versions on a real server with the real model: swapped under live streams, refused, compared."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from server_process import (
    ServerProcess,
    at_full_service,
    eventually,
    is_at_rest,
    metrics,
    raw_stream,
    rest_of,
    said,
    speech,
    talk,
)
from websockets.asyncio.client import ClientConnection

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import Operator, VersionStatus
from lab_kit.core.call_record import StreamCall
from lab_kit.core.errors import (
    OperatorLocked,
    Unauthenticated,
    VersionConflict,
    VersionFailed,
)
from lab_kit.engine.batching import Dynamic
from lab_kit.gateway.door.limits import Limits
from lab_kit.measure.accuracy import bare_words, word_error_rate
from lab_kit.models.store.store import ModelStore
from lab_kit.models.store.version import Settings
from lab_kit.protocol.versions import BatchingPolicy

KEY = "versions"
CLIP = "two-cities-opening"
SHORT = "two-cities-best"
BRIEF_TOKENS = 1.0
"""A limit that cuts every sentence, so that whoever gets such a text knows where it came from."""


@pytest.fixture(scope="module")
def own_bench() -> Iterator[Bench]:
    """A server of this file alone: its versions are moved about."""
    bench = at_full_service(Bench.start(KEY))
    yield bench
    bench.stop()


@pytest.fixture
async def calm(own_bench: Bench) -> Bench:
    """It, with version 1 in production and nothing else labelled."""
    await own_bench.operator.set_label("production", 1)
    await own_bench.operator.remove_label("canary")
    await own_bench.operator.remove_label("shadow")
    return own_bench


async def state_of(bench: Bench, version: int) -> VersionStatus:
    return (await bench.operator.versions())[version - 1]


def words(call: StreamCall) -> list[str]:
    """What the stream's finals say, in order; punctuation may depend on who shared a step."""
    return bare_words(call.text)


async def quickly(bench: Bench, clip: str) -> tuple[list[str], set[str]]:
    """What a stream hears that is sent faster than it was spoken, and from which versions."""
    async with raw_stream(bench.url, KEY) as socket:
        await talk(socket, speech(clip))
        return await ended(socket)


async def ended(socket: ClientConnection) -> tuple[list[str], set[str]]:
    """What the stream heard until now, and from which versions; it is closed."""
    await socket.send('{"type":"CloseStream"}')
    messages, code, _ = await rest_of(socket)
    assert code == 1000
    results = [m for m in messages if m["type"] == "Results"]
    versions = {m["metadata"]["model_info"]["version"] for m in results}
    return bare_words(said(messages)), versions


async def loaded(bench: Bench, tokens_per_audio_s: float | None = None) -> int:
    """A new version, published and ready."""
    version = bench.publish(tokens_per_audio_s=tokens_per_audio_s)
    assert (await bench.operator.load_version(version)).state == "ready"
    return version


async def test_a_swap_under_live_streams_loses_and_doubles_no_word(calm: Bench) -> None:
    """Four streams at the pace of speech; production moves away and back while they talk.

    The other version cuts every sentence, and some end while it is in production, so that a final
    of it would be seen.
    """
    clip = datasets.clip(CLIP)
    undisturbed, _ = await quickly(calm, CLIP)
    assert word_error_rate(clip.text, " ".join(undisturbed)) < 0.2
    hasty = await loaded(calm, BRIEF_TOKENS)

    streams = [asyncio.create_task(calm.stream(clip)) for _ in range(4)]
    await eventually(lambda: metrics(calm.url, 1)["lab_streams"] == 4, "streaming")
    await calm.operator.set_label("production", hasty)
    during = await calm.stream(datasets.clip(SHORT))
    await calm.operator.set_label("production", 1)
    after = await calm.stream(datasets.clip(SHORT))
    for call in await asyncio.gather(*streams):
        assert words(call) == undisturbed
        assert call.versions == ("1",)
    assert during.versions == (str(hasty),)
    assert after.versions == ("1",)
    assert words(after) == (await quickly(calm, SHORT))[0]
    assert len(words(during)) < len(words(after))


async def test_a_stream_keeps_its_version_while_that_is_unloaded(calm: Bench) -> None:
    second = await loaded(calm)
    await calm.operator.set_label("production", second)
    keep_alive, data = '{"type":"KeepAlive"}', speech(SHORT)
    async with raw_stream(calm.url, KEY) as socket:
        await talk(socket, data[: len(data) // 2])
        await eventually(lambda: metrics(calm.url, second).get("lab_streams") == 1, "streaming")
        await socket.send(keep_alive)
        with pytest.raises(VersionConflict, match="carries production"):
            await calm.operator.unload_version(second)
        await socket.send(keep_alive)
        await calm.operator.set_label("production", 1)
        await socket.send(keep_alive)
        draining = await calm.operator.unload_version(second)
        assert (draining.state, draining.in_flight) == ("draining", 1)
        await talk(socket, data[len(data) // 2 :])
        heard = await ended(socket)
    assert heard == ((await quickly(calm, SHORT))[0], {str(second)})
    async with asyncio.timeout(HANG_S):
        while (await state_of(calm, second)).state != "unloaded":
            await asyncio.sleep(0.05)
    assert is_at_rest(calm.url)


async def test_a_damaged_version_says_why_and_the_old_one_serves_on(calm: Bench) -> None:
    damaged = calm.publish()
    calm.damage(damaged)
    stream = asyncio.create_task(calm.stream(datasets.clip(SHORT)))
    with pytest.raises(VersionFailed, match=r"decoder_model_merged\.ort: \d+ bytes, SHA-256"):
        await calm.operator.load_version(damaged)
    with pytest.raises(VersionConflict, match="failed"):
        await calm.operator.set_label("production", damaged)
    assert (await stream).versions == ("1",)
    state = await state_of(calm, damaged)
    assert state.state == "failed"
    assert "decoder_model_merged.ort" in state.reason
    assert (await calm.transcribe(datasets.clip(SHORT))).version == "1"
    assert httpx.get(f"{calm.url}/readyz").json()["version"] == "1"


async def test_readiness_is_told_while_it_starts_and_later(calm: Bench) -> None:
    told = [(probe.status, probe.body) for probe in calm.probes]
    assert told[-1][0] == 200
    assert 200 not in [status for status, _ in told[:-1]]
    assert len(set(told)) == len(told)
    now = calm.readiness()
    assert now.status == 200
    assert now.at_s > calm.probes[-1].at_s
    assert '200  {"status":"ready"' in str(now)


async def test_weights_that_the_runtime_refuses_are_named_in_its_words(
    calm: Bench, tmp_path: Path
) -> None:
    """Whole files with the right hashes, and no model in one of them."""
    paths = {**ModelStore().path(calm.model).paths, "encoder_model.ort": tmp_path / "none.ort"}
    (tmp_path / "none.ort").write_bytes(b"no model" * 100)
    version = calm.repository.publish(calm.model, paths, Settings()).number
    with pytest.raises(VersionFailed, match="ORT model verification failed"):
        await calm.operator.load_version(version)
    assert (await calm.transcribe(datasets.clip(SHORT))).version == "1"


async def test_damage_reaches_neither_the_store_nor_another_version(calm: Bench) -> None:
    calm.damage(calm.publish())
    await loaded(calm)


async def test_the_canary_answers_its_share_and_shows_its_trouble(calm: Bench) -> None:
    hasty = await loaded(calm, BRIEF_TOKENS)
    await calm.operator.set_label("canary", hasty, share=0.25)
    clip = datasets.clip(SHORT)
    before = metrics(calm.url, 1)
    calls = [await calm.transcribe(clip) for _ in range(8)]
    answered = [call.version for call in calls]
    assert answered.count(str(hasty)) == 2
    assert answered.count("1") == 6
    (whole,) = {call.text for call in calls if call.version == "1"}
    assert all(len(c.text) < len(whole) for c in calls if c.version == str(hasty))
    trouble, rest = metrics(calm.url, hasty), metrics(calm.url, 1)
    requests = "lab_requests_total|/v1/audio:transcribe|200"
    assert trouble[requests] == 2
    assert rest[requests] - before.get(requests, 0) == 6
    assert trouble["lab_decodes_total|final|truncated|batch"] == 2
    cut = "lab_decodes_total|final|truncated|batch"
    assert rest.get(cut, 0) == before.get(cut, 0)
    _, (version,) = await quickly(calm, SHORT)
    assert version in ("1", str(hasty))
    served = metrics(calm.url, int(version))
    assert served["lab_results_total|final"] >= 1
    assert served["lab_final_wait_seconds_count"] >= 1
    assert served["lab_stream_ends_total|1000"] >= 1


async def test_the_shadow_never_answers_and_is_compared(calm: Bench) -> None:
    hasty = await loaded(calm, BRIEF_TOKENS)
    clip = datasets.clip(SHORT)
    alone = (await calm.transcribe(clip)).text
    await calm.operator.set_label("shadow", hasty)
    call = await calm.transcribe(clip)
    assert (call.text, call.version) == (alone, "1")
    heard, versions = await quickly(calm, SHORT)
    assert (heard, versions) == (bare_words(alone), {"1"})
    async with asyncio.timeout(HANG_S):
        while (report := await calm.operator.shadow_report()).compared < 2:
            await asyncio.sleep(0.05)
    assert report.version == hasty
    assert report.different >= 2
    assert report.failed == 0
    assert report.word_error_rate is not None
    assert report.word_error_rate > 0
    assert report.pairs[0].production == alone
    assert alone.startswith(report.pairs[0].shadow)
    assert alone not in httpx.get(f"{calm.url}/metrics").text


async def test_only_the_operators_key_moves_versions(calm: Bench) -> None:
    for key in (KEY, "a guess"):  # the caller's, and nobody's
        with pytest.raises(Unauthenticated):
            await Operator(calm.url, key).versions()


async def test_a_server_without_an_operators_key_has_no_operator() -> None:
    with (
        ServerProcess(Limits(), operator_key=None) as server,
        pytest.raises(OperatorLocked, match="LAB_OPERATOR_KEY"),
    ):
        await Operator(server.url, "any").set_label("production", 1)


async def test_the_batching_policy_changes_while_it_serves(calm: Bench) -> None:
    before = await calm.operator.batching()
    calls = [asyncio.create_task(calm.transcribe(datasets.clip(SHORT))) for _ in range(3)]
    await calm.use(Dynamic(max_batch=2, max_wait_s=0.02))
    expected = BatchingPolicy("dynamic", max_batch=2, max_wait_s=0.02)
    assert await calm.operator.batching() == expected
    assert len({call.text for call in await asyncio.gather(*calls)}) == 1
    await calm.operator.set_batching(before)
