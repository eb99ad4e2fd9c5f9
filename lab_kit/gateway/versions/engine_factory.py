"""From a version's files to a running recognizer: the one place that knows which engine fits."""

import logging
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lab_kit.audio.detect.energy import ThresholdScorer
from lab_kit.audio.detect.vad import WINDOW_SAMPLES
from lab_kit.core.errors import InvalidParameter, ModelNotFound, ModelStoreError, NotInstalled
from lab_kit.core.events import ModelInfo
from lab_kit.engine.drafting import NgramDraft
from lab_kit.engine.kv import ContiguousKv, KvCache, PagedKv
from lab_kit.engine.loop import DEFAULT_BATCHING, EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.engine.scripted import LINES, SCRIPTED, ScriptedEngine, check_lines
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.models.device import Device, choose_device
from lab_kit.models.moonshine import model as moonshine
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.smart_turn import SmartTurn, open_smart_turn
from lab_kit.models.smollm2 import model as smollm2
from lab_kit.models.smollm2.model import SmolLM2, open_smollm2
from lab_kit.models.store.fetch import Progress
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.store import ModelStore
from lab_kit.models.store.version import KV_KINDS, Settings, Version, VersionFiles

_log = logging.getLogger(__name__)

WHISPER = "whisper-tiny-en"
VOICE_ACTIVITY = "silero-vad"
TURNS = "smart-turn"
SCRIPT = "script.txt"
"""The one file of a version that is scripted: a line an utterance."""
BLOCK_TOKENS = 4
"""Slots in a block. Long texts take 16 and more; a spoken phrase is over after a dozen tokens, and
each sequence wastes up to a block less one slot."""
KV_SLOTS = 2_048
"""Room for more sequences than the cores can decode; 25 MB with Whisper tiny in fp32."""


def check_served(model: str) -> None:
    """Make sure that there is an engine for a model.

    Raises:
        ModelNotFound: there is none.
        NotInstalled: it needs what is not installed here.
    """
    if model not in SERVED:
        raise ModelNotFound(
            f"no engine for a model named {model!r}",
            f"one of {', '.join(SERVED)}",
            "serve one of these with --model",
        )
    if model == WHISPER and (find_spec("torch") is None or find_spec("transformers") is None):
        raise NotInstalled.extra(WHISPER, "torch and transformers", "whisper")


def make_first_version(repository: Repository, model: str, progress: Progress) -> None:
    """Make sure that there is a version to serve; weights are fetched that are not here.

    Raises:
        ModelStoreError: they could not be fetched, or the version not be written.
    """
    if model == SCRIPTED:
        return
    is_first = not repository.numbers(model)
    ModelStore().pull_all([VOICE_ACTIVITY, *([model] if is_first else [])], progress)
    if is_first:
        publish_first(repository, model)
        _fetch_turns(progress)


def _fetch_turns(progress: Progress) -> None:
    """Only beside the first weights: a server without a network would try at each start."""
    try:
        ModelStore().pull_all([TURNS], progress)
    except ModelStoreError as error:
        _log.warning("turns will end by silence alone: %s", error)


def publish_first(repository: Repository, model: str) -> None:
    """Make version 1 of the catalog's verified weights, with the model's own settings.

    Raises:
        ModelNotFound: the catalog has no such model.
        ModelStoreError: the weights are missing or damaged, or cannot be published.
    """
    if model == SCRIPTED:
        publish_script(repository, LINES)
    else:
        repository.publish(model, ModelStore().path(model).paths, Settings())


def publish_script(repository: Repository, lines: Sequence[str]) -> None:
    """Make a version that says these lines.

    Raises:
        InvalidParameter: they cannot be said.
        ModelStoreError: it cannot be published.
    """
    check_lines(lines)
    with TemporaryDirectory() as folder:
        path = Path(folder) / SCRIPT
        path.write_text("\n".join(lines), "utf-8")
        repository.publish(SCRIPTED, {SCRIPT: path}, Settings())


