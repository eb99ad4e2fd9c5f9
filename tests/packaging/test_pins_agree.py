"""Make, conda and the images install one set of versions, and only two files hold versions."""

import ast
import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from packaging_files import (
    DOCKERFILES,
    ROOT,
    Instruction,
    constraints,
    dockerfile,
    requirements,
    toml,
)

PROJECT = toml("pyproject.toml")["project"]
GENERATED = "speech_client"
"""What lab 09 has generated while it runs."""
SHIM = toml("packaging/onnxruntime-shim/pyproject.toml")["project"]
# Everything that installs or tells how to, but for pyproject.toml, constraints.txt and the
# stand-in, whose one version has tests of its own.
INSTALLERS = [
    "Makefile",
    "README.md",
    "CONTRIBUTING.md",
    "docs/development.md",
    "docs/docker.md",
    "docs/kubernetes.md",
    "docs/gpu.md",
    "docs/setup.md",
    "docs/stand-in.md",
    ".devcontainer/devcontainer.json",
    "environment.yml",
    ".ci/run",
    ".github/workflows/ci.yml",
    ".pre-commit-config.yaml",
    "docker/Dockerfile.cpu",
    "docker/Dockerfile.gpu",
    "docker/compose.yaml",
    "packaging/install.py",
    "packaging/lock.py",
    "packaging/start_lab.py",
]


def version_literals(text: str, names: list[str]) -> list[str]:
    """Find `name==1.2`, `name[extra]>=1`, `name=1.2` and `name 1.2.3` for the given packages."""
    either = "|".join(re.escape(name).replace(r"\-", "[-_.]") for name in names)
    pattern = rf"\b(?:{either})(?:\[[\w,]+\])?(?:\s*[=<>~!]=?\s*\d[\w.]*|\s+\d+\.\d+[\w.]*)"
    return re.findall(pattern, text, re.IGNORECASE)


def instructions(flavour: str, name: str) -> list[Instruction]:
    return [one for one in dockerfile(DOCKERFILES[flavour]) if one.name == name]


# ---------------------------------------------------------------- pins


@pytest.mark.parametrize("requirement", requirements(PROJECT), ids=str)
def test_every_requirement_has_a_pin_inside_its_range(requirement: Requirement) -> None:
    pin = constraints()[canonicalize_name(requirement.name)]
    assert Version(pin) in requirement.specifier


def test_constraints_are_exact_and_unique() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(constraints()) == len(pins)
    for version in constraints().values():
        assert Version(version).local is None, "a local tag would shut out the other builds"


