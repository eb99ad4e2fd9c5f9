"""What an attack must find is found: in servers that are bad on purpose, and in bad reports."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import floods
import fuzz
import http_bytes
import pytest
import slow_clients
import socket_frames
from attempts import Attempt, Kind, Target, attack
from beside import Held, Report, unforeseen
from hang import HANG_S
from neighbours import Heard

_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@asynccontextmanager
async def bad_server(serve: _Serve) -> AsyncIterator[Target]:
    """A server that does to every connection what it is told, and ends none by itself."""
    serving = set()

    async def remembered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        await serve(reader, writer)

    server = await asyncio.start_server(remembered, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Target(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}", "the-key", patience_s=2.0)
    finally:
        server.close()
        await asyncio.gather(*serving, return_exceptions=True)  # the clients have gone


async def faults_of(attempt: Attempt, serve: _Serve) -> list[str]:
    """What one turn with the key and one without find."""
    async with bad_server(serve) as target:
        kind = Kind({"shape": attempt}, at_once=1)
        tallies = [await attack(kind, target, HANG_S, 1, only=turn) for turn in (0, 1)]
    return [fault for tally in tallies for fault in tally.faults]


def answering(data: bytes, then_ends: bool = False) -> _Serve:
    """Answers the first bytes with ``data``, and then takes all that comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(data)
        if then_ends:
            writer.close()
        while await reader.read(2**20):
            pass

    return serve


FAILING = answering(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
OPEN = answering(b"HTTP/1.1 200 OK\r\n\r\n")
SILENT = answering(b"")
TALKS_WITHOUT_END = answering(UPGRADED)
ENDS_WITHOUT_A_WORD = answering(UPGRADED, then_ends=True)
ENDS_WITH_AN_ERROR = answering(UPGRADED + b"\x88\x02\x03\xf3", then_ends=True)
TAKES_FRAGMENTS = answering(UPGRADED + b"\x88\x02\x03\xe8", then_ends=True)


@pytest.mark.parametrize(
    ("attempt", "serve", "fault"),
    [
        (http_bytes.KIND.shapes["pipelined"], FAILING, "the server failed with 500"),
        (http_bytes.KIND.shapes["pipelined"], OPEN, "let in with 200, without a key"),
        (http_bytes.KIND.shapes["upgrade with a huge header"], SILENT, "neither answered"),
        (http_bytes.KIND.shapes["endless value"], SILENT, "the server took 16,777,216 bytes"),
        (socket_frames.KIND.shapes["listen"], ENDS_WITHOUT_A_WORD, "without a close frame"),
        (socket_frames.KIND.shapes["listen"], ENDS_WITH_AN_ERROR, "the server failed after"),
        (socket_frames.KIND.shapes["listen"], TALKS_WITHOUT_END, "neither answered"),
        (socket_frames.KIND.shapes["empty fragments"], TAKES_FRAGMENTS, "empty fragments as one"),
        (slow_clients.KIND.shapes["silent"], SILENT, "still open after"),
        (slow_clients.KIND.shapes["deaf requests"], SILENT, "neither answered"),
        (floods.KIND.shapes["streams"], OPEN, "let in with 200, without a key"),
    ],
)
async def test_an_attack_finds_what_a_bad_server_does(
    attempt: Attempt, serve: _Serve, fault: str
) -> None:
    found = await faults_of(attempt, serve)
    assert any(fault in one for one in found), found


HELD = Held(resident_mb=250.0, descriptors=25, tasks=20, streams=0, decodes=0)
GOOD = Report(
    tally={"attempts": 1, "answers": {"key: 400": 1}, "faults": []},
    heard=(Heard(0.0, (0.2, 0.3)),),
    health_s=(0.01,),
    log=(),
    before=HELD,
    after=HELD,
)


def test_what_is_as_it_was_before_is_no_fault() -> None:
    assert GOOD.faults() == []
    assert replace(GOOD, after=replace(HELD, resident_mb=299.0)).faults() == []
    assert fuzz.judge([GOOD], [GOOD]) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tally": {"attempts": 1, "answers": {}, "faults": ["x"]}}, "x"),
        ({"heard": (Heard(0.2, (0.2,)),)}, "20% of words wrong"),
        ({"heard": (Heard(0.0, (0.2, math.inf)),)}, "waited for a final in vain"),
        ({"heard": (Heard(1.0, (math.inf,), "closed with 1011"),)}, "broke: closed with 1011"),
        ({"log": ("1 x ValueError",)}, "log: 1 x ValueError"),
        ({"after": replace(HELD, resident_mb=301.0)}, "+51 MB resident"),
        ({"after": replace(HELD, descriptors=26)}, "descriptors 25 before, 26 after"),
        ({"after": replace(HELD, tasks=21)}, "tasks 20 before, 21 after"),
        ({"after": replace(HELD, streams=1)}, "streams 0 before, 1 after"),
    ],
)
def test_harm_is_told(change: dict[str, object], told: str) -> None:
    harmed = replace(GOOD, **change)
    assert told in " ".join(harmed.faults())
    assert any(told in fault for fault in fuzz.judge([GOOD], [harmed]))


def test_what_depends_on_the_machine_is_judged_by_the_long_run_alone() -> None:
    late = replace(GOOD, heard=(Heard(0.0, (0.2, 0.41)),), health_s=(0.01, 0.26))
    assert late.faults() == []
    found = fuzz.judge([GOOD], [late])
    assert [fault.split()[0] for fault in found] == ["finals", "/healthz"]


def test_a_log_tells_errors_by_their_names_and_never_the_key() -> None:
    error = ["Traceback (most recent call last):", "  File x", "ValueError: no"]
    told = [f"2026-01-0{day} 00:00:00,000 ERROR lab_kit it failed at 0x{day}f" for day in (1, 2)]
    lines = ["INFO all is well", *error, "INFO GET /?key=s3cret", *told, *error]
    assert unforeseen(lines, "s3cret") == (
        "2 x ValueError: no",
        "2 x ERROR lab_kit it failed at 0x...",
        "1 x a line with the caller's key",
    )
