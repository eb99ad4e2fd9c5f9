"""Every way to change an audit log is caught, and the first bad record named.

What is caught with a saved checkpoint alone is in tests of its own, which show that without one it
is not.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from forged_logs import (
    RECORDS,
    SIGNED_EVERY,
    SIGNER,
    changed,
    entries,
    lines_of,
    other_history,
    put_records,
    records,
    write,
)

from lab_kit import auditor
from lab_kit.auditor import CHECKPOINTS_FILE, LOG_FILE, Unreadable, main, verify
from lab_kit.governance.checkpoint import SEED_BYTES, Signer
from lab_kit.governance.record import Head

KEY = SIGNER.verifier_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "audit"
    write(made, lines_of(entries()))
    return made


def last_checkpoint(folder: Path) -> str:
    lines = (folder / CHECKPOINTS_FILE).read_text("utf-8").splitlines(keepends=True)
    return "".join(lines[-5:])


def test_a_log_as_it_was_signed_is_good(folder: Path) -> None:
    report = verify(folder, KEY, last_checkpoint(folder))
    assert report.is_good
    assert report.first_bad is None
    assert f"{RECORDS} records" in report.checked[0]
    assert f"{RECORDS // SIGNED_EVERY} checkpoints" in report.checked[1]
    assert f"saved checkpoint of {RECORDS}" in report.checked[2]


def rewritten(folder: Path) -> None:
    lines = records(folder)
    lines[7] = changed(lines[7], tenant="somebody-else")
    put_records(folder, lines)


def rewritten_with_its_own_hash(folder: Path) -> None:
    lines = records(folder)
    lines[8] = changed(lines[8], previous="00" * 32)
    put_records(folder, lines)


def first_rewritten(folder: Path) -> None:
    lines = records(folder)
    lines[0] = changed(lines[0], tenant="somebody-else")
    put_records(folder, lines)


def last_rewritten(folder: Path) -> None:
    lines = records(folder)
    lines[-1] = changed(lines[-1], tenant="somebody-else")
    put_records(folder, lines)


def all_hashes_recomputed(folder: Path) -> None:
    put_records(folder, other_history(7))


def reordered(folder: Path) -> None:
    lines = records(folder)
    lines[7], lines[8] = lines[8], lines[7]
    put_records(folder, lines)


def put_in(folder: Path) -> None:
    lines = records(folder)
    before = Head()
    for line in lines[:8]:
        before = before.after(line)
    put_records(folder, [*lines[:8], before.line(entries()[3]), *lines[8:]])


def taken_out(folder: Path) -> None:
    lines = records(folder)
    put_records(folder, [*lines[:8], *lines[9:]])


def beginning_taken_off(folder: Path) -> None:
    put_records(folder, records(folder)[3:])


def truncated(folder: Path) -> None:
    put_records(folder, records(folder)[:12])


def written_otherwise(folder: Path) -> None:
    lines = records(folder)
    lines[7] = lines[7].replace(b",", b", ", 1)
    put_records(folder, lines)


def no_json(folder: Path) -> None:
    lines = records(folder)
    lines[7] = b"\xff\x00"
    put_records(folder, lines)


def nested_deep(folder: Path) -> None:
    lines = records(folder)
    lines[7] = b"[" * 60_000
    put_records(folder, lines)


def a_fraction(folder: Path) -> None:
    lines = records(folder)
    lines[7] = lines[7].replace(b'"number":7', b'"number":7.5')
    put_records(folder, lines)


@pytest.mark.parametrize(
    ("attack", "first_bad"),
    [
        (rewritten, range(7, 8)),
        (rewritten_with_its_own_hash, range(8, 9)),
        (first_rewritten, range(1)),
        (last_rewritten, range(15, 20)),
        (all_hashes_recomputed, range(5, 10)),
        (reordered, range(7, 8)),
        (put_in, range(8, 9)),
        (taken_out, range(8, 9)),
        (beginning_taken_off, range(1)),
        (truncated, range(12, 13)),
        (written_otherwise, range(7, 8)),
        (no_json, range(7, 8)),
        (nested_deep, range(7, 8)),
        (a_fraction, range(7, 8)),
    ],
)
def test_what_is_changed_is_caught_and_the_first_bad_record_named(
    folder: Path, attack: Callable[[Path], None], first_bad: range
) -> None:
    attack(folder)
    report = verify(folder, KEY)
    assert not report.is_good
    assert report.first_bad == first_bad


def test_no_byte_can_be_changed(folder: Path) -> None:
    path = folder / LOG_FILE
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        assert not verify(folder, KEY).is_good, place


def test_no_end_can_be_cut_off(folder: Path) -> None:
    path = folder / LOG_FILE
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        report = verify(folder, KEY)
        left = whole[:length].count(b"\n")
        assert report.first_bad == range(left, left + 1)


@pytest.mark.parametrize("line", [1, 2, 4])
def test_a_changed_size_root_or_signature_is_caught(folder: Path, line: int) -> None:
    path = folder / CHECKPOINTS_FILE
    lines = path.read_text("utf-8").splitlines(keepends=True)
    middle = len(lines[line]) // 2
    other = "6" if lines[line][middle - 1] != "6" else "7"
    lines[line] = f"{lines[line][: middle - 1]}{other}{lines[line][middle:]}"
    path.write_text("".join(lines), "utf-8")
    assert any("checkpoint 0" in str(one) for one in verify(folder, KEY).wrong)


def test_checkpoints_by_another_key_are_no_checkpoints(folder: Path) -> None:
    thief = Signer(SIGNER.name, bytes(SEED_BYTES))
    write(folder, other_history(7), thief)
    report = verify(folder, KEY)
    assert any("no signature of the key" in str(one) for one in report.wrong)
    assert any("nothing says" in str(one) for one in report.wrong)
    assert verify(folder, thief.verifier_key).is_good, "so the key has to come from elsewhere"


def test_a_log_is_not_passed_off_as_another_of_the_same_server(folder: Path) -> None:
    other = Signer("lab_kit/audit/another", SIGNER.seed)
    write(folder, lines_of(entries()), other)
    assert not verify(folder, KEY).is_good
    forged = SIGNER.signed(f"{other.name}\n5\n{'A' * 43}=\n")
    with pytest.raises(Unreadable, match="a checkpoint of"):
        verify(folder, KEY, forged)


def test_without_checkpoints_nothing_is_vouched_for(folder: Path) -> None:
    (folder / CHECKPOINTS_FILE).unlink()
    assert "nothing says" in str(verify(folder, KEY).wrong[0])


def test_a_fork_in_one_folder_is_caught(folder: Path) -> None:
    """Two histories of one size, both signed: nobody but who has the key can have done it."""
    before = (folder / CHECKPOINTS_FILE).read_text("utf-8")
    write(folder, other_history(7))
    after = (folder / CHECKPOINTS_FILE).read_text("utf-8")
    (folder / CHECKPOINTS_FILE).write_text(before + after, "utf-8")
    told = "; ".join(map(str, verify(folder, KEY).wrong))
    assert "two histories are signed, both of 10 records" in told


def test_an_end_cut_off_with_its_checkpoints_needs_a_saved_one(folder: Path) -> None:
    """What is left is a log that was signed once; only what somebody saved says it was longer."""
    saved = last_checkpoint(folder)
    write(folder, records(folder)[:10])
    assert verify(folder, KEY).is_good
    report = verify(folder, KEY, saved)
    assert report.first_bad == range(10, 11)
    assert "the saved checkpoint is of 20 records" in str(report.wrong[-1])


def test_another_history_signed_by_the_key_itself_needs_a_saved_one(folder: Path) -> None:
    saved = last_checkpoint(folder)
    write(folder, other_history(7))
    assert verify(folder, KEY).is_good
    report = verify(folder, KEY, saved)
    assert "forked" in str(report.wrong[-1])
    assert report.first_bad == range(15, 20)


def test_a_log_that_only_grew_agrees_with_a_saved_checkpoint(folder: Path) -> None:
    saved = last_checkpoint(folder)
    write(folder, lines_of(entries(RECORDS + 7)))
    assert verify(folder, KEY, saved).is_good


def test_records_behind_the_last_checkpoint_are_told(folder: Path) -> None:
    put_records(folder, lines_of(entries(RECORDS + 3)))
    report = verify(folder, KEY)
    assert report.is_good
    assert "3 behind it that are not signed" in report.checked[1]


def test_a_torn_end_is_no_crime_unless_it_was_signed(folder: Path) -> None:
    path = folder / LOG_FILE
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"about":{')
    report = verify(folder, KEY)
    assert report.is_good
    assert "torn" in report.checked[0]
    path.write_bytes(whole[:-1])
    assert verify(folder, KEY).first_bad == range(19, 20)


def test_a_server_that_was_killed_is_told(folder: Path) -> None:
    made = entries(5)
    write(folder, lines_of([*made, made[0], *made[1:]]))
    assert any("1 times a server was killed" in one for one in verify(folder, KEY).checked)


@pytest.mark.parametrize(
    "key",
    ["", "name", "name+00000000+", f"x{KEY}", KEY[:-4], KEY.replace("+A", "+B"), f"{KEY}!"],
)
def test_what_is_no_verifier_key_is_refused(folder: Path, key: str) -> None:
    with pytest.raises(Unreadable):
        verify(folder, key)


def test_the_command_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = folder / "saved"
    saved.write_text(last_checkpoint(folder), "utf-8")
    asked = [str(folder), "--key", KEY, "--against", str(saved)]
    assert main(asked) == 0
    assert "as it was signed" in capsys.readouterr().out
    rewritten(folder)
    assert main(asked) == 1
    told = capsys.readouterr().out
    assert "WRONG    record 7" in told
    assert "the first bad record: record 7" in told
    assert main([str(folder / "nowhere"), "--key", KEY]) == 1
    assert "not checked" in capsys.readouterr().err


def test_it_imports_nothing_of_the_lab() -> None:
    tree = ast.parse(Path(auditor.__file__).read_text("utf-8"))
    named = {
        (one.module or "") if isinstance(one, ast.ImportFrom) else one.names[0].name
        for one in ast.walk(tree)
        if isinstance(one, ast.Import | ast.ImportFrom)
    }
    roots = {name.partition(".")[0] for name in named}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_a_copy_runs_where_the_lab_is_not(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copied_auditor.py"
    shutil.copy(auditor.__file__, copy)
    # isolated: neither this folder nor PYTHONPATH is looked into
    command = [sys.executable, "-I", str(copy), str(folder), "--key", KEY]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")
    rewritten(folder)
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.returncode == 1
    assert "record 7" in told.stdout