@pytest.mark.parametrize("path", INSTALLERS)
def test_no_version_of_a_package_outside_the_two_files(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert version_literals(text, list(constraints())) == []


@pytest.mark.parametrize(
    "line", ["pip install torch==2.13.0", "- plotly=7.1", "onnxruntime-gpu[cuda]>=1", "numpy 2.4.6"]
)
def test_the_search_for_versions_finds_them(line: str) -> None:
    assert version_literals(line, list(constraints()))


def test_the_index_of_cpu_builds_is_named_once() -> None:
    host = toml("pyproject.toml")["tool"]["lab_kit"]["install"]["torch-cpu-index"].split("/")[2]
    assert [path for path in INSTALLERS if host in (ROOT / path).read_text(encoding="utf-8")] == []


# ---------------------------------------------------------------- stand-in


def test_stand_in_has_the_version_of_both_builds() -> None:
    pins = constraints()
    stand_in = Version(SHIM["version"])
    assert stand_in.public == pins["onnxruntime-gpu"] == pins["onnxruntime"]
    assert SHIM["dependencies"] == [f"onnxruntime-gpu=={pins['onnxruntime-gpu']}"]
    extras = PROJECT["optional-dependencies"]
    assert extras["cpu"] == [f"onnxruntime=={pins['onnxruntime']}"]
    assert extras["gpu"] == [f"onnxruntime-gpu[cuda,cudnn]=={pins['onnxruntime-gpu']}"]


def test_stand_in_satisfies_who_asks_for_onnxruntime() -> None:
    asked = [Requirement(line) for line in metadata.requires("hibari-tts") or []]
    ours = [one for one in asked if one.name == "onnxruntime"]
    assert ours, "hibari-tts no longer asks for onnxruntime: the stand-in may not be needed"
    assert all(Version(SHIM["version"]) in one.specifier for one in ours)


def test_stand_in_supports_the_same_pythons() -> None:
    assert SHIM["requires-python"] == PROJECT["requires-python"]


# ---------------------------------------------------------------- conda and images


def conda() -> tuple[list[str], list[str]]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pip = next(one["pip"] for one in listed if isinstance(one, dict))
    return [one for one in listed if isinstance(one, str)], pip


def devcontainer() -> dict[str, Any]:
    text = (ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_conda_installs_the_gpu_flavour_with_the_pins() -> None:
    assert conda()[1] == ["-c constraints.txt", "./packaging/onnxruntime-shim", "-e .[labs,gpu]"]
    assert (ROOT / "packaging/onnxruntime-shim/pyproject.toml").is_file()
    assert "gpu" in PROJECT["optional-dependencies"]


def test_conda_and_containers_use_the_lowest_supported_python() -> None:
    named = [one.partition("=")[2] for one in conda()[0] if one.startswith("python=")]
    for flavour in DOCKERFILES:
        bases = [one.text for one in instructions(flavour, "FROM")]
        named += [re.fullmatch(r"python:([\d.]+)-slim", base)[1] for base in bases]  # type: ignore[index]
    named.append(re.fullmatch(r"python:([\d.]+)-bookworm", devcontainer()["image"])[1])  # type: ignore[index]
    assert len(named) == 4
    assert {f">={version}" for version in named} == {PROJECT["requires-python"]}
    assert all(f"{version}.0" in SpecifierSet(PROJECT["requires-python"]) for version in named)


@pytest.mark.parametrize(("flavour", "gpu"), [("cpu", "0"), ("gpu", "1")])
def test_images_install_with_the_script_that_make_uses(flavour: str, gpu: str) -> None:
    script = "packaging/install.py"
    assert f"SETUP := $(PYTHON) {script} --gpu $(GPU)" in (ROOT / "Makefile").read_text()
    runs = [one.text for one in instructions(flavour, "RUN") if script in one.text]
    assert runs == [f"python {script} --gpu {gpu} --no-models", f"python {script} --gpu {gpu}"]
    assert not any(" pip " in f" {one.text} " for one in instructions(flavour, "RUN"))


@pytest.mark.parametrize("flavour", DOCKERFILES)
def test_what_an_image_copies_exists_and_is_sent_to_the_builder(flavour: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    sources = [path for one in instructions(flavour, "COPY") for path in one.copied()[0]]
    assert sources
    for path in sources:
        assert (ROOT / path).exists(), f"{path} is copied but does not exist"
        assert f"!{Path(path).parts[0]}" in ignored, f"{path} is kept from the builder"


@pytest.mark.parametrize("flavour", DOCKERFILES)
def test_images_do_not_run_as_root(flavour: str) -> None:
    names = [one.name for one in dockerfile(DOCKERFILES[flavour])]
    users = [one.text for one in instructions(flavour, "USER")]
    assert users == ["lab"]
    assert names.index("USER") < names.index("COPY") < names.index("CMD")
    owners = [one.words()[0] for one in instructions(flavour, "COPY")]
    assert set(owners) == {"--chown=lab"}


@pytest.mark.parametrize("flavour", DOCKERFILES)
def test_health_check_asks_the_served_port_for_readiness(flavour: str) -> None:
    command = instructions(flavour, "CMD")[0].words()
    port, grpc_port = (command[command.index(name) + 1] for name in ("--port", "--grpc-port"))
    assert f"http://127.0.0.1:{port}/readyz" in instructions(flavour, "HEALTHCHECK")[0].text
    assert [one.text for one in instructions(flavour, "EXPOSE")] == [f"{port} {grpc_port}"]


def test_images_differ_in_flavour_alone() -> None:
    cpu, gpu = ([(i.name, i.text) for i in dockerfile(DOCKERFILES[f])] for f in ("cpu", "gpu"))
    without_driver = [one for one in gpu if one[0] != "ENV"]
    assert cpu == [(name, text.replace("--gpu 1", "--gpu 0")) for name, text in without_driver]


def test_a_development_container_is_set_up_as_a_clone_is() -> None:
    assert devcontainer()["postCreateCommand"] == "make setup"


def test_compose_publishes_on_this_machine_alone() -> None:
    folder = ROOT / "docker"
    services = yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for name, service in services.items():
        build = service["build"]
        assert (folder / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
        assert service["image"].split(":")[1] == build["dockerfile"].rpartition(".")[2]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert "user" not in service, "the image's own user is not root; keep it"


# ---------------------------------------------------------------- declared is what is imported


def imported(path: Path) -> set[str]:
    """Top-level names of every absolute import in a file, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_everything_that_set_up_runs_imports_only_declared_packages() -> None:
    extras = {
        name: PROJECT["optional-dependencies"][name]
        for name in (
            *("labs", "openmeter", "otlp", "pii", "policy", "postgres", "rtc", "speech", "stripe"),
            *("ray", "tls", "whisper"),
        )
    }
    lines = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    known = {canonicalize_name(Requirement(line).name) for line in lines}
    by_module = metadata.packages_distributions()
    undeclared = []
    for path in [*(ROOT / "lab_kit").rglob("*.py"), ROOT / "datasets/build.py"]:
        siblings = {
            one.stem for one in path.parent.glob("*.py")
        }  # datasets/ is scripts, no package
        siblings.add(GENERATED)
        for name in imported(path) - sys.stdlib_module_names - {"lab_kit"} - siblings:
            owners = {canonicalize_name(one) for one in by_module.get(name, [name])}
            # pytest imports its plugin itself, so that it is there whoever declares it
            is_plugins = (path.name, name) == ("pytest_plugin.py", "pytest")
            if not owners & known and not is_plugins:
                undeclared.append(f"{path.relative_to(ROOT)}: {name}")
    assert undeclared == []
