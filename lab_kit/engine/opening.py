"""From a version's files to a running engine: the one place that knows a model's runner."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lab_kit.core.errors import InvalidParameter, ModelNotFound, NotInstalled
from lab_kit.core.events import ModelInfo
from lab_kit.engine.drafting import NgramDraft
from lab_kit.engine.kv import ContiguousKv, KvCache, PagedKv
from lab_kit.engine.loop import DEFAULT_BATCHING, EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.engine.scripted import SCRIPTED
from lab_kit.models.device import Device
from lab_kit.models.moonshine import model as moonshine
from lab_kit.models.store.version import KV_KINDS, Version

WHISPER = "whisper-tiny-en"
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
