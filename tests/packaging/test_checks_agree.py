"""Make, CI and the commit hooks check the same things, and call only what there is."""

import os
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hang import HANG_S
from packaging.specifiers import SpecifierSet
from packaging_files import ROOT, toml

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOW = ROOT / ".github/workflows/ci.yml"
HOOKS = ROOT / ".pre-commit-config.yaml"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("labs/*.md")])


def variable(name: str) -> str:
    """What a variable of the Makefile is set to, continuation lines joined."""
    found = re.search(rf"^{name} :?= (.*)$", MAKEFILE.replace("\\\n", " "), re.MULTILINE)
    assert found, f"the Makefile sets no {name}"
    return found[1]


def targets() -> set[str]:
    """Every target of the Makefile; `$(TEST)` stands for the parts of `make test`."""
    rules = re.findall(r"^([a-z$()A-Z ]+):(?!=)", MAKEFILE, re.MULTILINE)
    names = {name for rule in rules for name in rule.replace("$(TEST)", variable("TEST")).split()}
    return names - {".PHONY"}


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return found


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def hooks() -> list[dict[str, Any]]:
    (repository,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local", "a hook from elsewhere has pins of its own"
    found: list[dict[str, Any]] = repository["hooks"]
    return found


# ---------------------------------------------------------------- Makefile


def test_every_part_of_make_has_a_command() -> None:
    assert set(variable("CHECK").split()) <= set(variable("TEST").split())
    for part in variable("TEST").split():
        command = variable(part).removeprefix("$(SPARE) ")
        assert command.startswith(("$(BIN)/", "$(PYTEST) "))


def test_make_test_runs_every_folder_of_tests_once() -> None:
    there = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    runs = [covered(variable(part)) for part in variable("TEST").split()]
    for folder in there:
        assert sum(folder_is_run(folder) for folder_is_run in runs) == 1, folder


def test_no_two_tests_have_the_same_file_name() -> None:
    """Pytest, asked for all of `tests` at once, takes the second for the first."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def covered(command: str) -> Callable[[Path], bool]:
    """Whether a part's command runs the tests of a folder."""
    words = [word for word in command.split() if "." not in word]
    ignored = [Path(after) for word, after in pairwise(words) if word == "--ignore"]
    named = [Path(word) for word in words if word.startswith("tests/")]

    def runs(folder: Path) -> bool:
        if any(folder.is_relative_to(one) for one in ignored):
            return False
        return any(folder.is_relative_to(one) for one in named if one not in ignored)

    return runs


def make_test(parts: Path, **given: str) -> "subprocess.CompletedProcess[str]":
    """`make test` with other commands as its parts; its set-up succeeds unless ``given`` says."""
    variables = {"SETUP": "true", "PARTS": str(parts), "TEST": "unit types lint", **given}
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *(f"{name}={value}" for name, value in variables.items()), "test"],
        cwd=ROOT,
        env=outside,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )


def test_every_part_runs_and_is_told_of_at_the_end_whatever_became_of_the_others(
    tmp_path: Path,
) -> None:
    unit = "echo first; echo 3 failed, 2 passed in 1 s; false"
    done = make_test(tmp_path / "parts", unit=unit, types="echo typed", lint="echo linted")
    assert done.returncode != 0
    assert "first\n3 failed, 2 passed in 1 s\n" in done.stdout, "not whole"
    told = [line.split(maxsplit=4) for line in done.stdout.splitlines()[-3:]]
    assert {(part, result, last) for part, result, _, _, last in told} == {
        ("unit", "FAILED", "3 failed, 2 passed in 1 s"),
        ("types", "passed", "typed"),
        ("lint", "passed", "linted"),
    }


def test_make_test_succeeds_when_every_part_does(tmp_path: Path) -> None:
    assert make_test(tmp_path, unit="true", types="true", lint="true").returncode == 0


def test_without_a_set_up_nothing_runs(tmp_path: Path) -> None:
    done = make_test(tmp_path, SETUP="false", unit="echo ran", types="echo ran", lint="echo ran")
    assert done.returncode != 0
    assert "ran" not in done.stdout


# ---------------------------------------------------------------- CI


def called(text: str) -> set[str]:
    """The targets that shell commands give to make."""
    return set(re.findall(r"^(?:\w+=\S+ )*make ([a-z]+)", text, re.MULTILINE))


def test_ci_calls_targets_that_exist() -> None:
    lines = [line for job in jobs().values() for line in commands(job)]
    assert {"book", "check"} == called("\n".join(lines)) <= targets()
    assert {"test"} == called((ROOT / ".ci/run").read_text(encoding="utf-8")) <= targets()


def named(path: Path) -> set[str]:
    """The targets that a document names."""
    return set(re.findall(r"`make ([a-z]+)", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_targets_that_exist(path: Path) -> None:
    assert named(path) <= targets()


def test_the_readme_names_the_three_commands() -> None:
    assert {"lab", "check", "test"} <= named(ROOT / "README.md")


def test_ci_runs_everything_on_the_system_of_the_script() -> None:
    test = jobs()["test"]
    assert test["container"] == "debian:12"
    assert commands(test) == ["bash .ci/run"]


def test_ci_checks_on_every_python_that_is_supported() -> None:
    check = jobs()["check"]
    versions = check["strategy"]["matrix"]["python"]
    supported = SpecifierSet(toml("pyproject.toml")["project"]["requires-python"])
    assert len(versions) == len(set(versions)) == 3
    assert all(isinstance(version, str) for version in versions), "3.10 would be read as 3.1"
    assert {f">={versions[0]}"} == {str(supported)}
    assert all(supported.contains(f"{version}.0") for version in versions)
    assert "PYTHON=python" in shlex.split(commands(check)[-1])


# ---------------------------------------------------------------- commit hooks


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_runs_what_make_check_runs(hook: dict[str, Any]) -> None:
    """The same tools of .venv with the same words, but for what it is run on."""
    assert hook["language"] == "system"
    program, *words = hook["entry"].split()
    checked = " && ".join(variable(part) for part in variable("CHECK").split())
    assert program.startswith(".venv/bin/")
    if program.endswith("python"):
        (folder,) = [word for word in words if word.startswith("tests/")]
        assert (ROOT / folder).is_file()
        assert folder.startswith("tests/unit/")
    else:
        command = " ".join([program.replace(".venv/bin", "$(BIN)"), *words])
        assert command.replace(" --force-exclude", "") in checked