def open_recognizer(files: VersionFiles) -> Recognizer:
    """Load a version, run every path once, and start its engine.

    Raises:
        ModelStoreError: voice activity's weights are missing or damaged.
    """
    if files.version.model == SCRIPTED:
        return _scripted(files)
    silero = open_silero(ModelStore().path(VOICE_ACTIVITY)["silero_vad_16k_sequence.onnx"])
    SileroScorer(silero).score(np.zeros((1, WINDOW_SAMPLES), np.float32))
    engine = open_engine(files.version, files.paths, choose_device())
    return Recognizer(
        engine,
        lambda: SileroScorer(silero),
        engine.use,
        engine.cache,
        engine.stop,
        engine.broken,
    )


def _scripted(files: VersionFiles) -> Recognizer:
    lines = files.paths[SCRIPT].read_text("utf-8").splitlines()
    engine = ScriptedEngine(lines, str(files.version.number))
    return Recognizer(engine, ThresholdScorer, engine.use, engine.cache, engine.stop)


def load_turns() -> SmartTurn:
    """What judges whether a turn is complete.

    Raises:
        ModelStoreError: its weights are missing or damaged.
    """
    return open_smart_turn(ModelStore().path(TURNS)["smart-turn-v3.2-cpu.onnx"])


def load_language() -> SmolLM2:
    """What writes answers.

    Raises:
        ModelStoreError: its weights are missing or damaged.
    """
    return open_smollm2(ModelStore().path(smollm2.NAME)[smollm2.WEIGHTS])


def open_engine(version: Version, paths: Mapping[str, Path], device: Device) -> EngineLoop:
    """The engine for this model, warm.

    Raises:
        ModelNotFound: there is no engine for it.
        InvalidParameter: a setting is for another model.
    """
    check_served(version.model)
    return _OPENERS[version.model](version, paths, device)


def _open_moonshine(version: Version, paths: Mapping[str, Path], device: Device) -> EngineLoop:
    strange = set(version.settings.chosen()) - {"tokens_per_audio_s"}
    if strange:
        raise InvalidParameter(
            f"{', '.join(sorted(strange))} for {version.model}",
            "tokens_per_audio_s",
            "its runtime divides the cache itself; use whisper-tiny-en",
        )
    limit = version.settings.tokens_per_audio_s or moonshine.TOKENS_PER_AUDIO_S
    model = moonshine.Moonshine(paths, device, tokens_per_audio_s=limit)
    moonshine.warm_up(model)
    info = ModelInfo(version.model, str(version.number), "moonshine", model.device.label)
    return EngineLoop(MoonshineRunner(model), info, model.device.workers)


def _open_whisper(version: Version, paths: Mapping[str, Path], device: Device) -> EngineLoop:
    # here, because PyTorch takes seconds to import and the default model does without it
    from lab_kit.engine.whisper_runner import WhisperRunner
    from lab_kit.models.kv_pool import KvPool
    from lab_kit.models.whisper import model as whisper

    # as with the other runtime: one thread a call, and a call for each core
    whisper.use_threads(1)
    settings = version.settings
    limit = settings.tokens_per_audio_s or whisper.TOKENS_PER_AUDIO_S
    model = whisper.Whisper(paths, device, tokens_per_audio_s=limit)
    whisper.warm_up(model)
    kv = _kv(settings.kv or KV_KINDS[0], settings.kv_slots or KV_SLOTS)
    drafter = NgramDraft() if settings.drafts == "ngram" else None
    # a GPU does several clips in little more than the time of one, a CPU does not
    width = DEFAULT_BATCHING.max_batch if device.kind == "cuda" else 1
    runner = WhisperRunner(model, KvPool.for_model(model, kv.slots), kv, drafter, width)
    info = ModelInfo(version.model, str(version.number), "whisper", device.label)
    return EngineLoop(runner, info, device.workers, kv=kv)


def _kv(kind: str, slots: int) -> KvCache:
    if kind == "contiguous":
        return ContiguousKv(slots)
    return PagedKv(-(-slots // BLOCK_TOKENS), BLOCK_TOKENS)


_OPENERS = {"moonshine-tiny-en": _open_moonshine, WHISPER: _open_whisper}
SERVED = (*_OPENERS, SCRIPTED)
"""The models that there is an engine for, by the catalog's names."""
