"""What might be found in leaked logs, and what each of it opens on a real server.

Everything is made on the server in the way in which it comes about: keys are revoked, tokens open a
stream, one is bound to a certificate. Nothing is said here of what a server should make of it; that
is what trying it shows.
"""

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from lab_kit import client, datasets
from lab_kit.client import NativeWire
from lab_kit.core.errors import LabError
from lab_kit.core.events import StreamOptions
from lab_kit.core.table import Table
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.access.claims import parts_of
from lab_kit.experiments.access.server import Server
from lab_kit.protocol.api_keys import MadeKey, NewKey

TENANT = "looted"
_CLIP = "two-cities-best"
_SECOND_BYTES = 2 * SAMPLE_RATE_HZ
_RAW = f"audio/l16;rate={SAMPLE_RATE_HZ}"
_SPEECH = "It was the best of times."
_BRIEF_S = 2.0
"""Of a key that is to expire, so that its token is valid for a second at least."""
_ID_CHARS = 16
_HEAD_CHARS, _END_CHARS = 24, 6


class Opens(StrEnum):
    """What a credential still opens."""

    NOTHING = "nothing"
    RECORDINGS = "recordings"
    STREAMS = "streams"
    EVERYTHING = "everything"


class Way(StrEnum):
    """A way in that is tried."""

    RECORDING = "recording"
    WEBSOCKET = "stream, WebSocket"
    GRPC = "stream, gRPC"
    SPEECH = "speech"


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was found.

    Attributes:
        where: it was found, and what is known of it.
        question: that leads to what it opens.
        credential: the key or the token itself.
    """

    where: str
    question: str
    credential: str

    @property
    def shown(self) -> str:
        """Its beginning and its end."""
        if len(self.credential) <= _HEAD_CHARS + _END_CHARS:
            return self.credential
        return f"{self.credential[:_HEAD_CHARS]}…{self.credential[-_END_CHARS:]}"


class Loot(Mapping[int, Found]):
    """Everything that was found, by number from 1."""

    def __init__(self, found: Mapping[int, Found]) -> None:
        self._found = dict(found)

    def __getitem__(self, number: int) -> Found:
        return self._found[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def table(self) -> Table:
        """A row for each, without what it opens."""
        rows = [(str(number), one.where, one.shown) for number, one in self.items()]
        return Table("thing found", ("", "where it was found", "what was found"), rows, left=3)


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing, tried on every way in.

    Attributes:
        refusals: what the server said on each way in; empty where it opened.
    """

    found: Found
    refusals: Mapping[Way, str]

    @property
    def opens(self) -> Opens:
        """What it opened, in one word."""
        is_open = {way for way, words in self.refusals.items() if not words}
        is_stream = bool(is_open & {Way.WEBSOCKET, Way.GRPC})
        if is_stream and is_open >= {Way.RECORDING, Way.SPEECH}:
            return Opens.EVERYTHING
        if is_stream:
            return Opens.STREAMS
        return Opens.RECORDINGS if Way.RECORDING in is_open else Opens.NOTHING

    @property
    def said(self) -> str:
        """How the server refused a stream, else anything else; empty where it refused nothing."""
        words = (self.refusals[Way.WEBSOCKET], *self.refusals.values())
        return next(filter(None, words), "")

    @property
    def table(self) -> Table:
        """A row for each way in."""
        rows = [
            (way.value, f"refused: {words}" if words else "opened")
            for way, words in self.refusals.items()
        ]
        return Table("way in", ("way in", "the server"), rows, left=2)


class TriedLoot(Mapping[int, Tried]):
    """All of the loot, tried, by number."""

    def __init__(self, tried: Mapping[int, Tried]) -> None:
        self._tried = dict(tried)

    def __getitem__(self, number: int) -> Tried:
        return self._tried[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tried)

    def __len__(self) -> int:
        return len(self._tried)

    @property
    def still_open(self) -> int:
        """How many of them open anything."""
        return sum(one.opens is not Opens.NOTHING for one in self.values())

    @property
    def table(self) -> Table:
        """A row for each: what it opened, and what the server said where it refused."""
        rows = [
            (str(number), one.found.where, one.opens.value, one.said)
            for number, one in self.items()
        ]
        head = ("", "where it was found", "opens", "what the server refused")
        return Table("thing found", head, rows, left=4)


async def loot(server: Server) -> Loot:
    """Twelve things from leaked logs, made on this server a moment ago.

    Raises:
        LabError: a key or a token could not be made.
        ValueError: the server has no port with TLS, to which a token could be bound.
    """
    if not server.tls_url:
        raise ValueError("a server without a port for TLS; start it with mutual_tls=True")
    return Loot(dict(enumerate(await _everything(server), 1)))


async def tried_loot(server: Server) -> TriedLoot:
    """Make the same twelve things anew, and try each of them on every way in.

    They are new ones, since trying uses some of them up, and tokens expire.

    Raises:
        LabError, ValueError: as `loot`.
    """
    made = await loot(server)
    return TriedLoot({number: await attempt(server, found) for number, found in made.items()})


