"""What is kept of a run, and what nbval makes of it: the verdict counts, its reasons do not."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import refresh_outputs
from nbformat.v4 import new_code_cell, new_notebook

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STARTER = 'from lab_kit import course\ncourse.check("01.1", ...)'
OPENING = 'from lab_kit import course\ncourse.opening("01")'


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook whose outputs were just refreshed."""
    monkeypatch.delenv("LAB_PROFILE", raising=False)
    monkeypatch.setenv("LAB_PROGRESS", str(tmp_path / "progress.json"))
    sources = (STARTER, "print(1)", STARTER, OPENING)
    checked = {"tags": [refresh_outputs.CHECKED_TAG]}
    cells = [new_code_cell(s, metadata={} if s == "print(1)" else checked) for s in sources]
    path = tmp_path / "sample.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    assert refresh_outputs.main([str(path)]) == 0
    return path


def edit(path: Path, cell: int, old: str, new: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    output = notebook.cells[cell].outputs[0]
    assert old in output.text
    output.text = output.text.replace(old, new)
    nbformat.write(notebook, path)


def nbval(path: Path, *more: str) -> str:
    """nbval's summary line, run as `make test` runs it."""
    options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
    config = ["--nbval-sanitize-with", str(ROOT / "tests" / "nbval.cfg")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-c",
            "/dev/null",
            *options,
            *config,
            *more,
            path.name,
        ],
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()[-1]


def test_only_compared_cells_keep_their_output(written: Path) -> None:
    starter, plain, _, _ = nbformat.read(written, as_version=4).cells
    assert starter.outputs[0].text.startswith("01.1 NOT YET\n")
    assert starter.execution_count == 1
    assert plain.outputs == []
    assert plain.execution_count is None


def test_refreshing_again_changes_nothing(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = written.read_bytes()
    assert refresh_outputs.main([str(written)]) == 0
    assert written.read_bytes() == before
    assert "unchanged" in capsys.readouterr().out


def test_reasons_machines_and_profiles_may_differ(written: Path) -> None:
    edit(written, 0, "no answer yet", "something else\n  | on two lines")
    edit(
        written, 3, "Runs are shortened", "Runs are shortened"
    )  # refreshed in short, compared in full
    edit(written, 3, "Machine: ", "Machine: another ")
    assert "4 passed" in nbval(written)


def test_a_verdict_may_not_differ(written: Path) -> None:
    edit(written, 2, "NOT YET", "PASS")
    assert "1 failed, 3 passed" in nbval(written)


def test_a_process_that_outlives_its_notebook_is_found(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)"
    )
    path = tmp_path / "leaving.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code), new_code_cell("1")]), path)
    assert "2 passed, 1 error" in nbval(path, "-p", "leftovers")
    nbformat.write(new_notebook(cells=[new_code_cell(f"{code}\nchild.kill()")]), path)
    assert nbval(path, "-p", "leftovers").startswith("1 passed in")


def test_a_notebook_that_fails_is_left_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0", execution_count=7)]), path)
    before = path.read_bytes()
    assert refresh_outputs.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_short_run_has_its_own_lines_and_the_page_keeps_the_long_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = {"tags": [refresh_outputs.CHECKED_TAG], "short": {"seconds = 12": "seconds = 2"}}
    source = "seconds = 12\nprint(seconds)"
    path = tmp_path / "short.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source, metadata=metadata)]), path)
    assert refresh_outputs.main([str(path)]) == 0
    (cell,) = nbformat.read(path, as_version=4).cells
    assert (cell.source, cell.outputs[0].text) == (source, "2\n")
    assert cell.metadata.short == metadata["short"]
    monkeypatch.setenv("LAB_PROFILE", "ci")
    assert nbval(path, "-p", "short_runs").startswith("1 passed")
    monkeypatch.setenv("LAB_PROFILE", "full")
    assert nbval(path, "-p", "short_runs").startswith("1 failed")


def test_a_short_line_that_is_not_there_is_refused() -> None:
    cell = new_code_cell("seconds = 13", metadata={"short": {"seconds = 12": "seconds = 2"}})
    with pytest.raises(ValueError, match="0 times"):
        refresh_outputs.shorten(cell)
