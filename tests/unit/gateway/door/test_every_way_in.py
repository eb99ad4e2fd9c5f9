"""Every route of the application, asked for without its key, with a wrong one, and at bad times.

The routes are those that the application has, not a list: one that is added without the door is
asked too, and answers where it must refuse. Nothing may read a body before the key was looked at,
nor one for which there is no room.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from amazon_calls import signed_headers, signed_query
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from google.cloud import speech_v1, speech_v2
from hang import HANG_S
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.routing import BaseRoute, Route

from lab_kit.capacity.degradation import Level
from lab_kit.dialects.amazon.event_stream import decoded
from lab_kit.dialects.amazon.options import HTTP_PATH, SOCKET_PATH
from lab_kit.dialects.google.versions import V1, V2
from lab_kit.dialects.lab.protobuf import first_message
from lab_kit.gateway.door.public import PUBLIC_METHODS, PUBLIC_PATHS, SIGNED_PATHS
from lab_kit.gateway.door.token_keys import TokenKeys
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.grpc import grpc_services, start_grpc
from lab_kit.gateway.run.server import Server
from lab_kit.governance.record import Action, Entry
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.proto_text import METHOD, SERVICE
from lab_kit.protocol.stream_messages import StreamRequest

KEY, OPERATOR_KEY = "the-callers", "the-operators"
NOBODYS = "01a229bd-f753-768f-a518-07a06b43dab0"
VALUES = {
    "model": "scripted",
    "version": "1",
    "number": "1",
    "label": "canary",
    "tenant": "acme",
    "key": "sk_live_nobodys0",
    "subject": "nobody",
    "name": "redact",
    "operation": NOBODYS,
    "transcription": NOBODYS,
    "webhook": NOBODYS,
    "message": "msg_nobodys",
    "transcript": NOBODYS,
    "signed": "19ad0-00",
    "session": NOBODYS,
    "voice_id": "anybody",
    "meter": "nobodys",
    "route": "v1-audio-transcribe",
}
"""For the parameters in paths."""
QUERIES = {
    "/operator/subjects/{subject}": "tenant=acme",
    "/operator/subjects/{subject}/export": "tenant=acme",
    "/v1/listen": "encoding=linear16&sample_rate=16000",
    "/v1/realtime": "intent=transcription",
    "/v1/speech-to-text/realtime": "model_id=scribe_v2_realtime",
    "/v1/streams/{session}/messages": "number=1",
    "/v3/ws": "sample_rate=16000",
    "/v3/token": "expires_in_seconds=60",
}
CLOSES = {"/v3/ws": {1008: 401, 3006: 403, 1013: 503}}
"""Where a provider refuses after the upgrade: its codes, and the statuses that they stand for."""
READS = {
    "/v1/models",
    "/v1/models/{model}",
    "/v1/voices",
    "/v1/voices/{voice_id}",
    "/v2",
    "/v2/models/{model}",
    "/v2/models/{model}/versions/{version}",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/versions/{version}/ready",
    "/v2/repository/index",
}
"""They tell what there is, also while the server refuses work."""
OWN = {
    "/api/v1/events",
    "/api/v1/meters",
    "/api/v1/meters/{meter}",
    "/api/v1/meters/{meter}/query",
    "/v1/billing/meter_event_adjustments",
    "/v1/billing/meter_events",
    "/v1/billing/meters",
    "/v1/billing/meters/{meter}",
    "/v1/billing/meters/{meter}/deactivate",
    "/v1/billing/meters/{meter}/event_summaries",
    "/v1/billing/meters/{meter}/reactivate",
    "/v1/operations",
    "/v1/operations/{operation}",
    "/v1/operations/{operation}:cancel",
    "/v1/operations/{operation}:wait",
    "/v1/transcriptions/{transcription}",
    "/v1/transcriptions/{transcription}/audio",
    "/v1/streams/{session}/events",
    "/v1/streams/{session}/messages",
    "/v1/webhooks",
    "/v1/webhooks/{webhook}",
    "/v1/webhooks/{webhook}:rotateSecret",
    "/v1/webhooks/{webhook}/deliveries",
    "/v1/webhooks/{webhook}/deliveries/{message}:replay",
    "/v2/billing/meter_event_session",
    "/v2/billing/meter_event_stream",
    "/v2/billing/meter_events",
    "/v2/transcript/{transcript}",
    "/v2/transcript/{transcript}/paragraphs",
    "/v2/transcript/{transcript}/redacted-audio",
    "/v2/transcript/{transcript}/sentences",
    "/v2/transcript/{transcript}/srt",
    "/v2/transcript/{transcript}/vtt",
    "/v2/transcript/{transcript}/word-search",
    "/v3/token",
}
"""A caller's own: also while the server refuses work it is asked for, ended and removed."""
OWN_LISTS = {"GET /v2/transcript"}
"""The same, where another method of the path is work."""
WAITING_WORK = {"/v1/transcriptions": 400, "/v2/transcript": 400, "/v2/upload": 200}
"""It is taken also while the server reduces its service, and waits until there is room; and what is
answered to a body that is no recording."""
NOT_FOUND = {"/v2/transcript": 400}
"""By the beginning of the path, for a provider that has another status than 404."""
TOKEN_ONLY = {"/v2/billing/meter_event_stream"}
"""Where a token is asked for that is given for the key."""
WRONG_KEY = {HTTP_PATH: 403}
"""Where a provider has another status than 401."""
TOLD_BY_FRAME = {"BadRequestException": 401, "ServiceUnavailableException": 503}
"""By a socket that is opened to be told, and closed; the exception, and what it stands for."""
STREAMS: dict[str, bytes | None] = {
    "/v1/listen": None,
    "/v1/realtime": None,
    "/v1/speech-to-text/realtime": None,
    "/v1/stream": None,
    "/v1/streams": b"{}",
    "/v3/ws": None,
}
"""Where a live stream begins, and the body that asks for it."""
OPERATOR = "/operator"