async def attempt(server: Server, shown: Found | str) -> Tried:
    """Show something found, or any key or token, on every way in, one after the other."""
    found = Found("", "", shown) if isinstance(shown, str) else shown
    refusals = {way: await _refusal(server, way, found.credential) for way in Way}
    return Tried(found, refusals)


async def _refusal(server: Server, way: Way, credential: str) -> str:
    """What the server says; empty where it opens."""
    address = replace(server.address, key=credential)
    try:
        match way:
            case Way.RECORDING:
                sound = datasets.clip(_CLIP).pcm16[:_SECOND_BYTES]
                await client.transcribe(server.url, sound, _RAW, "", key=credential)
            case Way.WEBSOCKET | Way.GRPC:
                wire = NativeWire.WEBSOCKET if way is Way.WEBSOCKET else NativeWire.GRPC
                async with client.connect_session(wire, address, StreamOptions()):
                    pass
            case Way.SPEECH:
                async for _ in client.synthesize(server.url, _SPEECH, key=credential):
                    pass
    except LabError as error:
        return error.received
    return ""


class _Maker:
    """Makes keys and tokens of one tenant."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def key(self, *scope: str, expires_s: float | None = None) -> MadeKey:
        return await self._server.operator.make_key(
            NewKey(TENANT, scope=scope, expires_s=expires_s)
        )

    async def token(self, key: str, *scope: str) -> str:
        return (await client.access_token(self._server.url, key, *scope)).access_token

    async def spent(self, key: str, *scope: str) -> str:
        """A token that has opened a stream."""
        token = await self.token(key, *scope)
        address = replace(self._server.address, key=token)
        async with client.connect_session(NativeWire.WEBSOCKET, address, StreamOptions()):
            return token

    async def bound(self, key: str) -> str:
        """A token for a client that has shown a certificate."""
        tls = self._server.shown_certificate("partner.example")
        given = await client.access_token(self._server.tls_url, key, tls=tls)
        return given.access_token

    async def revoke(self, made: MadeKey) -> None:
        await self._server.operator.revoke_key(made.about.id)


async def _everything(server: Server) -> list[Found]:
    """Each thing, in the order of the table."""
    make = _Maker(server)
    whole, narrow = (await make.key()).key, (await make.key("recordings")).key
    brief = await make.key(expires_s=time.time() + _BRIEF_S)
    expiring = await make.token(brief.key)
    old, left = await make.key(), await make.key()
    orphaned = await make.token(left.key)
    found = [
        Found(
            "a proxy's log: GET /v3/ws?token=…, answered with 101",
            "what is written to every log on the way, and how long is it valid",
            (await make.key()).key,
        ),
        Found(
            "a browser's console, some minutes old",
            "what does exp say, and what time is it",
            expiring,
        ),
        Found(
            "a crash report: the token of the stream that broke off",
            "how many streams does one token open, and what else is it for",
            await make.spent(whole, "streams"),
        ),
        Found(
            "a support ticket: the headers of a stream that works",
            "does what is used up for streams serve for anything else",
            await make.spent(whole, "streams", "recordings"),
        ),
        Found("a partner's log, of the port with TLS", "who may show it", await make.bound(whole)),
        Found("the history of a repository", "did anybody react when it got out", old.key),
        Found("the log of a nightly job that transcribes files", "what was the key for", narrow),
        Found(
            "a forum: 'I took the scope out, so it is for everything'",
            "what is signed, and what happens to a signature when that changes",
            _edited(await make.token(narrow)),
        ),
        Found(
            "the same forum: 'no signature needed, see alg'",
            "who decides by which algorithm a token is checked",
            _unsigned(await make.token(whole)),
        ),
        Found(
            "a browser's storage: a token that no page has used yet",
            "what is it for, and has it opened a stream",
            await make.token(whole, "streams"),
        ),
        Found(
            "a chat: 'which key was it? this one:'",
            "how long is a key, and what is kept of it for people to name it",
            whole[:_ID_CHARS],
        ),
        Found(
            "a laptop that was sold; its key was revoked the same day",
            "does a token outlive its key",
            orphaned,
        ),
    ]
    await make.revoke(old)
    await make.revoke(left)
    await asyncio.sleep(max(0.0, (brief.about.expires_s or 0.0) - time.time()))
    return found


def _edited(token: str) -> str:
    """The token without its scope, which would be for everything, and with its old signature."""
    header, _, signature = token.split(".")
    return ".".join((header, _coded({**parts_of(token)[1], "scope": ""}), signature))


def _unsigned(token: str) -> str:
    """The token with a header that asks not to check it, and without a signature."""
    header, claims = parts_of(token)
    return ".".join((_coded({**header, "alg": "none"}), _coded(claims), ""))


def _coded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
