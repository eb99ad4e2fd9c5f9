"""What this machine is, and whether the labs can run on it: findings, each with what to do.

Looks and never changes anything. A finding is ``missing`` only if no lab runs without it; what
merely narrows the choice (no GPU, no microphone) is a note.
"""

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module, metadata
from pathlib import Path

from lab_kit.core.errors import AudioDeviceUnavailable, LabError, ServerFailed
from lab_kit.models.persons import PACKAGE, installed_version

LEAST_FREE_BYTES = 500_000_000
"""Weights, clips and what pip needs to fetch one more wheel."""
_GPU_RUNTIME = "onnxruntime-gpu"
_CPU_RUNTIME = "onnxruntime"
_STAND_IN = "gpu.shim"


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        subject: what was looked at, in a word.
        seen: what is there.
        advice: what to do about it; empty where there is nothing to do.
    """

    subject: str
    state: State
    seen: str
    advice: str = ""

    def line(self) -> str:
        """For a terminal: one line, and the advice below it."""
        first = f"{self.state:8}{self.subject:9}{self.seen}"
        return f"{first}\n{'':17}-> {self.advice}" if self.advice else first


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other."""
    yield Finding("python", State.OK, f"{platform.python_version()} on {platform.platform()}")
    runtime = runtime_finding(installed_runtimes())
    yield runtime
    if runtime.state is not State.MISSING:  # a broken runtime cannot even be imported
        yield device_finding()
    yield weights_finding()
    yield clips_finding()
    yield sound_finding()
    yield names_finding(installed_version())
    yield port_finding()
    yield alerts_finding()
    yield disk_finding()


def installed_runtimes() -> dict[str, str]:
    """Versions of the two distributions that fill the folder ``onnxruntime``, where installed."""
    found = {}
    for name in (_CPU_RUNTIME, _GPU_RUNTIME):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def runtime_finding(versions: dict[str, str]) -> Finding:
    """Whether exactly one build of ONNX Runtime is there.

    Both builds fill one folder and the last one installed wins in silence, so two of them, or the
    remains of one, are a clash even if nothing has complained so far.
    """
    repair = "run: make setup"
    if not versions:
        return Finding("runtime", State.MISSING, "no ONNX Runtime is installed", repair)
    cpu = versions.get(_CPU_RUNTIME, "")
    if _GPU_RUNTIME in versions and cpu and _STAND_IN not in cpu:
        seen = f"{_CPU_RUNTIME} {cpu} and {_GPU_RUNTIME} {versions[_GPU_RUNTIME]} fill one folder"
        return Finding("runtime", State.MISSING, seen, f"make clean, then {repair}")
    try:
        version = import_module(_CPU_RUNTIME).__version__
    except (ImportError, AttributeError) as error:
        seen = f"ONNX Runtime is broken ({error})"
        return Finding("runtime", State.MISSING, seen, f"make clean, then {repair}")
    build = _GPU_RUNTIME if _GPU_RUNTIME in versions else _CPU_RUNTIME
    return Finding("runtime", State.OK, f"{build} {version}")


def device_finding() -> Finding:
    """Where models run, found by opening a session and asking what it got."""
    from lab_kit.models.device import choose_device, open_session, session_device
    from lab_kit.models.store.store import ModelStore

    asked = choose_device()
    if asked.kind == "cpu":
        return _cpu_finding(asked.label, shutil.which("nvidia-smi") is not None)
    try:
        probe = ModelStore().path("silero-vad")["silero_vad_16k_sequence.onnx"]
    except LabError as error:
        return Finding("device", State.NOTE, f"{asked.label}, not tried: {error}")
    providers = open_session(probe, asked).get_providers()
    got = session_device(providers, asked, share_on_cpu=0.0)
    if got.kind == asked.kind:
        return Finding("device", State.OK, got.label)
    advice = "the driver must be 580 or newer; until then everything runs on the CPU"
    return Finding("device", State.NOTE, got.label, advice)


