"""Set up `.venv`: the packages, then the model weights, then the audio clips.

`make setup` and both container images run this file, so there is one way to install. It runs
under the system's Python and uses the standard library alone. It does not know what a model is:
`lab models pull` and `datasets/build.py` do the last two steps.

A record inside `.venv` says what was installed from which files, and whether that finished. No
change means no work (and no network); changed pins are installed over what is there; anything
else - another flavour, another Python, a moved folder, an install that was cut off - starts anew,
because pip takes a half-written package for an installed one.
"""

from __future__ import annotations  # an older Python must get as far as our message to it

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
SHIM = Path("packaging/onnxruntime-shim")
# What decides the content of `.venv`; a change in any of them makes the next run install again.
INPUTS = (
    "pyproject.toml",
    "constraints.txt",
    "packaging/install.py",
    "packaging/jupyter-overrides.json",
    "packaging/onnxruntime-shim/pyproject.toml",
)
INDEX_ANSWER_S = 3.0  # a healthy index answers in well under a second
DRIVER_BINDINGS = "nvidia-ml-py"  # pure Python that asks a driver; without one it says so
DRIVER_ANSWER_S = 20.0  # nvidia-smi wakes a sleeping card first

# Run inside `.venv`, isolated (-I), so that only what is installed there is seen.
FACTS = """
import importlib.metadata, json, torch
found = {d.metadata["Name"].lower().replace("_", "-"): d.version
         for d in importlib.metadata.distributions()}
print(json.dumps({"cuda": torch.version.cuda, "versions": found}))
"""


class SetupError(Exception):
    """Set-up cannot go on; the message says what was found and what to do about it."""


@dataclass(frozen=True)
class Record:
    """What `.venv` holds, or should hold.

    Args:
        flavour: "cpu" or "gpu".
        dev: whether the test and lint tools are included.
        python: version of the interpreter that `.venv` is made from.
        root: folder of the repository; an editable install and every script in `bin` name it.
        inputs: SHA-256 over the files in `INPUTS`.
        finished: False from the first byte written until everything was verified.
    """

    flavour: str
    dev: bool
    python: str
    root: str
    inputs: str
    finished: bool = False


# ---------------------------------------------------------------- decide


def required_python(pyproject: str) -> tuple[int, int]:
    """Read the lowest supported Python; by pattern, for tomllib is missing where it matters."""
    match = re.search(r'^requires-python = ">=(\d+)\.(\d+)"', pyproject, re.MULTILINE)
    if match is None:
        raise SetupError('pyproject.toml has no line like requires-python = ">=X.Y"')
    return int(match[1]), int(match[2])


def starts(name: str) -> bool:
    """Whether an interpreter of that name is there and runs; a version manager's stub may not."""
    if shutil.which(name) is None:
        return False
    return subprocess.run([name, "--version"], capture_output=True).returncode == 0


def check_python(found: tuple[int, int], needed: tuple[int, int]) -> None:
    """Refuse a Python that is too old, naming a newer one if the machine has it."""
    if found >= needed:
        return
    major, minor = needed
    there = [name for name in (f"python{major}.{minor + up}" for up in range(5)) if starts(name)]
    advice = f"PYTHON={there[0]}" if there else f"PYTHON=python{major}.{minor} once it is installed"
    raise SetupError(
        f"{sys.executable} is Python {found[0]}.{found[1]}, the labs need {major}.{minor} or "
        f"newer; run the same command with {advice}"
    )


