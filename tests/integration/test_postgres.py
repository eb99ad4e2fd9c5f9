"""A server with its tables in PostgreSQL: the same as with a file, and what is only there."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

import httpx
import psycopg
import pytest
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server, lab
from postgres_server import PASSWORD, PostgresServer, postgres_server
from receiver import Receiver
from server_process import OPERATOR_KEY

from lab_kit import client, datasets
from lab_kit.core.errors import LabError, Unauthenticated
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

PHRASE = datasets.clip("two-cities-best")
RAW = "audio/l16;rate=16000"
ALICE = "customer-7"
SAID = "marmalade beside the lighthouse"
SETTINGS = TenantSettings(60.0, 10.0, 5, redact="card")


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
    with Receiver() as receiver:
        with keyed_server(tmp_path, "--allow-host", "127.0.0.1", environ=at) as server:
            await server.operator.set_tenant("acme", SETTINGS)
            made = command_key(server, "create", "--tenant", "acme")
            rotated = command_key(server, "rotate", made[:16])
            gone = command_key(server, "create", "--tenant", "acme")
            command_key(server, "revoke", gone[:16])
            token = (await client.access_token(server.url, rotated)).access_token
            async with asking(server, rotated) as http:
                hook = (await http.post("/v1/webhooks", json={"url": receiver.url})).json()
            number = await handed_over(server, rotated)
            answer = await answered(server, rotated)
            assert (await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=early)).text
            await told(receiver)
        assert not (tmp_path / "state" / "state.sqlite").exists()
        with keyed_server(tmp_path, environ=at) as again:
            for key in (made, rotated, token):
                assert (await client.transcribe(again.url, PHRASE.pcm16, RAW, "", key=key)).text
            with pytest.raises(Unauthenticated, match="revoked"):
                await client.transcribe(again.url, PHRASE.pcm16, RAW, "", key=gone)
            (acme,) = [one for one in await again.operator.tenants() if one.tenant == "acme"]
            assert acme.settings == SETTINGS
            async with asking(again, rotated) as http:
                text = (await http.get(f"/v1/transcriptions/{number}")).json()
                sent = (await http.get(f"/v1/{hook['name']}/deliveries")).json()
            assert "best of times" in str(text).lower()
            assert [one["state"] for one in sent["deliveries"]] == ["DELIVERED"]
            assert await answered(again, rotated) == answer
            key = lab("audit", "key", *of(again)).stdout.strip()
            log = str(tmp_path / "state" / "audit")
            assert lab("audit", "verify", log, "--key", key).returncode == 0
    assert PASSWORD not in (tmp_path / "log").read_text()


def of(server: KeyedServer) -> tuple[str, ...]:
    return ("--url", server.url, "--operator-key", OPERATOR_KEY)


def command_key(server: KeyedServer, *action: str) -> str:
    done = lab("keys", *of(server), *action)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[0]


async def told(receiver: Receiver) -> None:
    async with asyncio.timeout(HANG_S):
        while not receiver.requests:
            await asyncio.sleep(0.05)
    (got,) = receiver.requests
    assert json.loads(got.body)["type"] == "operation.succeeded"


async def answered(server: KeyedServer, key: str) -> bytes:
    """The answer to a request under a key of its caller's."""
    headers = {"idempotency-key": "an-answer", "content-type": RAW}
    async with asking(server, key) as http:
        answer = await http.post("/v1/audio:transcribe", content=PHRASE.pcm16, headers=headers)
        again = await http.post("/v1/audio:transcribe", content=PHRASE.pcm16, headers=headers)
    assert answer.is_success, answer.text
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == answer.content
    return answer.content


async def handed_over(server: KeyedServer, key: str, subject: str | None = None) -> str:
    """The number of a transcription, once it is there."""
    about = {} if subject is None else {"x-subject": subject}
    async with asking(server, key) as http, asyncio.timeout(HANG_S):
        again = {"idempotency-key": "one", "content-type": RAW, **about}
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


# -- what is erased --------------------------------------------------------------------------------


async def test_who_is_erased_is_in_no_table_and_the_key_in_no_tables_file(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.url("erased")
    script = tmp_path / "script.txt"
    script.write_text(f"{SAID}\n")
    model = ("--model", "scripted", "--script", str(script))
    with keyed_server(tmp_path, *model, environ={"LAB_DATABASE": url}) as server:
        key = (await server.operator.make_key(NewKey("acme"))).key
        await handed_over(server, key, "customer-8")
        number = await handed_over(server, (await server.operator.make_key(NewKey("b"))).key, ALICE)
        wrapped = wrapped_key(url)
        assert len(holding(postgres, url, wrapped)) == 1  # so it is looked for as it is written
        async with asking(server, OPERATOR_KEY) as http:
            path, tenant = f"/operator/subjects/{ALICE}", {"tenant": "b"}
            exported = await http.get(f"{path}/export", params=tenant)
        with ZipFile(io.BytesIO(exported.content)) as file:
            assert SAID in json.loads(file.read("data.json"))["said"][number]["text"]
        done = lab("privacy", "erase", *of(server), "--tenant", "b", "--subject", ALICE)
        assert "key destroyed: yes" in done.stdout
        assert (
            "0 things are kept"
            in lab(*("privacy", "show", *of(server), "--tenant", "b", "--subject", ALICE)).stdout
        )
        for wanted in (wrapped, ALICE.encode()):
            assert holding(postgres, url, wanted) == []
        assert holding(postgres, url, b"customer-8")
        # words were sealed before they came here; a key is in the journal until it is written over
        for wanted, is_there in ((b"marmalade", False), (wrapped, True)):
            journal = (postgres.folder / "data" / "pg_wal").glob("0*")
            assert any(wanted in one.read_bytes() for one in journal) == is_there
        assert holding(postgres, url, b"marmalade") == []


def wrapped_key(url: str) -> bytes:
    with closing(psycopg.connect(url)) as connection:
        found = connection.execute("SELECT wrapped FROM subjects WHERE name = %s", (ALICE,))
        ((wrapped,),) = found.fetchall()
    return bytes(wrapped)


def holding(postgres: PostgresServer, url: str, wanted: bytes) -> list[Path]:
    """The files of tables and indexes that hold that, once all is written to them."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("CHECKPOINT")
    files = (postgres.folder / "data" / "base").rglob("*")
    return [one for one in files if one.is_file() and wanted in one.read_bytes()]


# -- one server at a time --------------------------------------------------------------------------


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