def weights_finding() -> Finding:
    """Whether every model that labs need is here and has the catalog's hash."""
    from lab_kit.models.store import store

    needed = store.ModelStore().listing()
    bad = [
        f"{item.entry.name} is {item.state}"
        for item in needed
        if item.state in (store.ModelState.MISSING, store.ModelState.CORRUPT)
    ]
    if bad:
        return Finding("weights", State.MISSING, ", ".join(bad), "run: lab models pull")
    return Finding("weights", State.OK, ", ".join(item.entry.name for item in needed))


def clips_finding() -> Finding:
    """Whether a clip can be had, and how many can."""
    from lab_kit.datasets import builder, clip
    from lab_kit.datasets.manifest import manifest_path, read_manifest

    try:
        specs = read_manifest(manifest_path())
        clip(next(iter(specs)))
    except LabError as error:
        return Finding("clips", State.MISSING, error.received, error.next_step)
    absent = sorted({spec.source for spec in specs.values() if not builder.is_available(spec)})
    seen = f"{sum(map(builder.is_available, specs.values()))} of {len(specs)}"
    if absent:
        return Finding("clips", State.NOTE, seen, f"for the others: {', '.join(absent)}")
    return Finding("clips", State.OK, f"{seen}, in {builder.cache_folder()}")


def sound_finding() -> Finding:
    """Whether there is a microphone."""
    from lab_kit.audio.sources.microphone import input_device

    try:
        return Finding("sound", State.OK, input_device())
    except AudioDeviceUnavailable as error:
        advice = f"{error.next_step}; without one, labs play a clip at the same pace"
        return Finding("sound", State.NOTE, error.received, advice)


def names_finding(version: str | None) -> Finding:
    """What can find names of people that are to be redacted.

    Args:
        version: of the model that tells them; None where it is not installed.
    """
    if version is None:
        advice = "for more of them: install lab_kit with its extra pii"
        return Finding("names", State.NOTE, "found by rules and lists alone", advice)
    return Finding("names", State.OK, f"found by rules and lists, and by {PACKAGE} {version}")


def port_finding(port: int | None = None) -> Finding:
    """Whether ``lab serve`` would get its port; notebooks take any free one.

    Args:
        port: the server's default port if None.
    """
    from lab_kit.core.child_process import HOST, bind
    from lab_kit.gateway.run.options import DEFAULT_PORT

    wanted = DEFAULT_PORT if port is None else port
    try:
        bind(HOST, wanted).close()
    except ServerFailed as error:
        return Finding("port", State.NOTE, error.received, error.next_step)
    return Finding("port", State.OK, f"{HOST}:{wanted} is free")


def alerts_finding() -> Finding:
    """Whether lab 12 can have a real Prometheus page; it computes the same without."""
    found = shutil.which("prometheus")
    if found is not None:
        return Finding("alerts", State.OK, f"Prometheus is {found}")
    return Finding(
        "alerts",
        State.NOTE,
        "no Prometheus; lab 12 computes its alerts without",
        "apt-get install --no-install-recommends prometheus, or see docs/objectives.md",
    )


def disk_finding(usage: Callable[[Path], int] | None = None) -> Finding:
    """Room for weights and clips.

    Args:
        usage: gives a folder's free bytes; the disk's own figure by default.
    """
    from lab_kit.models.store.store import ModelStore

    root = ModelStore().root
    folder = next(path for path in (root, *root.parents) if path.exists())
    free_bytes = (usage or _free_bytes)(folder)
    seen = f"{free_bytes / 1e9:.1f} GB free at {folder}"
    if free_bytes < LEAST_FREE_BYTES:
        return Finding("disk", State.NOTE, seen, "make room, or move the store with LAB_MODELS")
    return Finding("disk", State.OK, seen)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _cpu_finding(label: str, has_driver: bool) -> Finding:
    if not has_driver:
        return Finding("device", State.OK, f"{label}; no NVIDIA driver answers")
    advice = "to use the GPU: make setup GPU=1 (and LAB_DEVICE must not be cpu)"
    return Finding("device", State.NOTE, label, advice)
