"""The CPU image's steps, run as a script in a clean folder; and the stand-in's wheel.

No Docker engine is needed: what the Dockerfile copies is copied, what it runs is run, in its
order. Only the base image and the step that makes the user are left out.
"""

import email
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version
from packaging_files import DOCKERFILES, ROOT, Instruction, constraints, dockerfile

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]

PROBE = """
import lab_kit, onnxruntime, plotly, torch
assert torch.version.cuda is None
print(torch.__version__, onnxruntime.__version__, plotly.__version__, lab_kit.__file__)
"""


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("VIRTUAL_ENV", None)
    environment["PIP_NO_COMPILE"] = "0"  # the value of pip's `compile`: it takes 25 s
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _needs_the_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip without a network, where nothing new can be installed; never in CI."""
    asked = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries=0", "--timeout=5"]
    pin = f"iniconfig=={constraints()['iniconfig']}"  # the smallest of the pins
    folder = tmp_path_factory.mktemp("index")
    done = subprocess.run([*asked, "--dest", str(folder), pin], capture_output=True)
    if done.returncode != 0 and not os.environ.get("CI"):
        pytest.skip("the package index does not answer")


def copy(step: Instruction, folder: Path) -> None:
    sources, target = step.copied()
    for source in sources:
        place = folder / target / Path(source).name if target.endswith("/") else folder / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, dirs_exist_ok=True)
        else:
            shutil.copyfile(ROOT / source, place)


def test_cpu_image_steps_in_a_clean_folder(tmp_path: Path) -> None:
    steps = dockerfile(DOCKERFILES["cpu"])
    names = [step.name for step in steps]
    outputs = []
    for step in steps[names.index("USER") :]:
        if step.name == "COPY":
            copy(step, tmp_path)
        if step.name == "RUN":
            words = step.words()
            # The weights are fetched and checked by tests of their own.
            extra = [] if "--no-models" in words else ["--no-models"]
            outputs.append(run([*words, *extra], tmp_path))
    first, second = outputs
    assert "Installing into .venv" in first
    assert "Installing into .venv" not in second, "the second step must reuse the first's layer"
    python = str(tmp_path / ".venv/bin/python")
    pins = constraints()
    torch, onnxruntime, plotly, source = run([python, "-c", PROBE], tmp_path).split()
    assert (Version(torch).public, onnxruntime, plotly) == (
        pins["torch"],
        pins["onnxruntime"],
        pins["plotly"],
    )
    assert Path(source).is_relative_to(tmp_path)
    run([python, "-m", "pip", "check"], tmp_path)


def test_stand_in_builds_as_what_its_pins_say(tmp_path: Path) -> None:
    shim = str(ROOT / "packaging/onnxruntime-shim")
    run([sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), shim], tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (path,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        fields = email.message_from_bytes(archive.read(path))
    assert fields["Name"] == "onnxruntime"
    assert Version(fields["Version"]).public == constraints()["onnxruntime-gpu"]
    assert fields.get_all("Requires-Dist") == [
        f"onnxruntime-gpu=={constraints()['onnxruntime-gpu']}"
    ]
    assert not any(name.startswith("onnxruntime/") for name in names), "it must bring no code"
