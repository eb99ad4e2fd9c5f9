"""What a journal has is in the ledger once, wherever whoever ships it is stopped."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from usage_made import made_usage

from lab_kit.core.errors import StateUnusable
from lab_kit.ledger import reading, shipping
from lab_kit.ledger.ledger import Batch, Ledger, open_ledger
from lab_kit.ledger.shipping import Shipper
from lab_kit.metering.event import cloud_event
from lab_kit.metering.period import Period

EVENTS = made_usage(streams=10, each=10)
LINES = [cloud_event(one) + b"\n" for one in EVENTS]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = open_ledger(str(tmp_path / "ledger.sqlite"))
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "usage"
    made.mkdir()
    (made / "source").write_text("lab_kit/a")
    return made


@pytest.fixture
def shipper(folder: Path, ledger: Ledger) -> Iterator[Shipper]:
    made = Shipper(folder, ledger)
    yield made
    made.close()


def counted(ledger: Ledger) -> int:
    return sum(len(ledger.events(stream)) for stream in {one.used.stream for one in EVENTS})


def test_files_are_shipped_in_order_and_removed(
    folder: Path, shipper: Shipper, ledger: Ledger
) -> None:
    for number in range(4):
        (folder / f"{number}.jsonl").write_bytes(b"".join(LINES[number * 25 : number * 25 + 25]))
    assert shipper.ship() == 100
    assert shipper.ship() == 0
    assert counted(ledger) == 100
    assert list(folder.glob("*.jsonl")) == []
    assert ledger.shipped() == {}


def test_a_file_that_is_still_written_stays_and_goes_on(
    folder: Path, shipper: Shipper, ledger: Ledger
) -> None:
    with (folder / "1.jsonl").open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        for line in LINES[:10]:
            writer.write(line[:50])
            writer.flush()
            assert shipper.ship() == 0
            writer.write(line[50:])
            writer.flush()
            assert shipper.ship() == 1
    assert shipper.ship() == 0
    assert list(folder.glob("*.jsonl")) == []
    assert counted(ledger) == 10


def test_a_line_whose_writer_was_killed_was_told_to_nobody(
    folder: Path, shipper: Shipper, ledger: Ledger
) -> None:
    (folder / "1.jsonl").write_bytes(LINES[0] + LINES[1][:100])
    assert shipper.ship() == 1
    assert list(folder.glob("*.jsonl")) == []
    assert ledger.strange_lines() == 0


def test_lines_that_are_no_events_are_kept_and_hold_up_nobody(
    folder: Path, shipper: Shipper, ledger: Ledger
) -> None:
    (folder / "1.jsonl").write_bytes(LINES[0] + b"{}\n\n" + LINES[1])
    assert shipper.ship() == 2
    assert ledger.strange_lines() == 2


def test_a_line_longer_than_any_of_ours_does_not_hold_up_the_others(
    folder: Path, shipper: Shipper, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_BYTES", 2_000)
    monkeypatch.setattr(reading, "LONGEST_LINE_BYTES", 1_500)
    (folder / "1.jsonl").write_bytes(LINES[0] + b"x" * 5_000 + b"\n" + LINES[1])
    assert shipper.ship() == 2
    assert ledger.strange_lines() >= 1


def test_much_that_waits_is_shipped_whole(
    folder: Path, shipper: Shipper, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "BATCH_BYTES", 10_000)
    (folder / "1.jsonl").write_bytes(b"".join(LINES))
    assert shipper.ship() == 100
    assert counted(ledger) == 100


@pytest.mark.parametrize("stopped_after", range(3))
def test_whoever_is_stopped_anywhere_goes_on_where_the_ledger_is(
    folder: Path,
    shipper: Shipper,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    stopped_after: int,
) -> None:
    monkeypatch.setattr(reading, "BATCH_BYTES", 20_000)
    (folder / "1.jsonl").write_bytes(b"".join(LINES))
    take, left = Ledger.take, [stopped_after]

    def killed(self: Ledger, batch: Batch) -> int:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return take(self, batch)

    with monkeypatch.context() as dying:
        dying.setattr(Ledger, "take", killed)
        with pytest.raises(KeyboardInterrupt):
            shipper.ship()
    shipper.ship()
    assert counted(ledger) == 100


def test_all_that_was_written_before_it_looked_is_there(
    folder: Path, shipper: Shipper, ledger: Ledger
) -> None:
    (folder / "1.jsonl").write_bytes(LINES[0])
    shipper.ship()
    long_ago = Period(EVENTS[0].time_us, EVENTS[0].time_us + 1)
    assert ledger.close_period(long_ago).last_number == 1


def test_nobody_else_ships_the_same_folder(folder: Path, shipper: Shipper, ledger: Ledger) -> None:
    with pytest.raises(StateUnusable):
        Shipper(folder, ledger)