@dataclass(frozen=True)
class Way:
    """One way in."""

    kind: str
    method: str
    path: str

    @property
    def key(self) -> str:
        return OPERATOR_KEY if self.path.startswith(OPERATOR) else KEY

    @property
    def is_stream(self) -> bool:
        return self.kind == "websocket" or self.path == "/v1/streams"

    @property
    def is_work(self) -> bool:
        is_told = self.path in READS | OWN or str(self) in OWN_LISTS
        return not is_told and not self.path.startswith(OPERATOR)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Told:
    """Stands for the audit log: every refusal is told to it, once and under the call's name."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    @classmethod
    def of(cls, server: Server) -> "Told":
        made = cls()
        server.audit.log = made  # type: ignore[assignment]
        return made

    def put(self, entry: Entry) -> None:
        self.entries.append(entry)

    def close(self) -> None:
        pass

    @property
    def refusals(self) -> list[tuple[str, Any]]:
        assert {one.action for one in self.entries} == {Action.CALL_REFUSED}
        return [(_plain(one.request_id or ""), one.about["reason"]) for one in self.entries]

    @property
    def ways(self) -> list[str]:
        return [str(one.about["way"]).replace(":uuid}", "}") for one in self.entries]


def _plain(request_id: str) -> str:
    """Without what some providers write around it."""
    return request_id.removeprefix("req_").replace("-", "")


class BodyRead(Exception):
    """The application asked for what the caller would send next."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all: to put it and its routes together takes most of a test's time."""
    server = make_server(tmp_path_factory.mktemp("server"))
    wait_until(lambda: server.door.is_ready)
    APPS[id(server)] = create_app(server)
    yield server
    del APPS[id(server)]
    server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    """As it was at first, whatever the test before has done to it."""
    shared.door.is_draining = False
    shared.watch.degradation.level = Level.FULL
    shared.audit.log = None
    assert not shared.door.streams
    return shared


