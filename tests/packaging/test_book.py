"""The book: it builds without a warning, holds together, and what checks it can fail."""

from copy import deepcopy
from pathlib import Path

import make_book
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lab_kit.core.still_form import still_form
from lab_kit.course.catalog import ROLES, find_lab

WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "Guess()"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book of two labs, without their outputs; the runs are the notebooks' own tests."""
    folder = tmp_path_factory.mktemp("book")
    assert make_book.main(["--no-run", "--out", str(folder), "00", "01"]) == 0
    return folder / "html"


def test_it_begins_with_a_path_for_each_role_and_has_every_page(pages: Path) -> None:
    start = (pages / "index.html").read_text("utf-8")
    assert all(role.name.split()[0] in start for role in ROLES)
    assert 'href="labs/00_orientation.html"' in start
    for name in ("docs/glossary", "ARCHITECTURE", "docs/decisions/0001-moonshine-as-the-default-"):
        assert list(pages.glob(f"{name}*.html")), name


def test_exercises_are_folded_and_labs_lead_to_the_next(pages: Path) -> None:
    lab = (pages / find_lab("00").file.replace("ipynb", "html")).read_text("utf-8")
    assert "Exercise 00.1" in lab
    before = lab[: lab.index("Exercise 00.1")]
    assert before.count("<details") == before.count("</details") + 1, "it stands in a fold"
    assert 'href="01_serving_problem.html"' in lab


def test_a_widget_is_named_and_a_picture_stays() -> None:
    picture = new_output("display_data", {"text/html": "<figure>", "text/plain": "a picture"})
    still = new_output("display_data", still_form("no guess"))
    widget = new_output("display_data", WIDGET)
    cells = [
        new_code_cell("guess", outputs=[widget, picture, deepcopy(widget), still]),
        new_code_cell("check", metadata={"tags": [make_book.CHECKED_TAG]}),
        new_markdown_cell("[here](01_x.ipynb) and [there](../lab_kit/cli/call.py)"),
    ]
    page = make_book.as_page(new_notebook(cells=cells), {"labs/01_x.ipynb"})
    nbformat.validate(page)
    assert page.cells[0].outputs[0].data == {"text/plain": make_book.NOT_THERE}
    assert page.cells[0].outputs[1].data["text/html"] == "<figure>"
    assert page.cells[0].outputs[2:] == [still], "words of its own stand in a widget's place"
    assert "hide-cell" in page.cells[1].metadata.tags
    assert page.cells[2].source == "[here](01_x.ipynb) and there"


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="gone.html">x</a>', "gone.html leads nowhere"),
        ('<a href="index.html#gone">x</a>', "leads to no such place"),
        ('<img src="gone.svg">', "gone.svg leads nowhere"),
        ('<script src="https://example.org/x.js"></script>', "comes from elsewhere"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "comes from elsewhere"),
    ],
)
def test_what_is_broken_is_found(tmp_path: Path, page: str, fault: str) -> None:
    (tmp_path / "index.html").write_text(f'<p id="there">{page}</p>')
    found = [*make_book.broken_links(tmp_path), *make_book.parts_from_elsewhere(tmp_path)]
    assert len(found) == 1
    assert fault in found[0]


def test_what_is_whole_is_not_found(tmp_path: Path) -> None:
    whole = '<p id="there"><a href="#there">x</a><a href="https://example.org">y</a></p>'
    (tmp_path / "index.html").write_text(whole)
    assert [*make_book.broken_links(tmp_path), *make_book.parts_from_elsewhere(tmp_path)] == []