def check_venv_module() -> None:
    """Debian and Ubuntu ship Python without the part that puts pip into a new environment."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "this Python cannot make virtual environments; on Debian or Ubuntu run: "
            "sudo apt-get install python3-venv"
        ) from error


def inputs_hash(root: Path) -> str:
    """Hash names and contents of the files that decide what is installed."""
    digest = hashlib.sha256()
    for name in INPUTS:
        content = (root / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def driver_answers() -> bool:
    """Whether an NVIDIA driver is there and works: `nvidia-smi` exits with 0."""
    if shutil.which("nvidia-smi") is None:
        return False
    try:
        done = subprocess.run(["nvidia-smi"], capture_output=True, timeout=DRIVER_ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def gpu_wheels_exist(system: str, machine: str) -> bool:
    """onnxruntime-gpu is published for 64-bit Intel and AMD machines, not for ARM nor macOS."""
    return system == "Linux" and machine in ("x86_64", "AMD64")


def choose_flavour(asked: str, present: Record | None) -> str:
    """Turn GPU=0, GPU=1 or GPU=auto into "cpu" or "gpu".

    auto asks the driver once, when `.venv` is made, and then stays with what is there: a driver
    that does not answer today must not cost a working environment.
    """
    possible = gpu_wheels_exist(platform.system(), platform.machine())
    if asked == "1" and not possible:
        raise SetupError(
            f"GPU=1 was asked for on {platform.system()} {platform.machine()}, but onnxruntime-gpu "
            "is published for Linux on x86-64 only; run: make setup GPU=0"
        )
    if asked in ("0", "1"):
        return "gpu" if asked == "1" else "cpu"
    if present is not None and present.finished:
        return present.flavour
    return "gpu" if possible and driver_answers() else "cpu"


def plan(present: Record | None, wanted: Record, interpreter_works: bool) -> str:
    """Compare what is there with what is wanted: "nothing", "update" or "rebuild"."""
    if present is None or not present.finished or not interpreter_works:
        return "rebuild"
    if (present.flavour, present.python, present.root) != (
        wanted.flavour,
        wanted.python,
        wanted.root,
    ):
        return "rebuild"
    if present.inputs != wanted.inputs or (wanted.dev and not present.dev):
        return "update"
    return "nothing"


# ---------------------------------------------------------------- remember


def record_file(venv: Path) -> Path:
    return venv / "lab_kit-setup.json"


def read_record(venv: Path) -> Record | None:
    """Read the record; one that cannot be understood counts as none."""
    try:
        return Record(**json.loads(record_file(venv).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(venv: Path, record: Record) -> None:
    """Write the record in one step, so that a power cut leaves the old or the new one."""
    target = record_file(venv)
    draft = target.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    os.replace(draft, target)


def clear(venv: Path) -> None:
    """Remove an environment that set-up made; one made by other hands is not ours to delete."""
    if not venv.exists() and not venv.is_symlink():
        return
    if not record_file(venv).exists():
        raise SetupError(
            f"{venv} is there but was not made by this set-up; move it away, or run: make clean"
        )
    shutil.rmtree(venv)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let one set-up at a time work on a checkout; the system drops the lock if we are killed."""
    with (root / "pyproject.toml").open("r+b") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work here; waiting for it ...", flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- install


def run(command: Sequence[str | Path], failure: str) -> None:
    """Run one step in the repository's folder with its output in sight."""
    if subprocess.run([str(part) for part in command], cwd=ROOT).returncode != 0:
        raise SetupError(failure)


def pip_install(venv: Path, *what: str) -> None:
    run(
        [
            venv / "bin/python",
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
            "-c",
            "constraints.txt",
            *what,
        ],
        f"pip could not install {' '.join(what)}; its message is above. "
        "When it is mended, run the same command again: downloads are kept",
    )


def make_venv(venv: Path, record: Record) -> None:
    """Create an empty environment; the record goes first, so that it is known to be ours."""
    clear(venv)
    venv.mkdir(parents=True)
    write_record(venv, record)
    run([sys.executable, "-m", "venv", venv], f"python could not make {venv}")


def install_settings(root: Path) -> dict[str, str]:
    """Read `[tool.lab_kit.install]`: the pip that installs and the index of CPU builds."""
    import tomllib

    with (root / "pyproject.toml").open("rb") as file:
        settings: dict[str, str] = tomllib.load(file)["tool"]["lab_kit"]["install"]
    return settings


def pinned(constraints: str, name: str) -> str:
    """Return the version that constraints.txt gives to one package."""
    match = re.search(rf"^{re.escape(name)}==([^\s;#]+)", constraints, re.MULTILINE)
    if match is None:
        raise SetupError(f"constraints.txt holds no pin for {name}")
    return match[1]


def answers(address: str) -> bool:
    """Whether a package index can be reached from here."""
    request = urllib.request.Request(f"{address}/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=INDEX_ANSWER_S):
            return True
    except OSError:
        return False


def install_cpu_torch(venv: Path) -> None:
    """Install torch's CPU build on Linux, where the plain name means several GB of CUDA.

    The `+cpu` in the version is what keeps CUDA out: an index without such a build makes pip stop
    before it downloads anything.
    """
    index = install_settings(ROOT)["torch-cpu-index"]
    extra = ["--extra-index-url", index] if answers(index) else []
    version = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"), "torch")
    try:
        pip_install(venv, f"torch=={version}+cpu", *extra)
    except SetupError as error:
        if extra:
            raise
        raise SetupError(
            f"{index} does not answer, and pip's own sources hold no CPU build of torch; "
            "check the network or a proxy's settings and run the same command again"
        ) from error


@contextmanager
def compiled_meanwhile(venv: Path, module: str) -> Iterator[None]:
    """Import a module on a core that pip leaves idle: Python compiles it then, and never again.

    Whether it can be imported is asked later.
    """
    command = [str(venv / "bin/python"), "-I", "-c", f"import {module}"]
    importing = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        importing.wait()


def install_packages(venv: Path, record: Record) -> None:
    """Install lab_kit, editable, with everything that its flavour needs."""
    pip_install(venv, install_settings(ROOT)["pip"])
    has_torch = record.flavour == "cpu" and platform.system() == "Linux"
    if has_torch:
        install_cpu_torch(venv)
    extras = f".[labs,{record.flavour},dev]" if record.dev else f".[labs,{record.flavour}]"
    # In one command with the stand-in, or pip would take the CPU build along.
    shim = [f"./{SHIM}"] if record.flavour == "gpu" else []
    with compiled_meanwhile(venv, "torch") if has_torch else nullcontext():
        pip_install(venv, *shim, "-e", extras)
    settings = venv / "share/jupyter/lab/settings"
    settings.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "packaging/jupyter-overrides.json", settings / "overrides.json")


