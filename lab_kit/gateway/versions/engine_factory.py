"""From a version's files to a running recognizer, its engine in this process or in others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np

from lab_kit.audio.detect.energy import ThresholdScorer
from lab_kit.audio.detect.vad import WINDOW_SAMPLES, SpeechScorer
from lab_kit.core.errors import ModelStoreError, VersionConflict
from lab_kit.engine.opening import open_engine
from lab_kit.engine.processes.group import EngineGroup, Member
from lab_kit.engine.processes.keeper import START_S, Keeper
from lab_kit.engine.scripted import LINES, SCRIPTED, ScriptedEngine, check_lines
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.models.device import choose_device
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.smart_turn import SmartTurn, open_smart_turn
from lab_kit.models.smollm2 import model as smollm2
from lab_kit.models.smollm2.model import SmolLM2, open_smollm2
from lab_kit.models.store.fetch import Progress
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.store import ModelStore
from lab_kit.models.store.version import Settings, VersionFiles
from lab_kit.protocol.versions import EngineProcess, EngineState

_log = logging.getLogger(__name__)

VOICE_ACTIVITY = "silero-vad"
TURNS = "smart-turn"
SCRIPT = "script.txt"
"""The one file of a version that is scripted: a line an utterance."""

STAND_BY = 1
"""Processes that are loaded and warm and decode nothing until another ends: 2 s of loading that
nobody waits for, for the memory of one more."""


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
    """Load a version, run every path once, and start its engine in this process.

    Raises:
        ModelStoreError: voice activity's weights are missing or damaged.
    """
    if files.version.model == SCRIPTED:
        return _scripted(files)
    engine = open_engine(files.version, files.paths, choose_device())
    return Recognizer(
        engine, _voice_activity(), engine.use, engine.cache, engine.stop, engine.broken
    )


def open_apart(
    repository: Path, engines: int, ended: Callable[[], None], files: VersionFiles
) -> Recognizer:
    """Start ``engines`` processes for a version and one to stand by; voice activity stays here.

    Args:
        repository: the folder that the version is in.
        ended: called when a process has ended that was not asked to.

    Raises:
        ModelStoreError: voice activity's weights are missing or damaged.
        ServerFailed: the processes end before they are ready.
        TimeoutError: none is ready in time.
    """
    new_scorer = _voice_activity()
    # short, because a socket's path may have no more than 107 bytes
    folder = Path(mkdtemp(prefix="engines-"))
    group = EngineGroup(folder, engines)
    keeper = Keeper(
        folder,
        keeper_arguments(repository, files.version.model, files.version.number, engines, 1),
        engines + STAND_BY,
        ended,
        group.give_up,
    )

    def stop() -> None:
        group.stop()
        keeper.stop()

    try:
        group.wait_until_ready(START_S)
    except BaseException:
        stop()
        raise
    return Recognizer(
        group,
        new_scorer,
        group.use,
        group.cache,
        stop,
        group.broken,
        lambda: _processes(keeper.pids, group.members()),
    )


def open_shared(folder: Path, engines: int, version: int, files: VersionFiles) -> Recognizer:
    """Ask the processes whose sockets are in ``folder``, which somebody else keeps.

    Args:
        version: that they decode with.

    Raises:
        VersionConflict: another one is asked for.
        ModelStoreError: voice activity's weights are missing or damaged.
        TimeoutError: none is ready in time.
    """
    if files.version.number != version:
        raise VersionConflict(
            f"version {files.version.number} on one of several gateways",
            f"version {version}, which their engines have loaded",
            "start the server with one gateway to change versions",
        )
    new_scorer = _voice_activity()
    group = EngineGroup(folder, engines)
    try:
        group.wait_until_ready(START_S)
    except BaseException:
        group.stop()
        raise
    return Recognizer(group, new_scorer, group.use, group.cache, group.stop, group.broken)


def keeper_arguments(
    repository: Path, model: str, version: int, engines: int, groups: int
) -> tuple[str, ...]:
    """What engine processes are told, each of which gets its share of the cores."""
    return (
        *("--repository", str(repository)),
        *("--model", model),
        *("--version", str(version)),
        *("--workers", str(max(1, choose_device().workers // engines))),
        *("--groups", str(groups)),
    )


def _processes(pids: Mapping[str, int], members: Mapping[str, Member]) -> tuple[EngineProcess, ...]:
    return tuple(
        EngineProcess(pid, _state(members.get(name)), members[name].owed if name in members else 0)
        for name, pid in pids.items()
    )


def _state(member: Member | None) -> EngineState:
    if member is None:
        return EngineState.STARTING
    if member.is_leaving:
        return EngineState.LEAVING
    return EngineState.ASKED if member.is_asked else EngineState.STANDING_BY


def _voice_activity() -> Callable[[], SpeechScorer]:
    silero = open_silero(ModelStore().path(VOICE_ACTIVITY)["silero_vad_16k_sequence.onnx"])
    SileroScorer(silero).score(np.zeros((1, WINDOW_SAMPLES), np.float32))
    return lambda: SileroScorer(silero)


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
