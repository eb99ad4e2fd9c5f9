"""What was agreed with a tenant holds for all its calls: where speech goes, what is taken out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server, lab
from server_process import OPERATOR_KEY

from lab_kit import client, datasets
from lab_kit.bench import paced
from lab_kit.client import NativeWire, Wire
from lab_kit.core.errors import ConnectionFailed, LabError, Unauthenticated
from lab_kit.core.events import Final, StreamOptions
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

RAW = {"content-type": "audio/l16;rate=16000"}
PHRASE = datasets.clip("two-cities-best")
EU = {"home_region": "eu-west", "allowed_regions": ("eu-west", "us-east")}
BOTH = ("recognition", "retention")


@pytest.fixture(scope="module")
def european(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    folder = tmp_path_factory.mktemp("eu")
    with keyed_server(folder, "--region", "eu-west:eu", "--other-region", "us-east:us") as server:
        yield server


@pytest.fixture(scope="module")
def american(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    folder = tmp_path_factory.mktemp("us")
    with keyed_server(folder, "--region", "us-east:us", "--other-region", "eu-west:eu") as server:
        yield server


async def key_of(server: KeyedServer, tenant: str, settings: TenantSettings) -> str:
    await server.operator.set_tenant(tenant, settings)
    return (await server.operator.make_key(NewKey(tenant))).key


async def asked(server: KeyedServer, key: str, path: str, **headers: str) -> httpx.Response:
    offered = {"authorization": f"Token {key}", **RAW, **headers}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=HANG_S) as http:
        return await http.post(path, content=PHRASE.pcm16, headers=offered)


async def test_eu_speech_is_served_in_the_eu_and_nowhere_else(
    european: KeyedServer, american: KeyedServer
) -> None:
    settings = TenantSettings(**EU, consents=BOTH)
    here = await key_of(european, "berlin", settings)
    there = await key_of(american, "berlin", settings)
    assert (await asked(european, here, "/v1/audio:transcribe")).status_code == 200
    refused = await asked(american, there, "/v1/audio:transcribe")
    assert refused.status_code == 403
    error = refused.json()["error"]
    assert error["reason"] == "POLICY_DENIED"
    assert "eu-stays-in-the-eu" in error["details"]["rules"]
    for wire in (*Wire, *NativeWire):
        with pytest.raises((LabError, ConnectionFailed, Unauthenticated)):
            await client.stream_over(wire, american.address(there), paced(PHRASE), StreamOptions())
    said = await client.stream_over(
        NativeWire.GRPC, european.address(here), paced(PHRASE), StreamOptions()
    )
    assert any(isinstance(one.event, Final) for one in said.received)


async def test_what_is_kept_needs_a_consent_of_its_own(european: KeyedServer) -> None:
    key = await key_of(european, "vienna", TenantSettings(**EU, consents=("recognition",)))
    assert (await asked(european, key, "/v1/audio:transcribe")).status_code == 200
    kept = await asked(european, key, "/v1/transcriptions")
    assert kept.status_code == 403
    assert "retention-needs-the-tenants-consent" in kept.json()["error"]["details"]["rules"]


async def test_sensitive_speech_needs_the_speakers_consent(european: KeyedServer) -> None:
    key = await key_of(european, "clinic", TenantSettings(**EU, consents=BOTH))
    path, sensitive = "/v1/audio:transcribe", {"x-data-class": "sensitive"}
    assert (await asked(european, key, path, **sensitive)).status_code == 403
    agreed = {**sensitive, "x-subject-consents": "recognition"}
    assert (await asked(european, key, path, **agreed)).status_code == 200
    for wrong in ({"x-data-class": "secret"}, {"x-subject-consents": "everything"}):
        assert (await asked(european, key, path, **wrong)).status_code == 400


async def test_a_server_that_does_not_know_where_it_is_serves_nobody_by_rules(
    tmp_path: Path,
) -> None:
    with (
        keyed_server(tmp_path) as nowhere,
        pytest.raises(LabError, match="was not told where it is"),
    ):
        await nowhere.operator.set_tenant("berlin", TenantSettings(**EU))
    with keyed_server(tmp_path, "--region", "eu-west:eu", "--other-region", "us-east:us") as there:
        key = await key_of(there, "berlin", TenantSettings(**EU, consents=BOTH))
    with keyed_server(tmp_path) as again:
        refused = await asked(again, key, "/v1/audio:transcribe")
        assert (refused.status_code, refused.json()["error"]["reason"]) == (403, "POLICY_DENIED")


async def test_decisions_are_in_the_audit_log_with_their_rules(european: KeyedServer) -> None:
    key = await key_of(european, "logged", TenantSettings(**EU, consents=()))
    refused = await asked(european, key, "/v1/audio:transcribe")
    assert refused.status_code == 403
    async with asyncio.timeout(HANG_S):
        while True:
            found = [one async for one in european.operator.audit_records(tenant="logged")]
            if any("recognition-needs-the-tenants-consent" in str(one.about) for one in found):
                break
            await asyncio.sleep(0.05)


async def test_a_tenants_results_are_redacted_whatever_a_call_asks_for(
    european: KeyedServer,
) -> None:
    key = await key_of(european, "careful", TenantSettings(redact="name"))
    async with httpx.AsyncClient(base_url=european.url, trust_env=False, timeout=HANG_S) as http:
        headers = {"authorization": f"Token {key}"}
        text = {"text": "My name is Mary Johnson."}
        spoken = await http.post("/v1/audio:synthesize", json=text, headers=headers)
        assert spoken.status_code == 200
        for path, kind in (
            ("/v1/audio:transcribe", "audio/wav"),
            ("/v2/audio:transcribe", "audio/wav"),
            ("/v1/listen", "audio/wav"),
        ):
            answer = await http.post(
                path, content=spoken.content, headers={**headers, "content-type": kind}
            )
            assert answer.status_code == 200, answer.text
            assert "Johnson" not in answer.text, path
            assert "[name]" in answer.text, path
        bare = await http.post(
            "/v2/models/moonshine-tiny-en/infer", json={"inputs": []}, headers=headers
        )
        assert bare.status_code == 403
        with pytest.raises(LabError, match="redact"):
            await european.operator.set_tenant("careful", TenantSettings(redact="everything"))


def test_settings_are_changed_one_by_one_in_a_terminal(european: KeyedServer) -> None:
    at = ("tenants", "--url", european.url, "--operator-key", OPERATOR_KEY)
    first = lab(*at, "set", "typed", "--compute", "60", "--redact", "card")
    assert (first.returncode, "60 compute-seconds" in first.stdout) == (0, True), first.stderr
    second = lab(*at, "set", "typed", "--home-region", "eu-west", "--allow-region", "eu-west")
    assert "60 compute-seconds" in second.stdout
    assert "redacts card, home in eu-west" in second.stdout
    third = lab(*at, "set", "typed", "--unset", "compute")
    assert "no limit, redacts card" in third.stdout
    assert "typed" in lab(*at, "list").stdout
    assert lab(*at, "set", "typed", "--home-region", "mars").returncode == 1
