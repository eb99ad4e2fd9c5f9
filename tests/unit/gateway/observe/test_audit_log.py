"""The audit log's files: in order, whole, gone on with, and honest about what is missing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hang import HANG_S

from lab_kit.auditor import verify
from lab_kit.core.errors import StateUnusable
from lab_kit.gateway.observe.audit.log import AUDIT_KEY, AuditLog
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.governance.allowance import PER_S
from lab_kit.governance.record import Action, Entry

SEED = bytes(range(32))
MOST_REFUSED = PER_S[Action.CALL_REFUSED]


def log_at(
    folder: Path, seed: bytes = SEED, metrics: Metrics | None = None, **more: Any
) -> AuditLog:
    return AuditLog(folder, lambda: seed, metrics or Metrics(), **more)


def opened(folder: Path) -> AuditLog:
    log = log_at(folder)
    log.open()
    return log


def entry(at_ms: int, tenant: str = "acme", action: Action = Action.STREAM_OPENED) -> Entry:
    return Entry(action, at_ms, tenant)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_bytes().splitlines()]


def actions(folder: Path) -> list[str]:
    return [one["action"] for one in records(folder)]


def test_what_is_put_is_written_in_order_and_signed_at_the_end(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for number in range(2_500):
        log.put(entry(number, f"tenant-{number}"))
    log.close()
    written = records(tmp_path)
    assert [one["tenant"] for one in written[1:-1]] == [f"tenant-{n}" for n in range(2_500)]
    assert (written[0]["action"], written[-1]["action"]) == ("log.opened", "log.closed")
    report = verify(tmp_path, log.verifier_key)
    assert report.is_good
    assert "newest of 2502 records" in report.checked[1]
    assert log.verifier_key.startswith(f"{written[0]['about']['origin']}+")


def test_a_checkpoint_that_is_asked_for_covers_what_was_put(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.put(entry(1))
    first = log.signed().result(HANG_S)
    assert verify(tmp_path, log.verifier_key, first).is_good
    assert first.splitlines()[1] == "2"
    log.put(entry(2))
    assert log.signed().result(HANG_S).splitlines()[1] == "3"
    log.close()
    assert verify(tmp_path, log.verifier_key, first).is_good
    with pytest.raises(StateUnusable, match="closed"):
        log.signed().result(HANG_S)


def test_whoever_does_not_wait_for_a_checkpoint_ends_nothing(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert log.signed().cancel()
    assert log.signed().result(HANG_S)
    log.close()


def test_the_next_server_goes_on_with_the_same_log(tmp_path: Path) -> None:
    log = opened(tmp_path)
    saved = log.signed().result(HANG_S)
    log.close()
    again = opened(tmp_path)
    again.put(entry(1))
    again.close()
    assert again.verifier_key == log.verifier_key
    assert actions(tmp_path)[-4:] == ["log.closed", "log.opened", "stream.opened", "log.closed"]
    assert verify(tmp_path, log.verifier_key, saved).is_good


def test_what_is_put_before_it_is_open_comes_behind_its_opening(tmp_path: Path) -> None:
    log = log_at(tmp_path)
    log.put(entry(1))
    log.open()
    log.close()
    assert actions(tmp_path) == ["log.opened", "stream.opened", "log.closed"]


def test_a_log_that_was_never_opened_closes(tmp_path: Path) -> None:
    log_at(tmp_path / "nowhere").close()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("torn", [b"{", b'{"about":{},"action":"stream.op', b"\xff\x00"])
def test_a_torn_record_is_cut_off_and_that_is_said(tmp_path: Path, torn: bytes) -> None:
    opened(tmp_path).close()
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(torn)
    log = opened(tmp_path)
    log.close()
    told = records(tmp_path)[-2]
    assert (told["action"], told["about"]) == ("log.torn", {"bytes": len(torn)})
    assert verify(tmp_path, log.verifier_key).is_good


@pytest.mark.parametrize("torn", ["", "lab_kit/audit/x", "lab_kit/audit/x\n7\n", "\n\n\u2014 "])
def test_a_torn_checkpoint_is_cut_off(tmp_path: Path, torn: str) -> None:
    opened(tmp_path).close()
    with (tmp_path / "checkpoints").open("a", encoding="utf-8") as file:
        file.write(torn)
    log = opened(tmp_path)
    log.close()
    report = verify(tmp_path, log.verifier_key)
    assert report.is_good
    assert "2 checkpoints" in report.checked[1]


KILLED = """
import os, sys
from pathlib import Path
from lab_kit.gateway.observe.audit.log import AuditLog
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.governance.record import Action, Entry
log = AuditLog(Path(sys.argv[1]), lambda: bytes(range(32)), Metrics())
log.open()
log.put(Entry(Action.STREAM_OPENED, 1, "acme"))
log.signed().result(60)
log.put(Entry(Action.STREAM_ENDED, 2, "acme"))
os.kill(os.getpid(), 9)
"""


def test_a_server_that_is_killed_leaves_a_log_that_was_not_closed(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=HANG_S)
    assert ended.returncode == -9
    log = opened(tmp_path)
    log.close()
    assert actions(tmp_path)[:3] == ["log.opened", "stream.opened", "log.opened"]
    report = verify(tmp_path, log.verifier_key)
    assert report.is_good
    assert any("1 times a server was killed" in one for one in report.checked)


def rewrite(folder: Path) -> None:
    path = folder / "log.jsonl"
    path.write_bytes(path.read_bytes().replace(b"acme", b"evil"))


def cut_off(folder: Path) -> None:
    path = folder / "log.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))


def remove(folder: Path) -> None:
    (folder / "log.jsonl").unlink()


def add_one(folder: Path) -> None:
    path = folder / "log.jsonl"
    path.write_bytes(path.read_bytes() + b'{"number":3}\n')


def add_one_that_is_endless(folder: Path) -> None:
    path = folder / "log.jsonl"
    path.write_bytes(path.read_bytes() + b"x" * 70_000)


@pytest.mark.parametrize("attack", [rewrite, cut_off, remove, add_one, add_one_that_is_endless])
def test_a_server_does_not_sign_what_somebody_else_changed(
    tmp_path: Path, attack: Callable[[Path], None]
) -> None:
    log = opened(tmp_path)
    log.put(entry(1))
    log.close()
    attack(tmp_path)
    before = (tmp_path / "checkpoints").read_bytes()
    with pytest.raises(StateUnusable, match=r"lab audit verify"):
        log_at(tmp_path).open()
    assert (tmp_path / "checkpoints").read_bytes() == before


def test_a_log_of_another_key_is_not_gone_on_with(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with pytest.raises(StateUnusable, match="LAB_AUDIT_KEY"):
        log_at(tmp_path, bytes(32)).open()


def test_a_log_has_one_writer(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(StateUnusable, match="another server"):
        log_at(tmp_path).open()
    first.close()
    opened(tmp_path).close()


def test_what_there_is_no_room_for_is_counted_and_the_log_says_so(tmp_path: Path) -> None:
    metrics = Metrics()
    log = log_at(tmp_path, metrics=metrics, most_waiting=5)
    for number in range(8):
        log.put(entry(number))
    log.open()
    log.close()
    lost = next(one for one in records(tmp_path) if one["action"] == "log.lost")
    assert lost["about"] == {"records": 3, "since_ms": 5}
    assert actions(tmp_path)[-1] == "log.closed"
    assert actions(tmp_path).count("stream.opened") == 5
    assert "lab_audit_records_lost_total 3.0" in metrics.exposition()[0].decode()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from lab_kit.gateway.observe.audit.log import AuditLog
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.core.errors import StateUnusable
from lab_kit.governance.record import Action, Entry
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, metrics = Path(sys.argv[1]), Metrics()
log = AuditLog(folder, lambda: bytes(range(32)), metrics, most_waiting=20)
log.open()
log.signed().result(60)
size = (folder / "log.jsonl").stat().st_size
# room for two records and a half
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 600, resource.RLIM_INFINITY))
for number in range(50):
    log.put(Entry(Action.STREAM_OPENED, number, "acme"))
try:
    log.signed().result(60)
    print("signed all the same")
except StateUnusable as error:
    print(error.received)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.signed().result(60)
print(dict(metrics.background_failures.counts))
print(log.verifier_key)
log.close()
"""


