"""A version's engine that does what a test says, and a `Server` on top of it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from hang import HANG_S

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import ModelInfo, TimedWord
from lab_kit.engine.api import CacheView, DecodeRequest, Hypothesis, Load, Ticket
from lab_kit.engine.batching import Batching
from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.version import Settings, VersionFiles

MODEL = "scripted"


class Scorer:
    """Stands for the detector: what is loud is speech."""

    def score(self, windows: FloatArray) -> list[float]:
        return [float(np.abs(window).max() > 0.01) for window in windows]


class ScriptedEngine:
    """Stands for the engine: hears nothing in silence, and does with speech what a test says.

    Args:
        answer: every answer, or its text; an error to raise instead; None never answers.
        is_full: whether it has room for nothing but silence.
    """

    def __init__(
        self,
        answer: Hypothesis | str | Exception | None = None,
        is_full: bool = False,
        version: int = 1,
    ) -> None:
        self.model = ModelInfo(MODEL, str(version), "none", "nowhere")
        self.answer = answer
        self.is_full = is_full
        self.asked = threading.Event()
        self.requests: list[DecodeRequest] = []
        self.cancelled: set[int] = set()
        self.tickets: list[Ticket] = []
        self.policies: list[Batching] = []
        self.stopped = threading.Event()
        self.stopped_on = ""

    def submit(self, request: DecodeRequest) -> Ticket:
        future: Future[Hypothesis] = Future()
        if not request.audio.any():
            future.set_result(heard(""))
            return Ticket(0, future)
        if self.is_full:
            raise SystemOverloaded("the engine's queue is full", "a place", "try again")
        self.requests.append(request)
        self.tickets.append(Ticket(len(self.tickets) + 1, future))
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        elif isinstance(self.answer, str):
            future.set_result(heard(self.answer))
        elif self.answer is not None:
            future.set_result(self.answer)
        self.asked.set()
        return self.tickets[-1]

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        return False

    def cancel(self, ticket: Ticket) -> None:
        self.cancelled.add(ticket.number)

    def load(self) -> Load:
        return Load(0, 0)

    def cache(self, since_ns: int) -> CacheView:
        return CacheView(bytes_per_token=1, bytes_per_audio_s=2)

    def stop(self) -> None:
        self.stopped_on = threading.current_thread().name
        self.stopped.set()


def heard(text: str, truncated: bool = False) -> Hypothesis:
    """An answer that says ``text``, a word every tenth of a second."""
    words = (TimedWord(w, n / 10, (n + 1) / 10, 0.9) for n, w in enumerate(text.split()))
    return Hypothesis(text, (), (), truncated, 0, 0, 0, 1, 0, words=tuple(words))


def recognizer(engine: ScriptedEngine) -> Recognizer:
    return Recognizer(engine, Scorer, engine.policies.append, engine.cache, engine.stop)


def repository_at(root: Path, versions: int = 1) -> Repository:
    """A repository with versions of a model whose one file says nothing."""
    weights = root / "weights"
    weights.write_bytes(b"weights")
    repository = Repository(root / "repository")
    for _ in range(versions):
        repository.publish(MODEL, {"weights": weights}, Settings())
    return repository


def server_at(
    root: Path,
    open_recognizer: Callable[[VersionFiles], Recognizer],
    key: str | None = None,
    limits: Limits | None = None,
    state: StateFolder | None = None,
    allowed_hosts: tuple[str, ...] = (),
    database_url: str | None = None,
    usage_folder: Path | None = None,
    inference_file: Path | None = None,
) -> Server:
    """A server that begins to load version 1."""
    metrics = Metrics()
    versions = Versions(repository_at(root), MODEL, open_recognizer, metrics)
    versions.begin(_published_already)
    return Server(
        limits or Limits(),
        versions,
        metrics,
        Keys(key),
        state=state or StateFolder(),
        allowed_hosts=allowed_hosts,
        database_url=database_url,
        usage_folder=usage_folder,
        inference_file=inference_file,
    )


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _published_already() -> None:
    raise AssertionError("the repository has a version")
