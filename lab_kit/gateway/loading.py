"""From a version's files to a running recognizer: the one place that knows which engine fits."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab_kit.audio.vad import WINDOW_SAMPLES
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.errors import ModelNotFound
from lab_kit.events import ModelInfo
from lab_kit.gateway.lease import Recognizer
from lab_kit.models.device import Device, choose_device
from lab_kit.models.moonshine import TOKENS_PER_AUDIO_S, Moonshine, warm_up
from lab_kit.models.repository import Repository, Settings, Version, VersionFiles
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.store import ModelStore


def publish_first(repository: Repository, model: str) -> None:
    """Make version 1 of the catalog's verified weights, with the model's own settings.

    Raises:
        ModelNotFound: the catalog has no such model.
        ModelStoreError: the weights are missing or damaged, or cannot be published.
    """
    repository.publish(model, ModelStore().path(model).paths, Settings())


def open_recognizer(files: VersionFiles) -> Recognizer:
    """Load a version, run every path once, and start its engine.

    Raises:
        ModelStoreError: voice activity's weights are missing or damaged.
    """
    silero = open_silero(ModelStore().path("silero-vad")["silero_vad.onnx"])
    SileroScorer(silero).score(np.zeros(WINDOW_SAMPLES, np.float32))
    engine = open_engine(files.version, files.paths, choose_device())
    return Recognizer(engine, lambda: SileroScorer(silero), engine.use, engine.stop)


def open_engine(version: Version, paths: Mapping[str, Path], device: Device) -> EngineLoop:
    """The engine for this model, warm.

    Raises:
        ModelNotFound: there is no engine for it.
    """
    if version.model != "moonshine-tiny-en":
        raise ModelNotFound(
            f"no engine for {version.model}",
            "moonshine-tiny-en",
            "serve that, or teach this function",
        )
    limit = version.settings.tokens_per_audio_s or TOKENS_PER_AUDIO_S
    model = Moonshine(paths, device, tokens_per_audio_s=limit)
    warm_up(model)
    info = ModelInfo(version.model, str(version.number), "moonshine", model.device.label)
    return EngineLoop(MoonshineRunner(model), info, model.device.workers)
