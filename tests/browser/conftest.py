"""A real JupyterLab and a headless Chromium on it, for tests that look at what a reader sees."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from playwright.sync_api import Page, sync_playwright

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT = {"width": 1280, "height": 900}
_NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


def eventually(what: str, ready: Callable[[], Any], timeout_s: float = 60) -> Any:
    """The first true answer of ``ready``; fails naming ``what`` when there is none in time."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path

    def get(self, path: str) -> Any:
        """What its REST API says."""
        answer = httpx.get(
            f"{self.url}/api/{path}", params={"token": self.token}, trust_env=False, timeout=10
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
                timeout=30,
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
        page.get_by_text(re.compile(r"\| Idle")).wait_for(timeout=90_000)

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

        eventually("the notebook is saved", save_once, 30)
        return eventually("the saved notebook is whole", self._read, 20)

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


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab of its own folder, settings and port."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "notebooks"
    folder.mkdir()
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(_NO_NEWS))
    token, port = secrets.token_hex(16), _free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--notebook-dir={folder}"]
    command += [f"--IdentityProvider.token={token}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with (home / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=_environment(home), stdout=log, stderr=subprocess.STDOUT
        )
    running = Lab(f"http://127.0.0.1:{port}", token, folder)
    try:
        eventually("JupyterLab answers", lambda: _answers(running, process, home), 60)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def open_notebook(lab: Lab, tmp_path: Path) -> Iterator[Callable[[str], NotebookPage]]:
    """Opens notebooks of the lab's folder in Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt install chromium")
    shots = [tmp_path]
    if kept := os.environ.get("LAB_SCREENSHOTS"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        shots.append(Path(kept))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport=VIEWPORT)
        yield lambda name: NotebookPage(lab, page, name, shots)
        browser.close()
    lab.end_kernels()


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the user's own Jupyter, the repository's `lab_kit`, runs in full length."""
    kept = {name: value for name, value in os.environ.items() if name != "LAB_PROFILE"}
    paths = [str(REPOSITORY), *filter(None, [kept.get("PYTHONPATH")])]
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(paths),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }


def _answers(lab: Lab, process: "subprocess.Popen[bytes]", home: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"JupyterLab ended:\n{(home / 'jupyter.log').read_text()[-3000:]}")
    try:
        return lab.get("status") is not None
    except httpx.TransportError:
        # it has not opened its port yet
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
