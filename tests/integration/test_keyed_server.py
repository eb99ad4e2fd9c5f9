"""API keys on a real server: who is let in, for what, and how a stream ends whose key ends."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from amazon_calls import signed_address
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server, lab
from server_process import eventually, is_at_rest, metrics, plain, speech
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from lab_kit import client, datasets
from lab_kit.bench import paced
from lab_kit.client import NativeWire, Wire
from lab_kit.core.errors import (
    ApiKeyNotFound,
    ConnectionFailed,
    InvalidMessage,
    InvalidParameter,
    KeyEnded,
    LabError,
    QuotaExceeded,
    ScopeMissing,
    Unauthenticated,
)
from lab_kit.core.events import Final, StreamOptions
from lab_kit.dialects.amazon.client import audio_frame, parse_frame
from lab_kit.protocol.api_keys import NewKey

AnyWire = Wire | NativeWire
WIRES = (*Wire, *NativeWire)
LIVE = tuple(wire for wire in WIRES if wire is not Wire.UPLOAD)
PHRASE = datasets.clip("two-cities-best")
RAW = "audio/l16;rate=16000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    """One that has asked for keys since its first moment."""
    folder = tmp_path_factory.mktemp("keys")
    made = lab("keys", "--state", str(folder / "state"), "create", "--tenant", "first")
    assert made.returncode == 0, made.stderr
    with keyed_server(folder) as running:
        yield running


async def test_without_a_key_nobody_is_let_in_and_with_one_it_is_told_which(
    server: KeyedServer,
) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    assert (await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=made.key)).text
    typo = made.key[:-1] + ("x" if made.key[-1] != "x" else "y")
    for key, said in (
        (None, "no key"),
        ("anything", "a key that is not valid here"),
        (typo, "a key with a typing error"),
        (made.about.id, "a key with a typing error"),
    ):
        with pytest.raises(Unauthenticated, match=said):
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=key)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_key_opens_every_wire_and_none_opens_none(
    server: KeyedServer, wire: AnyWire
) -> None:
    made = await server.operator.make_key(NewKey("acme", scope=("streams", "recordings")))
    async with asyncio.timeout(HANG_S):
        call = await client.stream_over(
            wire, server.address(made.key), paced(PHRASE), StreamOptions()
        )
        assert plain(call.text).startswith("it was the best")
        with pytest.raises((Unauthenticated, ConnectionFailed)):
            await client.stream_over(wire, server.address("wrong"), paced(PHRASE), StreamOptions())


async def test_a_key_is_for_what_its_scope_says(server: KeyedServer) -> None:
    live = await server.operator.make_key(NewKey("acme", scope=("streams",)))
    with pytest.raises(ScopeMissing, match="recordings with moonshine-tiny-en"):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=live.key)
    other = await server.operator.make_key(NewKey("acme", scope=("model:another",)))
    with pytest.raises(ScopeMissing, match="model:another"):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=other.key)
    headers = {"authorization": f"Token {live.key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as asking:
        said = await asking.post("/v1/audio:synthesize", json={"text": "no"})
        assert (said.status_code, said.json()["error"]["reason"]) == (403, "SCOPE_MISSING")
        assert (await asking.post("/v1/speak", json={"text": "no"})).status_code == 403
        assert (await asking.post("/v1/listen", content=b"")).status_code == 403


@pytest.mark.parametrize("wire", LIVE)
async def test_a_stream_whose_key_is_revoked_ends_at_once_and_says_what_it_owes(
    server: KeyedServer, wire: AnyWire
) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    texts: list[str] = []
    failure: Exception | None = None
    told = _told(server.url)  # to the tests before
    async with (
        asyncio.timeout(HANG_S),
        client.connect_over(wire, server.address(made.key), StreamOptions()) as end,
    ):
        sound = speech()
        for start in range(0, len(sound), 3_200):
            await end.send(sound[start : start + 3_200])
        await eventually(lambda: _told(server.url) > told, "heard")
        revoked_ns = time.perf_counter_ns()
        assert (await server.operator.revoke_key(made.about.id)).standing == "revoked"
        try:
            async for received in end:
                if isinstance(received.event, Final):
                    texts.append(received.event.text)
        except (ConnectionFailed, InvalidMessage, KeyEnded, Unauthenticated) as error:
            failure = error
        took_s = (time.perf_counter_ns() - revoked_ns) / 1e9
    # how much of the clip it had taken by then is another matter
    assert plain(" ".join(texts)).startswith("it was")
    assert took_s < HANG_S
    assert "revoked" in str(failure), "not by its idleness"
    assert isinstance(failure, KeyEnded) or not isinstance(wire, NativeWire)
    with pytest.raises((Unauthenticated, ConnectionFailed)):
        await client.stream_over(wire, server.address(made.key), paced(PHRASE), StreamOptions())
    await eventually(lambda: is_at_rest(server.url), "at rest")


def _told(url: str) -> float:
    """Results that the server has told."""
    seen = metrics(url).items()
    return sum(value for name, value in seen if name.startswith("lab_results_total|"))


async def test_a_stream_ends_with_the_keys_last_moment(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme", expires_s=time.time() + 2.0))
    address = server.address(made.key)
    async with (
        asyncio.timeout(HANG_S),
        client.connect_session(NativeWire.WEBSOCKET, address, StreamOptions()) as session,
    ):
        await session.send(PHRASE.pcm16)
        with pytest.raises(KeyEnded, match="expired"):
            async for _ in session:
                pass
    with pytest.raises(Unauthenticated, match="which is expired"):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=made.key)


async def test_a_session_is_not_gone_on_with_by_a_key_that_ended(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    async with httpx.AsyncClient(
        base_url=server.url, headers={"authorization": f"Bearer {made.key}"}, trust_env=False
    ) as asking:
        session = (await asking.post("/v1/streams")).json()["session"]
        await server.operator.revoke_key(made.about.id)
        refused = await asking.get(f"/v1/streams/{session}/events")
        assert refused.status_code == 401
    await eventually(lambda: is_at_rest(server.url), "at rest")


async def test_both_keys_of_a_rotation_are_valid_until_the_overlap_is_over(
    server: KeyedServer,
) -> None:
    old = await server.operator.make_key(NewKey("acme", "test", ("recordings",)))
    assert old.key.startswith("sk_test_")
    new = await server.operator.rotate_key(old.about.id, overlap_s=3_600.0)
    assert new.key != old.key
    assert (new.about.tenant, new.about.environment, new.about.scope) == (
        "acme",
        "test",
        ("recordings",),
    )
    for key in (old.key, new.key):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=key)
    last = await server.operator.rotate_key(new.about.id, overlap_s=0.0)
    with pytest.raises(Unauthenticated, match="which is expired"):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=new.key)
    with pytest.raises(InvalidParameter, match="which is expired"):
        await server.operator.rotate_key(new.about.id, overlap_s=0.0)
    await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=last.key)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (NewKey("operator"), "a tenant named operator"),
        (NewKey("sandbox-1"), "a tenant named sandbox-1"),
        (NewKey("Acme!"), "1 to 63 small letters"),
        (NewKey("acme", "prod"), "live or test"),
        (NewKey("acme", scope=("all",)), "a scope 'all'"),
        (NewKey("acme", expires_s=5.0), "not past"),
        (NewKey("acme", not_before_s=9e9, expires_s=8e9), "an end that is later"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_name(
    server: KeyedServer, new: NewKey, said: str
) -> None:
    with pytest.raises(InvalidParameter, match=said):
        await server.operator.make_key(new)


async def test_a_key_of_later_is_not_valid_yet_and_one_that_is_none_is_not_found(
    server: KeyedServer,
) -> None:
    made = await server.operator.make_key(NewKey("acme", not_before_s=time.time() + 3_600))
    with pytest.raises(Unauthenticated, match="which is not yet"):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=made.key)
    for asked in (server.operator.revoke_key, lambda name: server.operator.rotate_key(name, 0)):
        with pytest.raises(ApiKeyNotFound):
            await asked("sk_live_nobodys0")


async def test_a_server_without_keys_is_open_until_the_first_is_made(tmp_path: Path) -> None:
    with keyed_server(tmp_path) as server:
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key="whatever")
        listed = lab("keys", "--url", server.url, "--operator-key", "of-the-operator", "list")
        assert (listed.returncode, listed.stdout) == (0, "")
        made = await server.operator.make_key(NewKey("acme"))
        with pytest.raises(Unauthenticated):
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key="whatever")
        await server.operator.revoke_key(made.about.id)
        with pytest.raises(Unauthenticated, match="which is revoked"):
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=made.key)
        with pytest.raises(Unauthenticated):
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key="whatever")


async def test_keys_outlive_the_server_and_are_written_nowhere(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = lab("keys", "--state", str(state), "create", "--tenant", "acme", "--days", "1")
    key, about = made.stdout.splitlines()
    assert about.startswith(f"{key[:16]}  acme  valid  everything  until ")
    for _ in range(2):
        with keyed_server(tmp_path) as server:
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=key)
            while_it_runs = lab("keys", "--state", str(state), "create", "--tenant", "acme")
            assert while_it_runs.returncode == 1
            assert "no other server uses" in while_it_runs.stderr
            url = ("--url", server.url, "--operator-key", "of-the-operator")
            assert lab("keys", *url, "list").stdout.strip() == about
    files = [server.log, *(one for one in state.rglob("*") if one.is_file())]
    told = b"".join(one.read_bytes() for one in files)
    assert key.encode() not in told
    assert key[16:].encode() not in told
    assert key[:16].encode() in told, "the id is what it is known by"


def test_keys_of_another_pepper_are_told_and_nobody_is_served(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    assert lab("keys", "--state", state, "create", "--tenant", "acme").returncode == 0
    other = lab("keys", "--state", state, "create", "--tenant", "acme", pepper="00" * 32)
    assert other.returncode == 1
    assert "set LAB_KEY_PEPPER" in other.stderr
    wrong = lab("keys", "--state", state, "create", "--tenant", "acme", pepper="secret")
    assert "64 hexadecimal digits" in wrong.stderr
    assert "secret" not in wrong.stderr.replace("secrets", "")


def test_a_command_without_a_server_is_told_how_to_name_one() -> None:
    told = lab("keys", "list")
    assert told.returncode == 1
    assert "--url and --operator-key" in told.stderr


async def test_amazons_clients_sign_with_a_key_that_is_both(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    heard = []
    async with asyncio.timeout(HANG_S), connect(signed_address(made.key, server.url)) as socket:
        for start in range(0, len(PHRASE.pcm16), 3_200):
            await socket.send(audio_frame(PHRASE.pcm16[start : start + 3_200]))
        await socket.send(audio_frame(b""))
        async for message in socket:
            assert isinstance(message, bytes)
            event, _, _ = parse_frame(message)
            heard += [event.text] if isinstance(event, Final) else []
        await server.operator.revoke_key(made.about.id)
    assert plain(" ".join(heard)).startswith("it was the best")
    async with asyncio.timeout(HANG_S), connect(signed_address(made.key, server.url)) as socket:
        with pytest.raises(LabError):
            parse_frame(await socket.recv())


async def test_a_temporary_token_is_no_more_than_the_key_it_stands_for(
    server: KeyedServer,
) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    headers = {"authorization": made.key}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as asking:
        asked = await asking.get("/v3/token", params={"expires_in_seconds": 60})
        token = asked.json()["token"]
    await server.operator.revoke_key(made.about.id)
    ws = server.url.replace("http", "ws")
    async with (
        asyncio.timeout(HANG_S),
        connect(f"{ws}/v3/ws?sample_rate=16000&token={token}") as socket,
    ):
        with pytest.raises(ConnectionClosedError, match="1008"):
            async for _ in socket:
                pass  # an error may be told before the close


async def test_a_key_has_no_more_streams_at_once_than_it_may(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme", streams=2))
    address = server.address(made.key)

    def another() -> AbstractAsyncContextManager[client.SessionClient]:
        return client.connect_session(NativeWire.EVENTS, address, StreamOptions())

    async def end(session: client.SessionClient) -> None:
        await session.finish()
        async for _ in session:
            pass

    async with asyncio.timeout(HANG_S), another() as first, another() as second:
        with pytest.raises(QuotaExceeded, match="at most 2 at once"):
            async with another():
                pass
        assert (await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=made.key)).text
        await end(second)
        async with another() as third:  # there is room again
            await end(third)
        await end(first)
    await eventually(lambda: is_at_rest(server.url), "at rest")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say --without-keys"),
        (("--without-keys",), "say --without-tls"),
        (("--key", "one"), "say --without-tls"),
    ],
)
def test_other_machines_are_let_in_only_where_that_is_meant(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    asked = ("--host", "0.0.0.0", "--port", "0", "--repository", str(tmp_path), *options)
    told = lab("serve", *asked)
    assert told.returncode == 1
    assert said in told.stderr


async def test_it_serves_other_machines_where_that_is_meant(tmp_path: Path) -> None:
    with keyed_server(tmp_path, "--host", "0.0.0.0", "--without-tls", "--key", "one") as server:
        call = await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key="one")
        assert call.text
    assert "open to" not in server.log.read_text("utf-8")


async def test_a_key_that_is_rotated_and_revoked_at_once_is_revoked(server: KeyedServer) -> None:
    for _ in range(10):
        made = await server.operator.make_key(NewKey("acme"))
        await asyncio.gather(
            server.operator.revoke_key(made.about.id),
            server.operator.rotate_key(made.about.id, 60.0),
            return_exceptions=True,
        )
        known = {one.id: one.standing for one in await server.operator.keys()}
        assert known[made.about.id] == "revoked"


@pytest.mark.parametrize("option", [("--streams", "0"), ("--days", "nan"), ("--days", "1e12")])
def test_a_number_that_no_key_can_have_is_told_in_a_sentence(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    told = lab("keys", "--state", str(tmp_path), "create", "--tenant", "acme", *option)
    assert told.returncode == 1
    assert "change that option" in told.stderr
    assert "Traceback" not in told.stderr
