"""Write constraints.txt: resolve both flavours afresh and pin every package that comes out.

Nothing is installed but a throw-away pip: `pip install --dry-run --report` names what it would
install. The CPU flavour is resolved first; the GPU flavour then keeps its versions and adds the
CUDA libraries, so one file serves both. Run by `make lock` on Linux x86-64, the only platform
that has every wheel, with the lowest supported Python, so that the pins suit all of them.

torch's pin is kept: its CPU build comes from an index of its own, where the newest version is not
always the newest of the other index. To move it, edit its line and run `make lock`.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from install import (
    ROOT,
    SHIM,
    answers,
    gpu_wheels_exist,
    install_settings,
    pinned,
    required_python,
)

TARGET = ROOT / "constraints.txt"
OURS = "lab-kit"
HEADER = """\
# Every package of both flavours, pinned. Written by `make lock`, which resolves the ranges in
# pyproject.toml afresh on Linux x86-64 with Python {python}; the one line to edit by hand is
# torch's, which `make lock` keeps. Other platforms take the same pins and may need a package or
# two more, which pip then picks by itself.
"""


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def resolve(python: Path, what: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Ask pip what it would install; local tags (`+cpu`) are dropped, for pins serve all builds."""
    command = [str(python), "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    done = subprocess.run(
        [*command, "--report", "-", *what],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    items = [item["metadata"] for item in json.loads(done.stdout)["install"]]
    pins = {normalized(item["name"]): item["version"].partition("+")[0] for item in items}
    pins.pop(OURS)
    return pins


def listing(pins: dict[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def main() -> int:
    lowest = required_python((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if sys.version_info[:2] != lowest or not gpu_wheels_exist(
        platform.system(), platform.machine()
    ):
        sys.exit(f"make lock needs Linux x86-64 and PYTHON=python{lowest[0]}.{lowest[1]}")
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin/python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        # An older pip downloads whole wheels to answer a dry run: for CUDA, several GB.
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "pip"], check=True)
        torch = f"torch=={pinned(TARGET.read_text(encoding='utf-8'), 'torch')}+cpu"
        index = install_settings(ROOT)["torch-cpu-index"]
        extra = ["--extra-index-url", index] if answers(index) else []
        cpu = resolve(python, [*extra, torch, ".[labs,cpu,dev]"], dict(os.environ))
        held = Path(folder) / "cpu.txt"
        held.write_text(listing(cpu), encoding="utf-8")
        # Only the index itself: a CPU build of torch kept on this disk would hide the CUDA one.
        bare = {key: value for key, value in os.environ.items() if key != "PIP_FIND_LINKS"}
        bare["PIP_CONFIG_FILE"] = os.devnull
        gpu = resolve(python, ["-c", str(held), f"./{SHIM}", ".[labs,gpu,dev]"], bare)
    text = HEADER.format(python=platform.python_version()) + listing({**gpu, **cpu})
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET.name}: {len({**gpu, **cpu})} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