def make_server(root: Path) -> Server:
    server = server_at(root, lambda _: recognizer(ScriptedEngine("so")))
    server.keys.caller, server.keys.operator = KEY, OPERATOR_KEY
    return server


def ways(routes: list[BaseRoute]) -> Iterator[Way]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        assert context.path is not None
        path = context.path.replace(":uuid}", "}")
        if isinstance(route, APIWebSocketRoute):
            yield Way("websocket", "GET", path)
        else:
            assert isinstance(route, APIRoute | Route), f"a route that is not asked: {route}"
            for method in (context.methods or set()) - {"HEAD"}:
                yield Way("http", method, path)


def all_ways() -> list[Way]:
    with tempfile.TemporaryDirectory() as folder:
        server = make_server(Path(folder))
        found = sorted(ways(create_app(server).routes), key=str)
        wait_until(lambda: server.door.is_ready)
        server.stop()
    return found


APPS: dict[int, Any] = {}
"""Of a server, by its identity."""
WAYS = all_ways()
KEY_IN_BODY = {"/oauth/token"}
"""Where a form may hold the key; what is read of it is small, and asked in a test of its own."""
GUARDED = [way for way in WAYS if way.path not in PUBLIC_PATHS | KEY_IN_BODY | SIGNED_PATHS]


