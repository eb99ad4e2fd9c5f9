"""Every notebook keeps to the rules and agrees with the catalog; servers end with their kernels."""

import re
from pathlib import Path

import nbformat
import notebook_rules as rules
import psutil
import pytest
from allowed_figures import allowed
from hang import HANG_S
from leftovers import listening_ports, still_there
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from refresh_outputs import is_checked

from lab_kit.course.catalog import LABS, Lab
from lab_kit.course.exercises import EXERCISES

ROOT = Path(__file__).parents[2]
THERE = [lab for lab in LABS if lab.is_available]
EXERCISE_CALL = re.compile(r"\bcheck\(\s*\"(\d\d\.\d)\"")


def read(lab: Lab) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / lab.file, as_version=4)


each_lab = pytest.mark.parametrize("lab", THERE, ids=[lab.number for lab in THERE])


def test_the_catalog_lists_the_notebooks_that_are_there() -> None:
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "labs").glob("*.ipynb")}
    assert there == {lab.file for lab in THERE}


@pytest.mark.parametrize("file", ["README.md", "packaging/start_lab.py", "docker/compose.yaml"])
def test_other_files_name_notebooks_of_the_catalog(file: str) -> None:
    named = re.findall(r"labs/\d\d_\w+\.ipynb", (ROOT / file).read_text("utf-8"))
    assert set(named) <= {lab.file for lab in LABS}


@pytest.mark.parametrize("lab", LABS, ids=[lab.number for lab in LABS])
def test_the_readme_lists_each_lab_as_the_catalog_has_it(lab: Lab) -> None:
    name = f"{lab.number} {lab.title}"
    linked = f"[{name}]({lab.file})" if lab.is_available else name
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert f"| {linked} | {lab.question} | {lab.minutes} |" in lines


@each_lab
def test_structure(lab: Lab) -> None:
    notebook = read(lab)
    assert [*rules.size_breaches(notebook), *rules.code_breaches(notebook)] == []


@each_lab
def test_nothing_on_the_page_is_there_for_a_checking_machine(lab: Lab) -> None:
    assert list(rules.scaffolding_breaches(read(lab))) == []


@each_lab
def test_outputs(lab: Lab) -> None:
    assert list(rules.output_breaches(read(lab))) == []


@each_lab
def test_citations(lab: Lab) -> None:
    assert list(rules.citation_breaches(read(lab))) == []


@each_lab
def test_figures(lab: Lab) -> None:
    assert list(rules.figure_breaches(read(lab), allowed(lab.number, lab.minutes))) == []


@each_lab
def test_tables(lab: Lab) -> None:
    assert list(rules.table_breaches(read(lab))) == []


@each_lab
def test_links(lab: Lab) -> None:
    assert list(rules.link_breaches(read(lab), ROOT / "labs")) == []


@each_lab
def test_it_opens_as_the_catalog_says(lab: Lab) -> None:
    notebook = read(lab)
    heading = notebook.cells[0].source.splitlines()[0]
    assert heading.startswith("# ")
    assert lab.question in heading
    code = "\n".join(cell.source for cell in rules.code_cells(notebook))
    assert f'opening("{lab.number}")' in code


@each_lab
def test_it_checks_its_exercises_and_no_others(lab: Lab) -> None:
    cells = [cell for cell in rules.code_cells(read(lab)) if "check(" in cell.source]
    found = EXERCISE_CALL.findall("\n".join(cell.source for cell in cells))
    assert tuple(dict.fromkeys(found)) == lab.exercises
    assert set(found) <= set(EXERCISES)
    unmarked = [c.source for c in cells if EXERCISE_CALL.search(c.source) and not is_checked(c)]
    assert unmarked == [], "a check that nbval does not compare"


@each_lab
def test_each_exercise_has_its_solution_kept_apart(lab: Lab) -> None:
    text = (ROOT / "labs" / "solutions" / f"lab{lab.number}.py").read_text("utf-8")
    assert all(exercise in text for exercise in lab.exercises)


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "shut down"])
def test_a_server_ends_with_the_kernel_that_started_it(kill: bool, tmp_path: Path) -> None:
    code = "from lab_kit import Bench\nbench = Bench.start()\nprint(bench.pid)"
    notebook = new_notebook(cells=[new_code_cell(code)])
    left, listening = run_and_leave(notebook, tmp_path, kill)
    assert notebook.cells[0].outputs, "the server did not start, so nothing was tested"
    assert left == []
    assert listening == []


def run_and_leave(
    notebook: nbformat.NotebookNode, folder: Path, kill: bool
) -> tuple[list[str], list[int]]:
    """Run a notebook, end its kernel, and say which of its processes and ports are still there."""
    client = NotebookClient(notebook, timeout=HANG_S, resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        kernel = psutil.Process(client.km.provisioner.pid)
        started = kernel.children(recursive=True)
        ports = [port for process in started for port in listening_ports(process)]
        if kill:
            kernel.kill()
    return still_there(started, ports)