def faults(flavour: str, cuda: str | None, versions: dict[str, str]) -> list[str]:
    """Name what contradicts the flavour in a finished environment.

    Args:
        flavour: "cpu" or "gpu".
        cuda: the CUDA version that torch was built for, None for a CPU build.
        versions: installed distributions by normalized name.
    """
    if flavour == "cpu":
        cuda_parts = {name for name in versions if name.startswith("nvidia-")} - {DRIVER_BINDINGS}
        alien = sorted(cuda_parts | ({"onnxruntime-gpu"} & versions.keys()))
        found = [f"{name} is installed, which the CPU flavour must not have" for name in alien]
        return found + ([f"torch is built for CUDA {cuda}"] if cuda else [])
    found = [] if cuda else ["torch is a CPU build"]
    if "onnxruntime-gpu" not in versions:
        found.append("onnxruntime-gpu is missing")
    if not versions.get("onnxruntime", "").endswith("+gpu.shim"):
        found.append(
            "the CPU build of onnxruntime lies on top of onnxruntime-gpu; repair: .venv/bin/pip "
            f"uninstall -y onnxruntime && .venv/bin/pip install ./{SHIM} && .venv/bin/pip install "
            f"--force-reinstall --no-deps -c constraints.txt onnxruntime-gpu"
        )
    return found


def verify(venv: Path, flavour: str) -> None:
    """Look at what was really installed; pip itself reports success in every bad case."""
    done = subprocess.run(
        [str(venv / "bin/python"), "-I", "-c", FACTS], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SetupError(f"torch was installed but cannot be imported:\n{done.stderr.strip()}")
    facts: dict[str, Any] = json.loads(done.stdout)
    found = faults(flavour, facts["cuda"], facts["versions"])
    if found:
        raise SetupError(f"the {flavour} environment is not what it should be: {'; '.join(found)}")


def ensure_environment(venv: Path, asked: str, dev: bool) -> Record:
    """Bring `.venv` to what is wanted with as little work as that takes."""
    present = read_record(venv)
    wanted = Record(
        flavour=choose_flavour(asked, present),
        dev=dev,
        python=platform.python_version(),
        root=str(ROOT),
        inputs=inputs_hash(ROOT),
    )
    step = plan(present, wanted, (venv / "bin/python").exists())
    if present is not None and step == "nothing":
        return present
    if present is not None and step == "update":
        wanted = replace(wanted, dev=wanted.dev or present.dev)  # tools once there stay current
        write_record(venv, wanted)
    else:
        make_venv(venv, wanted)
    size = "about a minute" if wanted.flavour == "cpu" else "several GB"
    print(f"Installing into {venv.name} ({wanted.flavour.upper()} flavour, {size}) ...", flush=True)
    install_packages(venv, wanted)
    verify(venv, wanted.flavour)
    finished = replace(wanted, finished=True)
    write_record(venv, finished)
    return finished


def fetch_models(venv: Path) -> None:
    """Fetch and verify weights, then build the clips; both are quick when all is there."""
    run([venv / "bin/lab", "models", "pull"], "the model weights are not complete, see above")
    run([venv / "bin/python", "datasets/build.py"], "the audio clips are not complete, see above")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Set up .venv for the labs.")
    parser.add_argument(
        "--gpu", choices=["auto", "0", "1"], default="auto", help="auto: ask the NVIDIA driver"
    )
    parser.add_argument("--dev", action="store_true", help="with the tools that the tests need")
    parser.add_argument("--no-models", action="store_true", help="packages only")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        check_python(
            sys.version_info[:2],
            required_python((ROOT / "pyproject.toml").read_text(encoding="utf-8")),
        )
        check_venv_module()
        with alone(ROOT):
            record = ensure_environment(VENV, options.gpu, options.dev)
            if not options.no_models:
                fetch_models(VENV)
    except SetupError as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up interrupted; run the same command again to finish it.", file=sys.stderr)
        return 130
    took_s = time.monotonic() - started
    print(f"Ready: .venv, {record.flavour.upper()} flavour ({took_s:.1f} s).", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
