"""The progress file, the paths and the profile."""

import json
from pathlib import Path

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.profile import Profile, profile
from lab_kit.course import opening, path, progress, progress_report
from lab_kit.course.catalog import LABS, ROLES, find_lab


def test_nothing_is_done_at_first_and_nothing_is_written(progress_file: Path) -> None:
    assert progress.load() == progress.Progress()
    assert "not yet" in progress_report()
    assert not progress_file.exists()


def test_what_was_passed_and_chosen_is_read_back() -> None:
    progress.record_pass("01.1")
    progress.choose_role("sre")
    known = progress.load()
    assert known.role == "sre"
    assert set(known.passed) == {"01.1"}


def test_the_first_pass_counts(progress_file: Path) -> None:
    progress.record_pass("01.1")
    kept = json.loads(progress_file.read_text())
    kept["passed"]["01.1"] = "2001-01-01T00:00:00Z"
    progress_file.write_text(json.dumps(kept))
    progress.record_pass("01.1")
    assert progress.load().passed["01.1"] == "2001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version": 9}', '{"version": 1, "role": 3, "passed": []}']
)
def test_a_damaged_file_is_kept_aside_and_named(progress_file: Path, damage: str) -> None:
    progress_file.parent.mkdir(parents=True)
    progress_file.write_text(damage)
    known = progress.load()
    assert known.passed == {}
    assert "progress-damaged-1.json" in (known.note or "")
    assert (progress_file.parent / "progress-damaged-1.json").read_text() == damage
    progress_file.write_text(damage)
    progress.load()
    assert (progress_file.parent / "progress-damaged-2.json").exists()


def test_a_file_that_is_no_text_is_kept_aside_too(progress_file: Path) -> None:
    progress_file.parent.mkdir(parents=True)
    progress_file.write_bytes(b"\xff\xfe\x00")
    assert "progress-damaged-1.json" in (progress.load().note or "")


def test_an_interrupted_write_leaves_the_old_file(
    progress_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.record_pass("01.1")
    monkeypatch.setattr(progress.os, "fsync", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        progress.record_pass("01.2")
    assert set(progress.load().passed) == {"01.1"}
    assert [p.name for p in progress_file.parent.iterdir()] == [progress_file.name]


def _interrupt(_: int) -> None:
    raise KeyboardInterrupt


def test_the_report_names_every_exercise_and_what_was_passed() -> None:
    progress.record_pass("01.1")
    progress.choose_role("sre")
    lines = progress_report().splitlines()
    assert any("| 01.1 |" in line and "not yet" not in line for line in lines)
    assert any("| 01.2 |" in line and "not yet" in line for line in lines)
    assert "SRE" in progress_report()


def test_a_path_shows_each_lab_with_its_state() -> None:
    progress.record_pass("01.1")
    progress.record_pass("00.1")
    progress.record_pass("00.2")
    states = {number: state for number, _, state, _ in path("sre").rows}
    assert states["00"] == "done"
    assert states["01"] == "1 of 2"
    assert states["12"] == ("not begun" if find_lab("12").is_available else "to come")
    assert "05" not in states


def test_without_a_role_all_paths_are_shown_and_the_chosen_one_after() -> None:
    assert [key for key, _, _ in path().rows] == [role.key for role in ROLES]
    progress.choose_role("leader")
    assert path() == path("leader")
    with pytest.raises(InvalidParameter, match="sre"):
        path("poet")


def test_every_lab_is_on_somebodys_path_after_what_it_builds_on() -> None:
    for role in ROLES:
        for position, number in enumerate(role.path):
            assert set(find_lab(number).prerequisites) <= set(role.path[:position]), number
    assert {number for role in ROLES for number in role.path} == {lab.number for lab in LABS}


def test_numbers_count_up_and_only_labs_that_exist_have_exercises() -> None:
    assert [lab.number for lab in LABS] == [f"{n:02}" for n in range(16)]
    for lab in LABS:
        assert bool(lab.exercises) == lab.is_available
        assert all(exercise.startswith(f"{lab.number}.") for exercise in lab.exercises)
    assert find_lab("04").roles == ("sre", "api")


def test_the_opening_names_the_lab_and_the_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_DEVICE", "cpu")
    monkeypatch.delenv("LAB_PROFILE", raising=False)
    opening("01")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Lab 01: The serving problem (60 minutes)"
    assert lines[1].startswith("Machine: c")
    assert len(lines) == 3
    monkeypatch.setenv("LAB_PROFILE", "ci")
    opening("01")
    assert "shortened" in capsys.readouterr().out
    with pytest.raises(InvalidParameter, match="00 to 15"):
        opening("1")


def test_the_profile_is_full_unless_asked_and_refuses_other_words() -> None:
    assert profile({}) is Profile.FULL
    assert profile({"LAB_PROFILE": "ci"}) is Profile.CI
    with pytest.raises(InvalidParameter, match="LAB_PROFILE=fast"):
        profile({"LAB_PROFILE": "fast"})
