"""HTTP by the byte: heads and bodies that no client library would send."""

import asyncio
import random
from collections.abc import Callable, Sequence
from itertools import chain, repeat

from attempts import Attempt, Kind, Outcome, Target
from mutation import mutated
from wire import UPGRADE, Connection, answer, asked, head, meanwhile, talked

QUIET_S = 1.0
"""Half a request may have no answer; after so long we close our half, and that ends it."""
ENDLESS_BYTES = 16 * 2**20
"""More than the buffers of two sockets hold: of a head that was sent whole, most was taken."""
PIECE_BYTES = 16_384
PIPELINED = 100
UPLOAD = "/v1/audio:transcribe"
PATHS = ("/v1/models", UPLOAD, "/v1/rtc", "/v2/models/x/infer", "/operator/versions")
PATHS += ("/..//%2e/%00", "*", "http://elsewhere/", "/v1/listen?" + "a=b&" * 1_000)
METHODS = ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "get", "M" * 300)
FRAMINGS = (
    ("content-length: 5", "transfer-encoding: chunked"),
    ("content-length: 5", "content-length: 6"),
    ("content-length: -1",),
    ("content-length: 18446744073709551621",),
    ("content-length: 5e0",),
    ("transfer-encoding: chunked, gzip",),
    ("transfer-encoding: identity",),
    ("expect: 100-continue", "content-length: 5"),
)
CHUNKS = (
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello-and-more\r\n0\r\n\r\n",
    b"5;" + b"x" * 70_000 + b"\r\nhello\r\n0\r\n\r\n",
    b"-1\r\n",
    b"0x5\r\nhello\r\n",
    b"zz\r\n",
    b"ffffffffffffffff\r\n",
    b"f" * 40 + b"\r\n",
)
STRANGERS = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /v1/models\r\n\r\n",
    b"GET /v1/models HTTP/9.9\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\n folded: x\r\nno colon\r\nnul: \x00\r\n\r\n",
    b"\r\n" * 500,
    bytes(64),
)
"""Other protocols, and what is hardly one."""
_Bytes = Callable[[Target, random.Random], bytes]


def broken(make: _Bytes) -> Attempt:
    """What may be the beginning of a request: answered at once, or ended when we close our half."""

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        async def send(connection: Connection) -> Outcome:
            await connection.send([make(target, chance)])
            async with meanwhile(answer(target, connection)) as reading:
                await asyncio.wait({reading}, timeout=QUIET_S)
                connection.half_close()
                return await reading

        return await talked(target, send)

    return attempt


def whole(make: _Bytes) -> Attempt:
    """What is a whole request: answered, or ended by the server."""

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        return await asked(target, [make(target, chance)])

    return attempt


def endless(make: _Bytes, unit: bytes) -> Attempt:
    """What never ends: refused before the server has taken much of it.

    Args:
        make: what comes before the endless part.
        unit: of the endless part.
    """
    piece = unit * (PIECE_BYTES // len(unit))
    pieces = ENDLESS_BYTES // len(piece)
    taken = Outcome("taken", f"the server took {pieces * len(piece):,} bytes of it")

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        async def send(connection: Connection) -> Outcome:
            said = chain([make(target, chance)], repeat(piece, pieces))
            reading, sending = answer(target, connection), connection.send(said)
            async with meanwhile(reading) as read, meanwhile(sending) as sent:
                await asyncio.wait({read, sent}, return_when=asyncio.FIRST_COMPLETED)
                return taken if not read.done() and sent.result() else await read

        return await talked(target, send)

    return attempt


def _request(target: Target, chance: random.Random) -> bytes:
    lines = ("content-type: audio/wav", "content-length: 5")
    return head(target, chance.choice(METHODS), chance.choice(PATHS), *lines) + b"hello"


def _half(target: Target, chance: random.Random) -> bytes:
    data = _request(target, chance)
    return data[: chance.randrange(1, len(data))]


def _framed(target: Target, chance: random.Random) -> bytes:
    framing = chance.choice(FRAMINGS)
    return head(target, "POST", chance.choice(PATHS), *framing) + b"hello\r\n0\r\n\r\n"


def _chunked(target: Target, chance: random.Random) -> bytes:
    return head(target, "POST", UPLOAD, "transfer-encoding: chunked") + chance.choice(CHUNKS)


def _upgrade(target: Target, chance: random.Random) -> bytes:
    return head(
        target, "GET", "/v1/listen", *UPGRADE, f"x-huge: {'h' * chance.randint(9_000, 99_000)}"
    )


def _beginning(data: bytes) -> _Bytes:
    return lambda target, chance: data


_LINES = b"GET / HTTP/1.1\r\nhost: x\r\n"
KIND = Kind(
    {
        "mutated request": broken(lambda *given: mutated(given[1], _request(*given))),
        "half a request": broken(_half),
        "conflicting lengths": broken(_framed),
        "strange chunks": broken(_chunked),
        "another protocol": broken(lambda target, chance: chance.choice(STRANGERS)),
        "pipelined": whole(lambda target, _: head(target, "GET", "/v1/models") * PIPELINED),
        "upgrade with a huge header": whole(_upgrade),
        "endless lines": endless(_beginning(_LINES), b"a: b\r\n"),
        "endless value": endless(_beginning(_LINES + b"a: "), b"a"),
        "endless URL": endless(_beginning(b"GET /"), b"a"),
        "endless upgrade": endless(
            lambda target, _: head(target, "GET", "/v1/listen", *UPGRADE)[:-2], b"a: b\r\n"
        ),
        "endless trailers": endless(
            lambda target, _: (
                head(target, "POST", UPLOAD, "transfer-encoding: chunked") + b"1\r\nx\r\n0\r\n"
            ),
            b"a: b\r\n",
        ),
    },
    at_once=6,
)
