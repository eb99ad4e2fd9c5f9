"""Run the notebooks and keep the outputs of exactly those cells that `make test` compares.

    python labs/refresh_outputs.py [NOTEBOOK ...]

A cell with the tag `nbval-check-output` keeps what it printed and its count; every other cell is
stripped, and metadata that differs from machine to machine goes. Runs are short (LAB_PROFILE=ci)
and leave the reader's own progress alone. A notebook that fails is left as it was.

What is shorter in a short run stands in the cells' metadata, line by line, and not on the page: a
cell with ``{"short": {"seconds = 12": "seconds = 2"}}`` runs with the second line for the first.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

LABS = Path(__file__).parent
CHECKED_TAG = "nbval-check-output"
SHORT = "short"
CELL_TIMEOUT_S = 120
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def is_checked(cell: NotebookNode) -> bool:
    """Whether nbval compares this cell's output."""
    return bool(cell.cell_type == "code" and CHECKED_TAG in cell.metadata.get("tags", []))


def shorten(cell: NotebookNode) -> None:
    """Put the lines of a short run into a cell.

    Raises:
        ValueError: a line to be replaced is not there, or there twice.
    """
    lines = cell.source.split("\n")
    for full, short in cell.metadata.get(SHORT, {}).items():
        if lines.count(full) != 1:
            raise ValueError(f"{full!r} is {lines.count(full)} times in the cell, not once")
        lines[lines.index(full)] = short
    cell.source = "\n".join(lines)


def execute_in_short(client: NotebookClient, environment: Mapping[str, str]) -> None:
    """Run a client's notebook with its short lines; its cells keep their own.

    Raises:
        CellExecutionError: a cell failed.
    """
    sources = [cell.source for cell in client.nb.cells]
    for cell in client.nb.cells:
        shorten(cell)
    try:
        client.execute(env=dict(environment))
    finally:
        for cell, source in zip(client.nb.cells, sources, strict=True):
            cell.source = source


def normalize(notebook: NotebookNode) -> NotebookNode:
    """Strip what is not compared and what depends on the machine, in place."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python")
    )
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in ("tags", SHORT) if cell.metadata.get(key)}
        cell.metadata = NotebookNode(kept)
        if cell.cell_type == "code" and not is_checked(cell):
            cell.outputs, cell.execution_count = [], None
    return notebook


def refresh(path: Path, environment: Mapping[str, str]) -> bool:
    """Run one notebook and rewrite it; returns whether anything changed.

    Args:
        environment: the kernel's.

    Raises:
        CellExecutionError: a cell failed; the file is untouched.
    """
    before = path.read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
    )
    execute_in_short(client, environment)
    after = nbformat.writes(normalize(notebook)) + "\n"
    if after != before:
        draft = path.with_suffix(".ipynb.new")
        draft.write_text(after, "utf-8")
        draft.replace(path)
    return bool(after != before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Refresh the notebooks named, or all."""
    parser = argparse.ArgumentParser(description="Run notebooks, keep the outputs tests compare.")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    chosen = parser.parse_args(arguments).notebooks or sorted(LABS.glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as folder:
        progress = str(Path(folder) / "progress.json")
        environment = {**os.environ, "LAB_PROFILE": "ci", "LAB_PROGRESS": progress}
        for path in chosen:
            try:
                changed = refresh(path, environment)
            except CellExecutionError as error:
                print(f"{path.name}: a cell failed, nothing was written\n{error}", file=sys.stderr)
                return 1
            print(f"{path.name}: {'refreshed' if changed else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
