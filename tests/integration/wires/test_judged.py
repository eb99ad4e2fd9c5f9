"""The judge over every wire, dialect and ending: streams of a real server keep the contract."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hang import HANG_S
from server_process import ServerProcess, eventually, stop_softly
from test_wires_conform import address_of, has_heard_something

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.cli.judge import DIALECTS as OFFERED
from lab_kit.client import ServerAddress
from lab_kit.client.judging import DIALECTS, OWN, reading_of, recorded
from lab_kit.gateway.door.limits import Limits
from lab_kit.protocol.judge import judged
from lab_kit.protocol.judge.capture import Capture
from lab_kit.protocol.judge.conversation import Carrier, seen_in
from lab_kit.protocol.judge.seen import (
    Closed,
    Ended,
    Failed,
    Finished,
    Happening,
    Opened,
    Refused,
    Result,
    Sound,
)

SOUND = datasets.clip("two-cities-best-and-worst").samples
SAID = "it was the best of times"
SPOKEN = [(OWN, carrier) for carrier in Carrier] + [
    (dialect, Carrier.WEBSOCKET) for dialect in DIALECTS if dialect != OWN
]
over_each = pytest.mark.parametrize(
    ("dialect", "carrier"), SPOKEN, ids=[f"{d}-{c}" if d == OWN else d for d, c in SPOKEN]
)
PACE = 4.0


def seen(capture: Capture) -> list[Happening]:
    """What was seen, which keeps every rule."""
    found = seen_in(capture, reading_of(capture.head.dialect))
    assert judged(found) == [], "".join(capture.text())
    return [one.what for one in found]


def text(happenings: list[Happening]) -> str:
    finals = [one.text for one in happenings if isinstance(one, Result) and one.is_final]
    return " ".join(finals).lower()


@over_each
async def test_graceful(bench: Bench, dialect: str, carrier: Carrier) -> None:
    async with asyncio.timeout(HANG_S):
        capture = await recorded(dialect, bench.address, SOUND, carrier, pace=PACE)
    happened = seen(capture)
    assert SAID in text(happened)
    assert any(isinstance(one, Result) and not one.is_final for one in happened)
    assert any(isinstance(one, Finished) for one in happened)
    closed = happened[-1]
    assert isinstance(closed, Closed)
    if dialect in ("openai", "elevenlabs"):  # have no end: the client hangs up
        assert closed.by_client
    else:
        assert closed.is_well
        ends = any(isinstance(one, Ended) for one in happened)
        assert ends == (dialect != "amazon")  # which has no word for it


@over_each
async def test_abrupt(bench: Bench, dialect: str, carrier: Carrier) -> None:
    async with asyncio.timeout(HANG_S):
        capture = await recorded(
            dialect, bench.address, SOUND, carrier, pace=PACE, stops_after_s=1.5
        )
    happened = seen(capture)
    assert happened[-1] == Closed(None, by_client=True)
    assert not any(isinstance(one, Ended) for one in happened)


@over_each
async def test_timeout(strict_server: ServerProcess, dialect: str, carrier: Carrier) -> None:
    """After five seconds of silence; what was said is told before."""
    address = await address_of(strict_server)
    async with asyncio.timeout(HANG_S):
        capture = await recorded(dialect, address, SOUND, carrier, pace=PACE, finishes=False)
    happened = seen(capture)
    assert SAID in text(happened)
    closed = happened[-1]
    assert isinstance(closed, Closed)
    assert not closed.by_client
    assert not closed.is_well


@over_each
async def test_refused(keyed_bench: Bench, dialect: str, carrier: Carrier) -> None:
    address = ServerAddress(keyed_bench.url, "wrong", keyed_bench.address.grpc)
    async with asyncio.timeout(HANG_S):
        happened = seen(await recorded(dialect, address, SOUND, carrier, pace=PACE))
    refused_later = {"assemblyai": "1008", "amazon": "BadRequestException"}
    if dialect in refused_later:  # after the upgrade
        # whether the client had said all by then depends on who was faster
        told = [one for one in happened if not isinstance(one, Sound | Finished)]
        assert told == [Opened(), Failed(refused_later[dialect], is_fatal=True), Closed("1008")]
    else:
        assert happened == [Refused("UNAUTHENTICATED")]


@over_each
async def test_drained(dialect: str, carrier: Carrier) -> None:
    with ServerProcess(Limits()) as server:
        address = await address_of(server)
        async with asyncio.timeout(HANG_S):
            recording = asyncio.create_task(recorded(dialect, address, SOUND, carrier))
            await eventually(lambda: has_heard_something(server.url), "heard")
            stop_softly(server)
            happened = seen(await recording)
    assert isinstance(happened[-1], Closed)
    assert not happened[-1].by_client
    assert text(happened).strip().startswith("it")  # how much it had heard by then varies


def lab_judge(*arguments: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "lab_kit.cli", "judge", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_the_command_offers_every_dialect() -> None:
    """It names them itself, so that it starts without reading them all."""
    assert set(OFFERED) == set(DIALECTS)


def test_from_a_terminal(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "capture.jsonl"
    asked = ("--url", bench.url, "--dialect", "deepgram", "--pace", "4", "--save", str(file))
    status, told = lab_judge(*asked)
    assert (status, "over websocket: kept" in told) == (0, True), told
    assert lab_judge(str(file))[0] == 0
    lines = file.read_text().splitlines()
    finals = [n for n, line in enumerate(lines) if '"is_final":true' in line]
    file.write_text("\n".join([*lines, lines[finals[0]]]))
    status, told = lab_judge(str(file))
    assert status == 1
    assert f"line {len(lines) + 1}: nothing-after-the-end" in told
    file.write_text(json.dumps({"capture": 1, "dialect": "morse", "wire": "drum"}))
    assert lab_judge(str(file))[0] == 2
    assert lab_judge()[0] == 2
    assert lab_judge("--url", "http://127.0.0.1:9")[0] == 2
