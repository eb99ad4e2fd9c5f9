"""A notebook in the browser and the JupyterLab behind it, as the browser tests drive them."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nbformat
from hang import HANG_S
from playwright.sync_api import Page


def eventually(
    what: str,
    ready: Callable[[], Any],
    timeout_s: float = HANG_S,
    seen: Callable[[], object] = lambda: "",
) -> Any:
    """The first true answer of ``ready``; fails naming ``what`` when there is none in time.

    Args:
        seen: what is to be told then, too.
    """
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what} {seen()}")


GONE = re.compile("Error displaying widget|model not found|Loading widget")
"""What JupyterLab writes in a widget's place where the widget is not there."""
LOOKED_FOR_MS = 8_000
"""It looks for a widget a while before it says so."""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path

    def get(self, path: str) -> Any:
        """What its REST API says."""
        answer = httpx.get(
            f"{self.url}/api/{path}", params={"token": self.token}, trust_env=False, timeout=HANG_S
        )
        return answer.json() if answer.status_code == 200 else None

    def kernels_are_idle(self) -> bool:
        """Whether there is a kernel and none works."""
        kernels = self.get("kernels")
        return bool(kernels) and all(one["execution_state"] == "idle" for one in kernels)

    def end_kernels(self) -> None:
        """End every kernel, so that the next notebook has the machine to itself."""
        for session in self.get("sessions") or []:
            httpx.delete(
                f"{self.url}/api/sessions/{session['id']}",
                params={"token": self.token},
                trust_env=False,
                timeout=HANG_S,
            )


class NotebookPage:
    """One notebook in the browser."""

    def __init__(self, lab: Lab, page: Page, name: str, shots: list[Path]) -> None:
        self.lab = lab
        self.page = page
        self.path = lab.folder / name
        self._shots = shots
        page.goto(f"{lab.url}/lab/tree/{name}?token={lab.token}&reset")
        # the indicator says "idle" before there is a kernel; the status bar's "| Idle" is true
        page.get_by_text(re.compile(r"\| Idle")).wait_for()

    def run_all(self) -> None:
        """Run all cells; returns at once."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.locator('li[data-command="runmenu:run-all"]').click()

    def finish(self, timeout_s: float = 240) -> nbformat.NotebookNode:
        """The notebook, saved when every code cell has run or one has failed."""

        def saved_when_done() -> nbformat.NotebookNode | None:
            if not self.lab.kernels_are_idle():
                return None
            notebook = self.save()
            cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
            is_over = all(cell.execution_count for cell in cells) or errors_of(notebook)
            return notebook if is_over else None

        found: nbformat.NotebookNode = eventually("every cell has run", saved_when_done, timeout_s)
        return found

    def save(self) -> nbformat.NotebookNode:
        """Save, and read what was saved."""
        unsaved = self.page.locator(".lm-DockPanel-tabBar .jp-mod-dirty")

        def save_once() -> bool:
            # an output that arrives during the save leaves the notebook unsaved again
            self.page.locator('[data-command="docmanager:save"]').first.click()
            self.page.wait_for_timeout(500)
            return unsaved.count() == 0

        eventually("the notebook is saved", save_once)
        return eventually("the saved notebook is whole", self._read)

    def _read(self) -> nbformat.NotebookNode | None:
        try:
            return nbformat.read(self.path, as_version=4)
        except nbformat.reader.NotJSONError:
            # JupyterLab is writing it at this moment
            return None

    def screenshot(self, name: str) -> None:
        """Keep what is seen now, in each folder for screenshots."""
        for folder in self._shots:
            self.page.screenshot(path=folder / f"{self.path.stem}-{name}.png")


def errors_of(notebook: nbformat.NotebookNode) -> list[str]:
    """The error outputs of a notebook, as text."""
    return [
        f"{output.ename}: {output.evalue}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
