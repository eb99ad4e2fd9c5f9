"""A real JupyterLab and a headless Chromium on it, for tests that look at what a reader sees."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from notebook_page import Lab, NotebookPage, eventually
from playwright.sync_api import Page, sync_playwright

from lab_kit import datasets

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
SPOKEN = "two-cities-best-and-worst"
VIEWPORT = {"width": 1280, "height": 900}
_NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


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
        eventually("JupyterLab answers", lambda: _answers(running, process, home))
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(HANG_S)


@pytest.fixture
def microphone(request: pytest.FixtureRequest) -> list[str]:
    """Chromium's flags for its own device that plays `SPOKEN` for ever, at the device's rate.

    A test may ask for one that is ``refused``, or ``missing``.
    """
    kind = getattr(request, "param", "allowed")
    if kind == "missing":
        return []
    played = f"--use-file-for-fake-audio-capture={datasets.clip(SPOKEN).path}"
    allowed = ["--use-fake-ui-for-media-stream"] if kind == "allowed" else []
    return ["--use-fake-device-for-media-stream", played, *allowed]


@pytest.fixture
def page(microphone: list[str]) -> Iterator[Page]:
    """A page of a Chromium of its own."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        flags = [*CHROMIUM_FLAGS, *microphone]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport=VIEWPORT)
        page.set_default_timeout(1e3 * HANG_S)
        yield page
        browser.close()


@pytest.fixture
def shots(tmp_path: Path) -> list[Path]:
    """The folders that keep screenshots."""
    kept = os.environ.get("LAB_SCREENSHOTS")
    if kept is None:
        return [tmp_path]
    Path(kept).mkdir(parents=True, exist_ok=True)
    return [tmp_path, Path(kept)]


@pytest.fixture
def open_notebook(
    lab: Lab, page: Page, shots: list[Path]
) -> Iterator[Callable[[str], NotebookPage]]:
    """Opens notebooks of the lab's folder in Chromium."""
    yield lambda name: NotebookPage(lab, page, name, shots)
    lab.end_kernels()


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the user's own Jupyter and progress, the repository's `lab_kit`, full length."""
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
        "LAB_PROGRESS": str(home / "progress.json"),
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
