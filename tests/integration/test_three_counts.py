"""Callers, the inference log and the ledger of a real server agree, until somebody tampers."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hang import HANG_S

from lab_kit import datasets
from lab_kit.experiments.metering.chain import Chain
from lab_kit.experiments.metering.counting import Told, call
from lab_kit.ledger.ledger import open_ledger
from lab_kit.metering.period import DAY_US, Period
from lab_kit.metering.reconciliation import (
    Cause,
    Reconciliation,
    Side,
    from_events,
    from_marks,
    read_marks,
    reconcile,
)

PCM = datasets.clip("two-cities-best").pcm16
CALLERS = 4


async def call_once_each(chain: Chain, told: Told) -> None:
    address = chain.address
    assert address is not None
    async with asyncio.timeout(HANG_S):
        await asyncio.gather(*(call(address, PCM, told, speed=4.0) for _ in range(CALLERS)))


def compared(told: Told, log: Path, ledger: Path) -> Reconciliation:
    begins_us = min(mark.time_us for mark in told.marks) - DAY_US
    period = Period(begins_us, begins_us + 3 * DAY_US)
    sent = from_marks(read_marks(log.read_bytes().splitlines()))
    with closing(open_ledger(str(ledger))) as opened:
        billed = from_events(opened.sound_events(period))
    return reconcile(from_marks(told.marks), sent, billed)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Path, Path]:
    """What callers were told, the log, and the ledger."""
    folder, told = tmp_path_factory.mktemp("counts"), Told()
    log = folder / "sent.jsonl"
    with Chain(folder, more=("--inference-log", str(log))) as chain:
        asyncio.run(call_once_each(chain, told))
        chain.stop_server()
        chain.settle().close()
    return told, log, folder / "ledger.sqlite"


def test_three_counts_of_the_same_calls_agree(counted: tuple[Told, Path, Path]) -> None:
    told, log, ledger = counted
    found = compared(told, log, ledger)
    assert len(told.ended) == CALLERS
    whole_us = sum(row.counts_us[Side.LEDGER] for row in found.rows)
    assert whole_us == sum(row.counts_us[Side.CLIENT] for row in found.rows) == told.total_us
    assert whole_us == CALLERS * round(len(PCM) / 32_000 * 1e6)
    # a call that was made at the full hour may be seen in two
    assert {one.cause for one in found.findings} <= {Cause.HOUR}
    assert {row.unexplained_us for row in found.rows} == {0}


@pytest.mark.parametrize(
    ("cause", "sql"),
    [
        (Cause.LOST, "DELETE FROM usage_events WHERE id = :first"),
        (Cause.EDITED, "UPDATE usage_events SET billed_us = billed_us + 1 WHERE id = :first"),
        (Cause.TENANT, "UPDATE usage_events SET tenant = 'acme' WHERE stream = :stream"),
        (Cause.HOUR, "UPDATE usage_events SET time_us = time_us + 3600000000 WHERE id = :first"),
        (Cause.MISSING, "DELETE FROM usage_events WHERE stream = :stream"),
    ],
)
def test_who_tampers_with_the_ledger_is_found(
    counted: tuple[Told, Path, Path], tmp_path: Path, cause: Cause, sql: str
) -> None:
    told, log, ledger = counted
    stream = min(told.ended)
    copy = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        with target:
            changed = target.execute(sql, {"first": f"{stream}:0", "stream": stream})
        assert changed.rowcount > 0
    found = compared(told, log, copy)
    named = {(one.side, one.stream, one.cause) for one in found.findings}
    assert (Side.LEDGER, stream, cause) in named
    assert {row.unexplained_us for row in found.rows} == {0}
