"""A server whose tables are in PostgreSQL: the same as with a file, and what is only there."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server, lab
from postgres_server import PASSWORD, PostgresServer, postgres_server

from lab_kit import client, datasets
from lab_kit.core.errors import LabError, Unauthenticated
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

PHRASE = datasets.clip("two-cities-best")
RAW = "audio/l16;rate=16000"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


async def test_everything_that_is_kept_outlives_the_server(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    at = {"LAB_DATABASE": postgres.url("kept")}
    first = lab(
        "keys", "--state", str(tmp_path / "state"), "create", "--tenant", "first", environ=at
    )
    assert first.returncode == 0, first.stderr
    early = first.stdout.splitlines()[0]
    with keyed_server(tmp_path, environ=at) as server:
        await server.operator.set_tenant("acme", TenantSettings(60.0, 10.0, 5, redact="card"))
        made = await server.operator.make_key(NewKey("acme", scope=("recordings",)))
        gone = await server.operator.make_key(NewKey("acme"))
        await server.operator.revoke_key(gone.about.id)
        token = (await client.access_token(server.url, made.key)).access_token
        number = await handed_over(server, made.key)
        assert (await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=early)).text
    assert not (tmp_path / "state" / "state.sqlite").exists()
    with keyed_server(tmp_path, environ=at) as again:
        assert (await client.transcribe(again.url, PHRASE.pcm16, RAW, "", key=token)).text
        with pytest.raises(Unauthenticated, match="revoked"):
            await client.transcribe(again.url, PHRASE.pcm16, RAW, "", key=gone.key)
        (acme,) = [one for one in await again.operator.tenants() if one.tenant == "acme"]
        assert acme.settings == TenantSettings(60.0, 10.0, 5, redact="card")
        async with asking(again, made.key) as http:
            told = (await http.get(f"/v1/transcriptions/{number}")).json()
        assert "best of times" in str(told).lower()
    assert PASSWORD not in (tmp_path / "log").read_text()


async def handed_over(server: KeyedServer, key: str) -> str:
    """The name of a transcription, once it is there."""
    async with asking(server, key) as http, asyncio.timeout(HANG_S):
        again = {"idempotency-key": "one", "content-type": RAW}
        begun = [
            await http.post("/v1/transcriptions", content=PHRASE.pcm16, headers=again)
            for _ in range(2)
        ]
        assert begun[0].json()["name"] == begun[1].json()["name"], "asked twice, done once"
        while not (found := (await http.get(begun[0].headers["location"])).json())["done"]:
            await asyncio.sleep(0.1)
    return str(found["name"]).rpartition("/")[2]


def asking(server: KeyedServer, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Token {key}"}
    return httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=HANG_S)


async def test_a_database_has_one_server_and_says_so_without_its_password(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.url("taken")
    with keyed_server(tmp_path, environ={"LAB_DATABASE": url}):
        second = refused(tmp_path / "other", url)
    assert "which another server uses" in second
    assert "the database taken on 127.0.0.1" in second
    nobody = refused(tmp_path / "other", url.replace(PASSWORD, "another-password"))
    assert "OperationalError" in nobody
    assert "another-password" not in nobody
    assert "is not PostgreSQL's" in refused(tmp_path / "other", "mysql://lab@127.0.0.1/lab")


def refused(folder: Path, url: str) -> str:
    """What a server says that does not start."""
    command = [sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--model", "scripted"]
    command += ["--state", str(folder), "--database", url]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=HANG_S, check=False, cwd=folder.parent
    )
    assert ended.returncode == 1
    assert PASSWORD not in ended.stdout + ended.stderr
    return ended.stderr


async def test_a_database_that_was_away_is_used_again(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with keyed_server(tmp_path, environ={"LAB_DATABASE": postgres.url("away")}) as server:
        made = await server.operator.make_key(NewKey("acme"))
        postgres.stop()
        try:
            with pytest.raises(LabError, match="see whether it runs"):
                await server.operator.make_key(NewKey("acme"))
            # who is known is served meanwhile
            assert (await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=made.key)).text
        finally:
            postgres.start()
        async with asyncio.timeout(HANG_S):
            while True:
                try:
                    assert (await server.operator.make_key(NewKey("acme"))).key
                    break
                except LabError:
                    await asyncio.sleep(0.2)
        assert len(await server.operator.keys()) == 2
