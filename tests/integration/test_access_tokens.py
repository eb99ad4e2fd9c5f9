"""Access tokens on a real server: given for a key, bound to a stream, refreshed in it, replayed."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from hang import HANG_S
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from keyed_server import KeyedServer, keyed_server
from server_process import OPERATOR_KEY, eventually, is_at_rest

from lab_kit import client, datasets
from lab_kit.bench import paced
from lab_kit.client import NativeWire, Wire
from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidMessage,
    KeyEnded,
    LabError,
    ScopeMissing,
    Unauthenticated,
)
from lab_kit.core.events import Final, StreamOptions
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.stream_messages import Refreshed, StreamError

PHRASE = datasets.clip("two-cities-best")
RAW = "audio/l16;rate=16000"
LIFE_S = 4.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    with keyed_server(tmp_path_factory.mktemp("tokens")) as running:
        yield running


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    """One whose tokens are valid for some seconds."""
    folder = tmp_path_factory.mktemp("brief")
    with keyed_server(folder, "--limit", f"token_s={LIFE_S}") as running:
        yield running


async def test_a_key_is_changed_for_a_token_that_says_what_rfc_9068_wants(
    server: KeyedServer,
) -> None:
    made = await server.operator.make_key(NewKey("acme", scope=("recordings", "streams")))
    given = await client.access_token(server.url, made.key, "recordings")
    assert (given.token_type, given.expires_in, given.scope) == ("Bearer", 600, "recordings")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as anybody:
        about = (await anybody.get("/.well-known/oauth-authorization-server")).json()
        published = await anybody.get(about["jwks_uri"])
    assert "max-age=300" in published.headers["cache-control"]
    assert all("d" not in key for key in published.json()["keys"]), "nothing of it is private"
    read = jwt.decode(
        given.access_token, KeySet.import_key_set(published.json()), algorithms=["Ed25519"]
    )
    assert read.header["typ"] == "at+jwt"
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(read.claims)
    assert read.claims["sub"] == read.claims["client_id"] == made.about.id
    call = await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=given.access_token)
    assert call.text
    with pytest.raises(ScopeMissing, match="a token of the key"):
        await client.stream_over(
            NativeWire.WEBSOCKET, server.address(given.access_token), paced(PHRASE), StreamOptions()
        )
    with pytest.raises(ScopeMissing):
        await client.access_token(server.url, made.key, "speech")


async def test_every_way_in_takes_a_token_where_it_takes_a_key(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    for wire in (*Wire, *NativeWire):
        token = (await client.access_token(server.url, made.key)).access_token
        call = await client.stream_over(wire, server.address(token), paced(PHRASE), StreamOptions())
        assert any(isinstance(one.event, Final) for one in call.received), wire


async def test_a_token_opens_one_stream(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    token = (await client.access_token(server.url, made.key)).access_token
    first, second = server.address(token), server.address(token)
    await client.stream_over(NativeWire.WEBSOCKET, first, paced(PHRASE), StreamOptions())
    for wire in (NativeWire.GRPC, NativeWire.WEBSOCKET, Wire.WEBSOCKET):
        with pytest.raises((Unauthenticated, ConnectionFailed), match=r"opened with before|401"):
            await client.stream_over(wire, second, paced(PHRASE), StreamOptions())


@pytest.mark.parametrize("wire", NativeWire)
async def test_a_stream_goes_on_with_another_token_and_ends_without(
    brief: KeyedServer, wire: NativeWire
) -> None:
    made = await brief.operator.make_key(NewKey("acme"))
    other = await brief.operator.make_key(NewKey("rival"))

    async def token(key: str, *scope: str) -> str:
        return (await client.access_token(brief.url, key, *scope)).access_token

    opening = await token(made.key, "streams")
    began_s = time.monotonic()
    address = brief.address(opening)
    failure: LabError | None = None
    async with (
        asyncio.timeout(HANG_S),
        client.connect_session(wire, address, StreamOptions()) as session,
    ):
        await asyncio.sleep(2.0)
        # nobody else's, none for more, none that was used, and nothing that is no token
        for bad in (
            await token(other.key, "streams"),
            await token(made.key),
            opening,
            "eyJ.no.token",
        ):
            await session.refresh(bad)
        good = await token(made.key, "streams")
        await session.refresh(good)
        hearing = asyncio.create_task(_heard(session))
        while time.monotonic() < began_s + LIFE_S + 0.8:
            await session.send(b"\0" * 3_200)
            await asyncio.sleep(0.1)
        assert not hearing.done(), "it goes on beyond its first token's end"
        try:
            await hearing
        except KeyEnded as error:
            failure = error
    assert isinstance(failure, KeyEnded)
    assert "token has expired" in str(failure)
    answers = [m for m in session.messages if isinstance(m, Refreshed | StreamError)]
    assert [isinstance(one, Refreshed) for one in answers] == [*[False] * 4, True, False]
    refreshed = answers[4]
    assert isinstance(refreshed, Refreshed)
    assert 0 < refreshed.valid_s <= LIFE_S
    await eventually(lambda: is_at_rest(brief.url), "at rest")


async def _heard(session: client.SessionClient) -> None:
    async for _ in session:
        pass


async def test_a_providers_stream_ends_with_its_token(brief: KeyedServer) -> None:
    made = await brief.operator.make_key(NewKey("acme"))
    token = (await client.access_token(brief.url, made.key)).access_token
    failure: LabError | None = None
    async with (
        asyncio.timeout(HANG_S),
        client.connect_over(Wire.WEBSOCKET, brief.address(token), StreamOptions()) as end,
    ):
        try:
            async for _ in end:
                pass
        except (ConnectionFailed, InvalidMessage, KeyEnded) as error:
            failure = error
    assert "expired" in str(failure)


async def test_a_token_is_worth_no_more_than_its_key(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    token = (await client.access_token(server.url, made.key)).access_token
    await server.operator.revoke_key(made.about.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=token)
    with pytest.raises(Unauthenticated):
        await client.access_token(server.url, made.key)


async def test_forged_expired_and_foreign_tokens_are_refused(
    server: KeyedServer, brief: KeyedServer
) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    good = (await client.access_token(server.url, made.key)).access_token
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))

    def part(told: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    foreign = OKPKey.generate_key("Ed25519", private=True)
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    forged = jwt.encode(
        {"alg": "Ed25519", "typ": "at+jwt", "kid": kid}, claims, foreign, algorithms=["Ed25519"]
    )
    brief_key = await brief.operator.make_key(NewKey("acme"))
    elsewhere = (await client.access_token(brief.url, brief_key.key)).access_token
    for token in (
        f"{head}.{part({**claims, 'scope': ''})}.{signature}",
        f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{body}.",
        f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{body}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        forged,
        elsewhere,
        good + "x",
        "eyJ" + "a" * 5_000 + ".b.c",
    ):
        with pytest.raises(Unauthenticated):
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=token)
    late = (await client.access_token(brief.url, brief_key.key)).access_token
    await asyncio.sleep(LIFE_S + 1)
    with pytest.raises(Unauthenticated, match="expired"):
        await client.transcribe(brief.url, PHRASE.pcm16, RAW, "", key=late)


async def test_the_token_endpoint_answers_in_oauths_words(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme", scope=("streams",)))
    form = {"grant_type": "client_credentials"}
    own = {"client_id": made.about.id, "client_secret": made.key}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        given = await http.post("/oauth/token", data={**form, **own})
        assert given.status_code == 200
        assert given.headers["cache-control"] == "no-store"
        for data, auth, status, error in (
            (form, None, 401, "invalid_client"),
            (form, (made.about.id, made.key[:-1] + "x"), 401, "invalid_client"),
            (form, ("another", made.key), 401, "invalid_client"),
            (form, (made.about.id, given.json()["access_token"]), 401, "invalid_client"),
            ({"grant_type": "password", **own}, None, 400, "unsupported_grant_type"),
            ({**form, **own, "scope": "speech"}, None, 400, "invalid_scope"),
            ({**form, **own, "scope": "everything"}, None, 400, "invalid_request"),
        ):
            answer = await http.post("/oauth/token", data=data, auth=auth)
            assert (answer.status_code, answer.json().get("error")) == (status, error), data
            assert made.key not in answer.text
        twice = await http.post("/oauth/token", content=b"grant_type=a&grant_type=b")
        assert twice.json()["error"] == "invalid_request"
        assert (await http.post("/oauth/token", content=b"a" * 9_000)).status_code == 413


async def test_keys_for_tokens_follow_one_another(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    before = (await client.access_token(server.url, made.key)).access_token
    operator = {"authorization": f"Token {OPERATOR_KEY}"}
    async with httpx.AsyncClient(base_url=server.url, headers=operator, trust_env=False) as http:
        first = await http.post("/operator/token-keys:rotate", json={})
        assert len(first.json()["keys"]) == 2
        after = (await client.access_token(server.url, made.key)).access_token
        assert after.split(".")[0] == before.split(".")[0], "the new one is not known long enough"
        second = await http.post("/operator/token-keys:rotate", json={"at_once": True})
        assert len(second.json()["keys"]) == 1
    for token in (before, after):
        with pytest.raises(Unauthenticated, match="signature"):
            await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=token)
    now = (await client.access_token(server.url, made.key)).access_token
    assert (await client.transcribe(server.url, PHRASE.pcm16, RAW, "", key=now)).text


async def test_no_token_is_in_the_log(server: KeyedServer) -> None:
    made = await server.operator.make_key(NewKey("acme"))
    token = (await client.access_token(server.url, made.key)).access_token
    async with (
        asyncio.timeout(HANG_S),
        client.connect_session(
            NativeWire.WEBSOCKET, server.address(token), StreamOptions()
        ) as session,
    ):
        await session.refresh(token)
        await session.finish()
        await _heard(session)
    told = [m for m in session.messages if isinstance(m, StreamError)]
    assert told
    assert token not in str(told)
    log = server.log.read_text()
    assert token not in log
    assert made.key not in log
