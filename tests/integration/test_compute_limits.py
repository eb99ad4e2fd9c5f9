"""Tenants that may spend so much compute: refused by name, admitted when told, settled exactly."""

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server
from server_process import OPERATOR_KEY

from lab_kit import client, datasets
from lab_kit.client import NativeWire
from lab_kit.core.errors import QuotaExceeded
from lab_kit.core.events import Final, StreamOptions
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings, TenantStatus

CLIP = datasets.clip("two-cities-opening")
RECORDING = CLIP.pcm16
FORM = {"content-type": "audio/l16;rate=16000;channels=1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    with keyed_server(tmp_path_factory.mktemp("compute")) as running:
        yield running


async def key_of(server: KeyedServer, tenant: str, **settings: float) -> str:
    await server.operator.set_tenant(tenant, TenantSettings(**settings))  # type: ignore[arg-type]
    return (await server.operator.make_key(NewKey(tenant))).key


async def status_of(server: KeyedServer, tenant: str) -> TenantStatus:
    return next(one for one in await server.operator.tenants() if one.tenant == tenant)


def asking(server: KeyedServer, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Token {key}", **FORM}
    return httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=HANG_S)


async def test_who_waits_as_long_as_told_is_admitted(server: KeyedServer) -> None:
    # so little comes back in a second that no machine is too slow to run out of it
    key = await key_of(server, "hurried", compute_s_per_min=1.2, compute_burst_s=0.5)
    async with asking(server, key) as caller:
        for _ in range(60):
            answer = await caller.post("/v1/audio:transcribe", content=RECORDING)
            if answer.status_code != 200:
                break
            assert answer.headers["ratelimit-policy"] == (
                '"tenant";q=500;w=25;qu="compute-milliseconds"'
            )
        assert answer.status_code == 429
        error = answer.json()["error"]
        assert (error["reason"], error["details"]["limit"]) == ("QUOTA_EXCEEDED", "compute_seconds")
        assert error["details"]["of"] == "tenant hurried"
        assert answer.headers["ratelimit"].startswith('"tenant";r=')
        # before its sound is read, a caller is told the wait for the least that any request needs
        for _ in range(2):
            await asyncio.sleep(int(answer.headers["retry-after"]))
            answer = await caller.post("/v1/audio:transcribe", content=RECORDING)
            if answer.status_code == 200:
                break
        assert answer.status_code == 200
    found = await status_of(server, "hurried")
    assert found.compute_s > 0
    assert found.refused >= 1


async def test_what_was_not_needed_comes_back(server: KeyedServer) -> None:
    key = await key_of(server, "careful", compute_s_per_min=0.001, compute_burst_s=600.0)
    async with asking(server, key) as caller:
        for _ in range(3):
            answer = await caller.post("/v1/audio:transcribe", content=RECORDING)
            assert answer.status_code == 200
    found = await status_of(server, "careful")
    assert found.compute_left_s is not None
    assert math.isclose(600.0 - found.compute_left_s, found.compute_s, abs_tol=0.01)


async def test_what_never_fits_is_refused_as_too_large(server: KeyedServer) -> None:
    key = await key_of(server, "small", compute_s_per_min=60.0, compute_burst_s=0.01)
    async with asking(server, key) as caller:
        answer = await caller.post("/v1/audio:transcribe", content=RECORDING)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_recording_that_nobody_waits_for_is_done_though_it_costs_more_than_a_burst(
    server: KeyedServer,
) -> None:
    key = await key_of(server, "patient", compute_s_per_min=60.0, compute_burst_s=0.01)
    async with asking(server, key) as caller:
        begun = await caller.post("/v1/transcriptions", content=RECORDING)
        assert begun.status_code == 202, begun.text
        deadline_s = time.monotonic() + HANG_S
        while not (found := (await caller.get(begun.headers["location"])).json())["done"]:
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.1)
    assert "error" not in found or found["error"] is None
    assert (await status_of(server, "patient")).compute_s > 0.01


