"""Which provider ran each operator, counted while a clip was transcribed."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from gpu_sections.section import Row, named, on, placed_on

if TYPE_CHECKING:
    from lab_kit.models.device import Device


def operators_of_moonshine(gpu: str) -> Iterator[Row]:
    """The default recognizer: every operator of one clip, by the provider that ran it."""
    from lab_kit import datasets
    from lab_kit.experiments.frameworks.decoding import transcribe_together
    from lab_kit.models.moonshine import model as moonshine
    from lab_kit.models.store.store import ModelStore

    with profiled(moonshine) as sessions:
        model = moonshine.Moonshine(ModelStore().path("moonshine-tiny-en").paths, on(gpu))
        transcribe_together(model, [datasets.clip("two-cities-best").samples])
        yield placed_on("the model", model.device)
        yield from map(providers_of, sessions)


def operators_of_whisper(gpu: str) -> Iterator[Row]:
    """Whisper's export: the same."""
    from lab_kit import datasets
    from lab_kit.experiments import runtimes
    from lab_kit.experiments.runtimes import onnx_runtime

    with profiled(onnx_runtime) as sessions:
        for name in ("onnxruntime-fp32", "onnxruntime-int8"):
            loaded = named(name, runtimes.available(on(gpu))).load()
            loaded.transcribe(datasets.clip("two-cities-best").samples)
            yield placed_on(name, loaded.network.device)
            yield from map(providers_of, sessions)
            sessions.clear()


@contextmanager
def profiled(module: Any) -> Iterator[list[tuple[str, Any]]]:
    """Have every session that ``module`` opens record what it runs; their names and sessions."""
    sessions: list[tuple[str, Any]] = []
    opened, folder = module.open_session, mkdtemp(prefix="lab-operators-")

    def recorded(graph: Path, device: "Device") -> Any:
        session = opened(graph, device, profile_prefix=f"{folder}/{len(sessions)}")
        sessions.append((f"{graph.parent.name}/{graph.name}", session))
        return session

    module.open_session = recorded
    try:
        yield sessions
    finally:
        module.open_session = opened


def providers_of(opened: tuple[str, Any]) -> Row:
    """What a session got, and which of its operators ran elsewhere."""
    from lab_kit.models.device import CUDA
    from lab_kit.models.placement import executed

    name, session = opened
    ran = executed(Path(session.end_profiling()))
    by_provider: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for (operator, provider), times in ran.items():
        by_provider[provider] += times
        if provider != CUDA:
            elsewhere[operator] += times
    shares = [f"{who} {times} of {ran.total()}" for who, times in by_provider.most_common()]
    left = ", ".join(f"{operator} {times}" for operator, times in elsewhere.most_common())
    found = f"operators executed: {', '.join(shares)}; not on the GPU: {left or 'none'}"
    is_on_gpu = CUDA in session.get_providers() and by_provider[CUDA] > 0
    return Row(name, found, None if is_on_gpu else "no operator ran on the GPU")