async def asked(
    server: Server, way: Way, key: str | None, body: bytes | None = None
) -> tuple[int, dict[str, str]]:
    """The status and the headers of the answer; without a body there is nothing to be read."""
    path = way.path.format(**VALUES)
    headers, query = offered(way, key)
    scope: dict[str, Any] = {
        "type": way.kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": way.method,
        "scheme": "http" if way.kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    sent: list[Any] = []
    first = [{"type": "websocket.connect"}] if way.kind == "websocket" else []

    async def receive() -> Any:
        if first:
            return first.pop()
        if body is None:
            raise BodyRead
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(HANG_S):
        await APPS[id(server)](scope, receive, send)
    if way.path == SOCKET_PATH:
        assert [one["type"] for one in sent] == [
            *("websocket.accept", "websocket.send", "websocket.close")
        ]
        name = decoded(sent[1]["bytes"]).headers[":exception-type"]
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return TOLD_BY_FRAME[str(name)], told
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    if sent[0]["type"] == "websocket.accept":
        assert [one["type"] for one in sent[1:]] == ["websocket.send", "websocket.close"], sent
        return CLOSES[way.path][sent[2]["code"]], told
    assert sent[0]["type"] in ("http.response.start", "websocket.http.response.start"), sent
    return sent[0]["status"], told


def offered(way: Way, key: str | None) -> tuple[list[tuple[bytes, bytes]], str]:
    """The headers and the query of a call with that key."""
    query = QUERIES.get(way.path, "")
    if key is None:
        return [], query
    if way.path == SOCKET_PATH:
        return [(b"host", b"localhost")], signed_query(key, "localhost")
    if way.path == HTTP_PATH:
        signed = signed_headers(key, "localhost")
        return [(name.encode(), value.encode()) for name, value in signed.items()], query
    return [(b"authorization", f"Token {key}".encode())], query


def test_what_is_public_is_there() -> None:
    assert {way.path for way in WAYS} >= PUBLIC_PATHS
    assert {way.path for way in WAYS} >= READS | OWN | set(WAITING_WORK)
    assert {str(way) for way in WAYS} >= OWN_LISTS
    assert len(GUARDED) > 20


@pytest.mark.parametrize("way", GUARDED, ids=str)
async def test_without_the_right_key_nothing_is_read_and_nobody_comes_in(
    server: Server, way: Way
) -> None:
    other = KEY if way.key == OPERATOR_KEY else OPERATOR_KEY
    for key in (None, "", "wrong", other):
        told = Told.of(server)
        status, headers = await asked(server, way, key)
        assert status == WRONG_KEY.get(way.path, 401), (way, key)
        assert headers["x-request-id"]
        assert told.refusals == [(_plain(headers["x-request-id"]), "UNAUTHENTICATED")]
        assert told.ways == [f"{way.method if way.kind == 'http' else 'WebSocket'} {way.path}"]


@pytest.mark.parametrize("key", [None, KEY, OPERATOR_KEY])
async def test_an_address_that_was_not_signed_is_refused_whatever_the_key(
    server: Server, key: str | None
) -> None:
    (way,) = [way for way in WAYS if way.path in SIGNED_PATHS]
    status, headers = await asked(server, way, key)
    assert status == 401
    assert headers["x-request-id"]


async def worthless(server: Server) -> dict[str, str]:
    """Credentials that somebody had, found or made up, by what is wrong with each."""
    keys, tokens = server.api_keys, server.keys.tokens
    assert tokens is not None
    revoked, rotated, bound = [await keys.make(NewKey("acme")) for _ in range(3)]
    later = await keys.make(NewKey("acme", not_before_s=time.time() + 3_600))
    token, _ = tokens.give(keys.named(revoked.about.id), None, None)
    _, claims = tokens.give(keys.named(bound.about.id), None, None)
    await keys.revoke(revoked.about.id)
    await keys.rotate(rotated.about.id, 0.0)
    past = replace(claims, issued_s=claims.issued_s - 900, expires_s=claims.issued_s - 1)
    unknown = replace(claims, key_id="sk_live_nobodys0")
    sign = server.token_keys.sign
    foreign = TokenKeys(server.database, lambda: b"another pepper, of another one  ")
    head, body, signature = sign(claims).split(".")
    return {
        "a key that was revoked": revoked.key,
        "a key that has expired": rotated.key,
        "a key that is not valid yet": later.key,
        "a key with a typing error": bound.key[:-1] + ("x" if bound.key[-1] != "x" else "y"),
        "a token whose key was revoked": token,
        "a token that has expired": sign(past),
        "a token of a key that is not known": sign(unknown),
        "a token bound to a certificate": sign(replace(claims, certificate="thumbprint")),
        "a token of another server": foreign.sign(claims),
        "a token without a signature": f"{head}.{body}.",
        "a token whose signature is another's": f"{head}.{body}x.{signature}",
    }


@pytest.mark.parametrize("way", [way for way in GUARDED if way.key == KEY], ids=str)
async def test_no_worthless_credential_opens_any_way(server: Server, way: Way) -> None:
    for what, credential in (await worthless(server)).items():
        told = Told.of(server)
        status, headers = await asked(server, way, credential)
        assert status == WRONG_KEY.get(way.path, 401), what
        assert told.refusals == [(_plain(headers["x-request-id"]), "UNAUTHENTICATED")]
        assert credential not in str(told.refusals) + str(headers)


@pytest.mark.parametrize("way", [way for way in GUARDED if way.is_work], ids=str)
async def test_a_key_for_something_else_does_no_work(server: Server, way: Way) -> None:
    made = await server.api_keys.make(NewKey("acme", scope=("model:another",)))
    tokens = server.keys.tokens
    assert tokens is not None
    token, _ = tokens.give(server.api_keys.named(made.about.id), None, None)
    for credential in (made.key, token):
        status, headers = await asked(server, way, credential)
        # Amazon has one exception for whatever is wrong with a credential
        assert status == (401 if way.path == SOCKET_PATH else 403)
        assert headers["x-request-id"]
    assert not server.door.streams


@pytest.mark.parametrize(
    "way", [way for way in GUARDED if way.path in STREAMS and way.is_stream], ids=str
)
async def test_a_token_that_opened_a_stream_opens_no_other(server: Server, way: Way) -> None:
    made = await server.api_keys.make(NewKey("acme"))
    tokens = server.keys.tokens
    assert tokens is not None
    token, claims = tokens.give(server.api_keys.named(made.about.id), None, None)
    tokens.spend(claims)
    status, _ = await asked(server, way, token, STREAMS[way.path])
    assert status == 401
    assert not server.door.streams


@pytest.mark.parametrize("when", ["draining", "refuses everybody"])
@pytest.mark.parametrize("way", [way for way in GUARDED if way.is_work], ids=str)
async def test_work_is_refused_before_its_body_is_read(server: Server, way: Way, when: str) -> None:
    if when == "draining":
        server.door.drain(0.0)
    else:
        server.watch.degradation.level = Level.REFUSE_ALL
    if when != "draining" and way.path in WAITING_WORK:
        status, _ = await asked(server, way, way.key, b"no sound")
        assert status == WAITING_WORK[way.path]  # it was let in
        return
    status, headers = await asked(server, way, way.key)
    assert status == 503, way
    assert way.path in (*CLOSES, SOCKET_PATH) or int(headers["retry-after"]) >= 1
    assert server.versions.status(1).in_flight == 0
    assert not server.door.streams


@pytest.mark.parametrize("way", [way for way in GUARDED if way.path in READS], ids=str)
async def test_what_there_is_is_told_also_while_work_is_refused(server: Server, way: Way) -> None:
    server.watch.degradation.level = Level.REFUSE_ALL
    status, _ = await asked(server, way, way.key)
    assert status == 200


@pytest.mark.parametrize(
    "way", [way for way in GUARDED if way.path in OWN or str(way) in OWN_LISTS], ids=str
)
async def test_callers_reach_what_is_theirs_also_while_work_is_refused(
    server: Server, way: Way
) -> None:
    server.watch.degradation.level = Level.REFUSE_ALL
    server.door.drain(0.0)
    status, _ = await asked(server, way, way.key, b"")
    if "{" in way.path:
        assert status == next((s for p, s in NOT_FOUND.items() if way.path.startswith(p)), 404)
    else:
        # the last asks for a body
        assert status == (200 if way.method == "GET" else 401 if way.path in TOKEN_ONLY else 400)


# -- gRPC ----------------------------------------------------------------------------------------

STATUSES = {
    "draining": {"UNAVAILABLE", "RESOURCE_EXHAUSTED"},
    "refuses everybody": {"UNAVAILABLE", "RESOURCE_EXHAUSTED"},
}
"""Triton's clients are told the first, Google's the second, which they do not repeat."""
GRPC_READS = {"ServerMetadata", "ModelMetadata", "ModelReady", "RepositoryIndex"}
FIRST_MESSAGES = {
    f"/{V1.service}/StreamingRecognize": speech_v1.StreamingRecognizeRequest.serialize(
        speech_v1.StreamingRecognizeRequest(
            streaming_config=speech_v1.StreamingRecognitionConfig(
                config={"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}
            )
        )
    ),
    f"/{V2.service}/StreamingRecognize": speech_v2.StreamingRecognizeRequest.serialize(
        speech_v2.StreamingRecognizeRequest(
            recognizer="projects/lab/locations/global/recognizers/_",
            streaming_config=speech_v2.StreamingRecognitionConfig(
                config=speech_v2.RecognitionConfig(
                    explicit_decoding_config=speech_v2.ExplicitDecodingConfig(
                        encoding=1, sample_rate_hertz=16_000, audio_channel_count=1
                    ),
                    language_codes=["en-US"],
                    model="long",
                )
            ),
        )
    ),
    f"/{SERVICE}/{METHOD}": first_message(StreamRequest()),
}
"""They say what is wanted, and with it of what class it is."""
BY_MESSAGE = {"ModelStreamInfer"}
"""It is open for as long as its caller likes; each of its messages is refused by itself."""
GRPC_OWN = {"GetOperation", "CancelOperation"}
"""A caller's own: also while the server refuses work."""
GRPC_WAITING = {"LongRunningRecognize"}
"""It is taken also while the server reduces its service, and waits until there is room."""


def grpc_methods(root: Path) -> list[str]:
    server = make_server(root)
    found = [f"/{s}/{name}" for s, methods in grpc_services(server).items() for name in methods]
    wait_until(lambda: server.door.is_ready)
    server.stop()
    return sorted(found)


with tempfile.TemporaryDirectory() as _folder:
    METHODS = grpc_methods(Path(_folder))
GUARDED_METHODS = [method for method in METHODS if method not in PUBLIC_METHODS]


async def called(
    server: Server, method: str, key: str | None, message: bytes = b""
) -> tuple[str, str]:
    """The status of a call that sends one message or none, and the name that it was given."""
    listening, port, _ = await start_grpc(server, "127.0.0.1", 0)
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    try:
        async with (
            asyncio.timeout(HANG_S),
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            call = channel.stream_stream(method)(metadata=metadata)
            if message:
                await call.write(message)
            code = (await call.code()).name
            named = dict(await call.trailing_metadata() or ())
    finally:
        await listening.stop(None)
    return code, named.get("x-request-id", "")


def test_what_is_public_of_grpc_is_there() -> None:
    assert set(METHODS) >= PUBLIC_METHODS
    assert len(GUARDED_METHODS) == 14


@pytest.mark.parametrize("method", GUARDED_METHODS)
async def test_without_the_right_key_no_method_waits_for_a_message(
    server: Server, method: str
) -> None:
    for key in (None, "wrong", OPERATOR_KEY):
        told = Told.of(server)
        code, name = await called(server, method, key)
        assert code == "UNAUTHENTICATED"
        assert told.refusals == [(_plain(name), "UNAUTHENTICATED")]
        assert told.ways[0].startswith("gRPC ")


@pytest.mark.parametrize("method", GUARDED_METHODS)
async def test_no_worthless_credential_opens_any_method(server: Server, method: str) -> None:
    for what, credential in (await worthless(server)).items():
        code, _ = await called(server, method, credential)
        assert code == "UNAUTHENTICATED", what


@pytest.mark.parametrize("when", STATUSES)
@pytest.mark.parametrize(
    "method",
    [m for m in GUARDED_METHODS if m.rpartition("/")[2] not in GRPC_READS | BY_MESSAGE | GRPC_OWN],
)
async def test_methods_that_do_work_are_refused(server: Server, method: str, when: str) -> None:
    if when == "draining":
        server.door.drain(0.0)
    else:
        server.watch.degradation.level = Level.REFUSE_ALL
    if when != "draining" and method.rpartition("/")[2] in GRPC_WAITING:
        code, _ = await called(server, method, KEY, b"\x12\x00")
        assert code == "INVALID_ARGUMENT", "it was let in, and there is no sound"
        return
    code, name = await called(server, method, KEY, FIRST_MESSAGES.get(method, b""))
    assert code in STATUSES[when]
    assert name


@pytest.mark.parametrize("method", [m for m in METHODS if m.rpartition("/")[2] in GRPC_OWN])
async def test_callers_reach_their_operations_also_while_work_is_refused(
    server: Server, method: str
) -> None:
    server.watch.degradation.level = Level.REFUSE_ALL
    server.door.drain(0.0)
    code, name = await called(server, method, KEY, b"\n\x24" + NOBODYS.encode())
    assert code == "NOT_FOUND"
    assert name


async def test_a_way_in_that_forgets_the_door_is_found(server: Server) -> None:
    """What the tests above would see of a route that somebody adds."""
    app: Callable[..., Any] = create_app(server)

    async def forgotten() -> dict[str, str]:
        return {"text": "anybody may read this"}

    app.add_api_route("/v1/forgotten", forgotten)  # type: ignore[attr-defined]
    (way,) = [w for w in ways(app.routes) if w.path == "/v1/forgotten"]  # type: ignore[attr-defined]
    assert way.path not in PUBLIC_PATHS
    assert way.is_work