def test_a_full_disk_hangs_nobody_and_its_gap_is_in_the_log(tmp_path: Path) -> None:
    """A limit of the system on the file's length: a write that goes half through, as on a disk."""
    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert told.returncode == 0, told.stderr
    refused, failures, key = told.stdout.splitlines()
    assert "File too large" in refused
    assert "audit" in failures
    lost = next(one for one in records(tmp_path) if one["action"] == "log.lost")
    written = actions(tmp_path).count("stream.opened")
    assert lost["about"]["records"] == 50 - written
    assert lost["about"]["since_ms"] == written
    assert verify(tmp_path, key).is_good


def test_a_flood_of_refusals_is_counted_and_not_written(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for _ in range(1_000):
        log.put(entry(5_000, action=Action.CALL_REFUSED))
    log.put(entry(5_000))
    log.close()
    assert actions(tmp_path).count("call.refused") == MOST_REFUSED
    assert actions(tmp_path).count("stream.opened") == 1
    counted = [one["about"] for one in records(tmp_path) if one["action"] == "calls.counted"]
    assert sum(one["refused"] for one in counted) == 1_000 - MOST_REFUSED
    assert sum(one["admitted"] for one in counted) == 0
    assert actions(tmp_path)[-1] == "log.closed"


def test_every_second_has_its_own_allowance(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for number in range(5 * MOST_REFUSED):
        log.put(entry(number * 1_000, action=Action.CALL_REFUSED))
    log.close()
    assert actions(tmp_path).count("call.refused") == 5 * MOST_REFUSED
    assert "calls.counted" not in actions(tmp_path)


def test_an_entry_that_no_record_can_hold_ends_nothing(tmp_path: Path) -> None:
    metrics = Metrics()
    log = log_at(tmp_path, metrics=metrics)
    log.open()
    log.put(entry(1, "\ud800"))
    log.put(entry(2))
    log.close()
    written = actions(tmp_path)
    assert written[:2] == ["log.opened", "stream.opened"]
    assert "log.lost" in written
    assert metrics.background_failures.counts["audit"] == 1


def test_the_files_are_for_nobody_else(tmp_path: Path) -> None:
    opened(tmp_path / "audit").close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()}
    assert modes == {"log.jsonl": 0o600, "checkpoints": 0o600}
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable, match="--audit"):
        log_at(tmp_path / "file").open()


def test_the_key_comes_from_the_environment() -> None:
    assert AUDIT_KEY.of({"LAB_AUDIT_KEY": SEED.hex()}) == SEED
