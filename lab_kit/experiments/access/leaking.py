"""Twelve things that might be found in leaked logs, each made in the way in which it comes about.

Keys are revoked, tokens open a stream, one is bound to a certificate. What a server should make of
each is not said here; trying it shows that.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab_kit import client
from lab_kit.client import NativeWire
from lab_kit.core.events import StreamOptions
from lab_kit.experiments.access.claims import parts_of
from lab_kit.experiments.access.found import Found
from lab_kit.experiments.access.server import Server
from lab_kit.protocol.api_keys import MadeKey, NewKey

TENANT = "looted"
_BRIEF_S = 3.0
"""Of a key that is to expire, so that its token is valid for a second at least."""
_ID_CHARS = 16


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


async def twelve_things(server: Server) -> list[Found]:
    """Each of them, in the order of the table.

    Raises:
        LabError: a key or a token could not be made.
    """
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