async def test_a_stream_that_can_reserve_no_more_ends_with_what_it_is_owed(
    server: KeyedServer,
) -> None:
    key = await key_of(server, "short", compute_s_per_min=0.1, compute_burst_s=0.6)
    texts: list[str] = []
    async with asyncio.timeout(HANG_S):
        session = client.connect_session(NativeWire.WEBSOCKET, server.address(key), StreamOptions())
        async with session as end:
            sending = asyncio.create_task(_speak(end))
            refusal: QuotaExceeded | None = None
            try:
                async for received in end:
                    if isinstance(received.event, Final):
                        texts.append(received.event.text)
            except QuotaExceeded as error:
                refusal = error
            sending.cancel()
    assert refusal is not None
    assert refusal.details["limit"] == "compute_seconds"
    assert refusal.retry_after_s is not None
    assert "".join(texts), "and what it had said by then was told"


async def _speak(end: client.SessionClient) -> None:
    """At the pace of speech, again and again."""
    while True:
        for start in range(0, len(RECORDING), 3_200):
            await end.send(RECORDING[start : start + 3_200])
            await asyncio.sleep(0.1)


async def test_a_tenants_streams_are_counted_over_all_its_keys(server: KeyedServer) -> None:
    key = await key_of(server, "twofold", streams=1)
    other = (await server.operator.make_key(NewKey("twofold"))).key
    async with (
        asyncio.timeout(HANG_S),
        client.connect_session(NativeWire.WEBSOCKET, server.address(key), StreamOptions()),
    ):
        with pytest.raises(QuotaExceeded, match="tenant twofold"):
            async with client.connect_session(
                NativeWire.WEBSOCKET, server.address(other), StreamOptions()
            ):
                pass
    assert (await status_of(server, "twofold")).settings.streams == 1


async def test_speech_and_bare_inference_cost_compute_too(server: KeyedServer) -> None:
    key = await key_of(server, "speaker", compute_s_per_min=600.0)
    async with asking(server, key) as caller:
        said = await caller.post(
            "/v1/audio:synthesize",
            json={"text": "It was the best of times."},
            headers={"content-type": "application/json"},
        )
        assert said.status_code == 200
        spoken = (await status_of(server, "speaker")).compute_s
        assert spoken > 0
        await server.operator.set_tenant("speaker", TenantSettings(0.001, 0.001))
        refused = await caller.post(
            "/v1/audio:synthesize",
            json={"text": "It was the worst of times, and it was the age of wisdom."},
            headers={"content-type": "application/json"},
        )
        assert refused.status_code in (413, 429)


async def test_providers_callers_are_told_in_their_words(server: KeyedServer) -> None:
    key = await key_of(server, "foreign", compute_s_per_min=0.001, compute_burst_s=0.2)
    async with asking(server, key) as caller:
        at = "/v1/listen?encoding=linear16&sample_rate=16000"
        answers = [await caller.post(at, content=RECORDING) for _ in range(20)]
    refused = answers[-1]
    assert refused.status_code in (413, 429)
    assert "err_code" in refused.json()
    assert "ratelimit" in refused.headers


async def test_settings_outlive_the_server_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    with keyed_server(tmp_path) as first:
        await first.operator.set_tenant("kept", TenantSettings(30.0, 5.0, 2))
        async with httpx.AsyncClient(base_url=first.url, trust_env=False) as asking:
            for body in (
                {"compute_burst_s": 5},
                {"compute_s_per_min": -1},
                {"streams": 0},
                {"x": 1},
            ):
                answer = await asking.put(
                    "/operator/tenants/kept",
                    json=body,
                    headers={"authorization": f"Token {OPERATOR_KEY}"},
                )
                assert answer.status_code == 400, answer.text
    with keyed_server(tmp_path) as second:
        assert (await status_of(second, "kept")).settings == TenantSettings(30.0, 5.0, 2)
