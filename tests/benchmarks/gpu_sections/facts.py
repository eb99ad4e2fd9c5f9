"""What this machine has of what the GPU's sections need; each thing that is missing, with why."""

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec

TORCH = "a CUDA build of torch"
ONNX_RUNTIME = "onnxruntime with CUDAExecutionProvider"
COMPILER = "what torch.compile needs"
NVML = "NVIDIA's counters, NVML"
CLIPS = "the clips"
MOONSHINE = "the weights of moonshine-tiny-en"
WHISPER = "the weights of whisper-tiny-en"
SILERO = "the weights of silero-vad"

PACKAGES = (
    *("av", "fastapi", "fastapi_offline", "google.protobuf", "grpc", "httptools", "httpx"),
    *("jiwer", "numpy", "onnx", "onnxruntime", "onnxscript", "opentelemetry", "platformdirs"),
    *("prometheus_client", "psutil", "pydantic", "pynvml", "soundfile", "soxr", "starlette"),
    *("tokenizers", "torch", "transformers", "triton", "uvicorn", "websockets"),
)
"""What some section imports, by the name that it is imported by."""
NOT_INSTALLED = "not installed"
DRIVER_ANSWER_S = 20.0
_VERSIONS = ("torch", "transformers", "onnxruntime-gpu", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found.

    Attributes:
        gpu: its name; None where there is none.
        machine: the GPU, its driver, and versions, in one line for people.
        lacks: what is not to be had here, and why; what is not named is there.
    """

    gpu: str | None
    machine: str
    lacks: dict[str, str]


def look() -> Facts:
    """Look at everything that any section needs."""
    lacks = {name: NOT_INSTALLED for name in PACKAGES if not _is_installed(name)}
    for need, why_not in _LOOKS.items():
        try:
            reason = why_not()
        except ModuleNotFoundError as error:
            reason = f"cannot be told without {error.name}"
        except Exception as error:  # whatever a broken package raises is why it cannot be used
            reason = f"{type(error).__name__}: {error}"
        if reason is not None:
            lacks[need] = " ".join(reason.split())
    told = _driver()
    gpu = told.split(",")[0] if told is not None else None
    if gpu is None and TORCH not in lacks:
        gpu = told = str(import_module("torch").cuda.get_device_name(0))
    return Facts(gpu, f"{told or 'no GPU'}; {_versions()}", lacks)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what it is part of is not there
        return False


def _driver() -> str | None:
    """Name and driver of the first GPU; None where no driver answers."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    return lines[0].replace(", ", ", driver ") if done.returncode == 0 and lines else None


def _versions() -> str:
    found = [f"Python {platform.python_version()}", f"{os.cpu_count()} cores"]
    for name in _VERSIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def _why_no_torch() -> str | None:
    torch = import_module("torch")
    if torch.version.cuda is None:
        return "this build has no CUDA"
    return None if torch.cuda.is_available() else "it finds no CUDA device"


def _why_no_provider() -> str | None:
    listed = import_module("onnxruntime").get_available_providers()
    return None if "CUDAExecutionProvider" in listed else f"it lists {', '.join(listed)}"


def _why_no_compiler() -> str | None:
    why: str | None = import_module("lab_kit.experiments.runtimes.pytorch").why_no_compiler()
    return why


def _why_no_nvml() -> str | None:
    nvml = import_module("pynvml")
    nvml.nvmlInit()
    return None if nvml.nvmlDeviceGetCount() else "it sees no GPU"


def _why_no_clips() -> str | None:
    return None if import_module("lab_kit.datasets").clips() else "none can be built"


def _why_no_weights(model: str) -> Callable[[], None]:
    def why() -> None:
        import_module("lab_kit.models.store.store").ModelStore().path(model)  # raises the reason

    return why


_LOOKS: dict[str, Callable[[], str | None]] = {
    TORCH: _why_no_torch,
    ONNX_RUNTIME: _why_no_provider,
    COMPILER: _why_no_compiler,
    NVML: _why_no_nvml,
    CLIPS: _why_no_clips,
    MOONSHINE: _why_no_weights("moonshine-tiny-en"),
    WHISPER: _why_no_weights("whisper-tiny-en"),
    SILERO: _why_no_weights("silero-vad"),
}
THINGS = (*_LOOKS, *PACKAGES)
"""All that a section may need."""
