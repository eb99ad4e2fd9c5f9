"""Lines are whole or not there; files change hands only when their writer is done with them."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab_kit.core.errors import StateUnusable
from lab_kit.gateway.observe.usage.journal import Journal
from lab_kit.gateway.observe.usage.usage import source_of

WRITER = """
import sys
from pathlib import Path
from lab_kit.gateway.observe.usage.journal import Journal
journal = Journal(Path(sys.argv[1]), lambda error: None, file_bytes=4_000)
number = 0
while True:
    journal.append(b"%d " % number + b"x" * 100)
    print(number, flush=True)
    number += 1
"""


def journal(folder: Path, **limits: int) -> Journal:
    return Journal(folder, lambda error: pytest.fail(str(error)), **limits)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def is_locked(file: Path) -> bool:
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_lines_are_there_at_once_in_order_and_in_files_of_a_size(tmp_path: Path) -> None:
    kept = journal(tmp_path, file_bytes=50)
    for number in range(10):
        kept.append(b"line %02d" % number)
        assert b"".join(one.read_bytes() for one in files(tmp_path)).endswith(b"%02d\n" % number)
    assert [len(one.read_bytes()) for one in files(tmp_path)] == [48, 32]
    assert is_locked(files(tmp_path)[-1])
    kept.close()
    assert not any(map(is_locked, files(tmp_path)))


def test_a_line_longer_than_a_file_has_one_of_its_own(tmp_path: Path) -> None:
    kept = journal(tmp_path, file_bytes=50)
    for line in (b"a", b"b" * 100, b"c"):
        kept.append(line)
    kept.close()
    assert [one.read_bytes()[:1] for one in files(tmp_path)] == [b"a", b"b", b"c"]


def test_a_line_that_the_disk_took_half_of_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = journal(tmp_path)
    kept.append(b"first")
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[:3]))
        with pytest.raises(OSError, match="no room"):
            kept.append(b"second")
    with monkeypatch.context() as full:

        def refuse(file: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

        full.setattr(os, "write", refuse)
        with pytest.raises(OSError, match="no space"):
            kept.append(b"third")
    kept.append(b"fourth")
    kept.close()
    assert files(tmp_path)[0].read_bytes() == b"first\nfourth\n"


def test_more_than_may_lie_there_is_noticed_and_that_it_was_shipped(tmp_path: Path) -> None:
    kept = journal(tmp_path, file_bytes=20, most_bytes=60)
    assert not kept.is_full
    for _ in range(8):
        kept.append(b"ten bytes")
    until(lambda: kept.is_full)
    for file in files(tmp_path)[:-1]:
        file.unlink()
    until(lambda: not kept.is_full)
    kept.close()


def until(happened: object) -> None:
    import time

    end_s = time.monotonic() + 20
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_a_writer_that_is_killed_has_written_all_that_it_told_of(tmp_path: Path) -> None:
    for round_ in range(5):
        folder = tmp_path / str(round_)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(200 + 37 * round_)]
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.readlines()
        lines = b"".join(one.read_bytes() for one in files(folder)).splitlines(keepends=True)
        whole = [int(one.split()[0]) for one in lines if one.endswith(b"x\n")]
        assert whole == list(range(len(whole)))
        assert len(whole) >= len([one for one in told if one.endswith(b"\n")])
        assert not any(map(is_locked, files(folder)))


def test_two_writers_share_a_folder_and_its_name(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    assert source == source_of(tmp_path)
    assert source.startswith("lab_kit/")
    assert source != source_of(folder_in(tmp_path, "other"))


def folder_in(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable):
        journal(tmp_path / "file")
