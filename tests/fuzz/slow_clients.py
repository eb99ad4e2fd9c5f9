"""Clients that take their time: silent ones, half requests, a byte now and then, unread answers.

Each has to be let go by the server, or it would hold a descriptor for as long as it likes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, repeat

from attempts import HUNG, Attempt, Kind, Outcome, Target, at_once
from socket_frames import LISTEN, TEXT, frame
from wire import UPGRADE, connected, head

CLIENTS = 10
"""Of each shape at once."""
DRIP_S = 0.25
"""Between two bytes of a client that dribbles: more often than any limit on silence."""
DEAF_CLIENTS, DEAF_BUFFER_BYTES = 2, 4_096
"""Few: megabytes of answers have to be made before the server's own buffer is full."""
NONSENSE = frame(TEXT, b"\x01" * 120) * 100
"""Each text is answered with a message several times as long."""
UPLOAD = "/v1/audio:transcribe"
FORM = "/v1/audio/transcriptions"
LET_GO = Outcome("let go")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_Says = Callable[[Target], bytes]


def slow(says: _Says, drop: bytes = b"", of: Callable[[Target], Target] = lambda t: t) -> Attempt:
    """Clients that say something, and then ``drop`` now and then, or nothing more.

    Args:
        of: where they connect.
    """
    drops = [drop] if drop else []

    async def one(target: Target) -> Sequence[Outcome]:
        async with connected(of(target)) as connection:
            await connection.send([says(target)])
            for _ in range(round(target.patience_s / DRIP_S)):
                if await connection.is_ended(DRIP_S) or not await connection.send(drops):
                    return [LET_GO]
        return [Outcome("held", f"still open after {target.patience_s:.0f} s")]

    return at_once(CLIENTS, one)


def deaf(says: _Says, again: _Says) -> Attempt:
    """Clients that say something, then ask for answers without end, and read none."""

    async def one(target: Target) -> Sequence[Outcome]:
        async with connected(target, DEAF_BUFFER_BYTES) as connection:
            try:
                async with asyncio.timeout(target.patience_s):
                    await connection.send(chain([says(target)], repeat(again(target))))
            except TimeoutError:
                return [HUNG]
        return [LET_GO]

    return at_once(DEAF_CLIENTS, one)


def _at_grpc(target: Target) -> Target:
    return replace(target, url=f"http://{target.grpc}")


def _half_head(target: Target) -> bytes:
    return head(target, "GET", "/v1/models")[:-2]


def _half_body(target: Target) -> bytes:
    return head(target, "POST", UPLOAD, "content-length: 1000000", "content-type: audio/wav") + b"R"


def _half_form(target: Target) -> bytes:
    chunked = ("transfer-encoding: chunked", "content-type: multipart/form-data; boundary=b")
    return head(target, "POST", FORM, *chunked) + b"5\r\n--b\r\n\r\n"


def _opened(target: Target) -> bytes:
    return head(target, "GET", LISTEN, *UPGRADE)


KIND = Kind(
    {
        "silent": slow(lambda target: b""),
        "half a head": slow(_half_head),
        "dribbled head": slow(_half_head, b"a"),
        "half a body": slow(_half_body),
        "dribbled body": slow(_half_body, b"a"),
        "dribbled form": slow(_half_form, b"1\r\na\r\n"),
        "half an upgrade": slow(lambda target: _opened(target)[:-2]),
        "silent stream": slow(_opened),
        "stream inside a frame": slow(lambda target: _opened(target) + frame(TEXT, claimed=9)),
        "dribbled frame": slow(lambda target: _opened(target) + frame(TEXT, claimed=60_000), b"a"),
        "deaf stream": deaf(_opened, lambda target: NONSENSE),
        "deaf requests": deaf(lambda target: b"", lambda target: head(target, "GET", "/metrics")),
        "silent at gRPC": slow(lambda target: b"", of=_at_grpc),
        "half a preface at gRPC": slow(lambda target: PREFACE[:10], of=_at_grpc),
    },
    at_once=28,
)
"""All of them at once, with the key and without: the server needs its time for each."""
