"""Start JupyterLab on this machine only, on the first lab; prints the address.

Takes the place of its own process, so that Ctrl-C and SIGTERM reach JupyterLab itself, which
then stops its kernels.
"""

import argparse
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from install import ROOT, VENV

FIRST_LAB = "labs/00_orientation.ipynb"


def has_browser(system: str, environment: Mapping[str, str]) -> bool:
    """Whether opening a browser can work: macOS always, elsewhere with a display or $BROWSER."""
    if system == "Darwin":
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def command(jupyter: Path, host: str, is_root: bool, browser: bool) -> list[str]:
    """Compose JupyterLab's command line."""
    line = [
        str(jupyter),
        "lab",
        f"--ServerApp.ip={host}",
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST_LAB}",
        # Server and kernel talk over local TCP; unencrypted, every kernel start prints a warning.
        "--KernelManager.transport_encryption=auto",
    ]
    if is_root:
        line.append("--allow-root")  # JupyterLab refuses root unless told that it is meant
    if not browser:
        line.append("--no-browser")
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description="Start JupyterLab on the first lab.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="another address only inside a container"
    )
    host = parser.parse_args().host
    folder = VENV / "bin"
    # The stock kernel starts a bare `python`: it has to be the environment's own.
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    browser = has_browser(platform.system(), os.environ)
    print("JupyterLab starts; its address (with a token) follows. Ctrl-C stops it.", flush=True)
    line = command(folder / "jupyter", host, os.geteuid() == 0, browser)
    os.execve(line[0], line, environment)


if __name__ == "__main__":
    main()
