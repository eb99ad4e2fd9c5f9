"""What `gpu.py` measures, part by part, in the order of its table."""

from gpu_sections.batches import moonshine_batches, whisper_batches
from gpu_sections.facts import COMPILER, MOONSHINE, NVML, ONNX_RUNTIME, SILERO
from gpu_sections.live import counters, live_streams
from gpu_sections.operators import operators_of_moonshine, operators_of_whisper
from gpu_sections.section import SOUND, WHISPER_RUNTIMES, Section
from gpu_sections.starts import cold_starts_of_onnx, cold_starts_of_torch
from gpu_sections.words import compilation, precisions

_SERVER = (
    *("av", "fastapi", "fastapi_offline", "google.protobuf", "grpc", "httptools", "httpx"),
    *("opentelemetry", "prometheus_client", "psutil", "pydantic", "starlette", "uvicorn"),
    "websockets",
)

SECTIONS = (
    Section(
        "provider of each operator, default recognizer",
        (*SOUND, "httpx", ONNX_RUNTIME, MOONSHINE),
        30,
        operators_of_moonshine,
    ),
    Section(
        "provider of each operator, Whisper exported",
        (*WHISPER_RUNTIMES, "onnxscript", ONNX_RUNTIME),
        50,
        operators_of_whisper,
    ),
    Section("Whisper's precisions", WHISPER_RUNTIMES, 60, precisions),
    Section("Whisper in batches", WHISPER_RUNTIMES, 50, whisper_batches),
    Section(
        "default recognizer in batches",
        (*SOUND, "httpx", "jiwer", ONNX_RUNTIME, MOONSHINE),
        30,
        moonshine_batches,
    ),
    Section("torch.compile", (*WHISPER_RUNTIMES, "triton", COMPILER), 50, compilation),
    Section("cold starts, PyTorch", WHISPER_RUNTIMES, 35, cold_starts_of_torch),
    Section(
        "cold starts, ONNX Runtime",
        (*WHISPER_RUNTIMES, "onnxscript", ONNX_RUNTIME, MOONSHINE),
        25,
        cold_starts_of_onnx,
    ),
    Section(
        "live streams",
        (*SOUND, *_SERVER, "jiwer", "pynvml", ONNX_RUNTIME, MOONSHINE, SILERO, NVML),
        70,
        live_streams,
    ),
    Section("memory and utilisation", (*WHISPER_RUNTIMES, "psutil", "pynvml", NVML), 25, counters),
)
