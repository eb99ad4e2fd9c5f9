"""The versions of one model on a server: loaded, labelled, leased, drained.

For routes, whatever their protocol:

    with serving.lease() as lease:            # by label: the canary's turn, else production
        lease.engine.submit(...)              # lease.version says which it is
    with serving.lease(3) as lease:           # that version, if it is ready
    serving.versions.statuses()               # number, state, reason, labels of each

A stream keeps its lease, and so its version, for life: moving a label decides about new ones
only. A version is loaded and freed on a thread of its own, one at a time; one that cannot be
loaded keeps its reason and changes nothing for the others. Ready means verified, loaded, and
having answered a warm-up inference.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from lab_kit.core.errors import (
    LabError,
    ModelNotLoaded,
    VersionConflict,
    VersionFailed,
    VersionNotFound,
)
from lab_kit.core.events import ModelInfo
from lab_kit.engine.api import CacheView, DecodeRequest, Hypothesis, Load, Priority
from lab_kit.engine.batching import Batching
from lab_kit.engine.loop import DEFAULT_BATCHING
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Lease, Recognizer
from lab_kit.gateway.versions.shadow import HeardEngine, Outcome, Shadow, ShadowReport
from lab_kit.gateway.versions.state import Progress, State, Turns, VersionStatus
from lab_kit.gateway.versions.warming import open_warm, version_failure
from lab_kit.models.store.repository import Label, Labels, Repository, Settings, VersionFiles

_log = logging.getLogger(__name__)


class Versions:
    """The versions of ``model`` in ``repository``, as this server serves them.

    Args:
        open_recognizer: loads and warms one; raises whatever its runtime raises.
    """

    def __init__(
        self,
        repository: Repository,
        model: str,
        open_recognizer: Callable[[VersionFiles], Recognizer],
        metrics: Metrics,
    ) -> None:
        self.model = model
        self._repository = repository
        self._open = open_recognizer
        self._metrics = metrics
        self._lock = threading.RLock()
        self._progress: dict[int, Progress] = {}
        self._recognizers: dict[int, Recognizer] = {}
        self._loading: dict[int, Future[None]] = {}
        self._labels = Labels()
        self._turns = Turns(1.0)
        self._batching: Batching = DEFAULT_BATCHING
        self._shadow: Shadow | None = None
        self._failure: BaseException | None = None
        self._stopping = False
        self._work = ThreadPoolExecutor(1, "versions")

    @property
    def is_ready(self) -> bool:
        """Whether a version answers: production is loaded and warm."""
        return self._labels.production is not None

    @property
    def failure(self) -> str | None:
        """Why there is no production version, if it is known to be missing and not on its way."""
        return None if self._failure is None or self.is_ready else str(self._failure)

    @property
    def production(self) -> ModelInfo:
        """What callers are answered by, the canary's share aside.

        Raises:
            ModelNotLoaded: nothing, yet or ever.
        """
        with self._lock:
            return self._recognizers[self._answering().number].engine.model

    def load_now(self) -> Load | None:
        """How busy the engines are that answer callers, the shadow's left out; None before any.

        They have the same cores, so their work adds up and their workers do not.
        """
        with self._lock:
            shadow = self._shadow.version if self._shadow is not None else None
            loads = [r.engine.load() for n, r in self._recognizers.items() if n != shadow]
        if not loads:
            return None
        return Load(
            waiting=sum(load.waiting for load in loads),
            running=sum(load.running for load in loads),
            longest_wait_s=max(load.longest_wait_s for load in loads),
            busy_s=sum(load.busy_s for load in loads),
            interim_s=sum(load.interim_s for load in loads),
            workers=max(load.workers for load in loads),
        )

    def lease(self, number: int | None = None) -> Lease:
        """A version for one stream or request: ``number``, or the one whose turn it is.

        Raises:
            VersionNotFound: there is no such version.
            ModelNotLoaded: it is not ready, or no version is.
        """
        with self._lock:
            progress = self._chosen() if number is None else self._known(number)
            if progress.state is not State.READY:
                raise ModelNotLoaded(
                    f"version {progress.number} is {progress.state}",
                    "a version that is ready",
                    "ask for another, or have the operator load it",
                )
            progress.in_flight += 1
            recognizer = self._recognizers[progress.number]
        heard = partial(self._heard, progress.number)
        return Lease(
            progress.number,
            HeardEngine(recognizer.engine, heard),
            recognizer.new_scorer,
            partial(self._give_back, progress),
        )

    def statuses(self) -> list[VersionStatus]:
        """Every version that the repository holds now or this server still has, in order."""
        with self._lock:
            here = {p.number for p in self._progress.values() if p.state is not State.UNLOADED}
        return [self.status(n) for n in sorted(here.union(self._repository.numbers(self.model)))]

    def status(self, number: int) -> VersionStatus:
        """One version as an operator sees it.

        Raises:
            VersionNotFound: there is no such version.
        """
        settings, published, unreadable = Settings(), "", ""
        try:
            version = self._repository.read(self.model, number)
            settings, published = version.settings, version.published
        except LabError as error:  # listed all the same, with what is wrong with it
            unreadable = str(error)
        with self._lock:
            status = self._known(number).status(self._labels, settings, published)
        return status if status.reason else replace(status, reason=unreadable)

    def shadow_report(self) -> ShadowReport:
        """What the shadow's answers were like.

        Raises:
            VersionNotFound: no version is the shadow.
        """
        shadow = self._shadow
        if shadow is None:
            raise VersionNotFound(
                "no version carries the label shadow", "one", "put the label on a ready version"
            )
        return shadow.report()

    # -- what an operator does ---------------------------------------------------------------

    def begin(self, publish_first: Callable[[], None]) -> None:
        """Load what was labelled when the server last ran, in the background.

        Args:
            publish_first: called where the repository holds no version yet; the lowest number
                becomes production where no label was kept.
        """
        self._work.submit(self._begin, publish_first)

    def load(self, number: int) -> "Future[None]":
        """Begin to load a version; nothing to do if it is ready.

        Returns:
            Done when the version is ready; raises `VersionFailed` when it is not going to be.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is draining.
        """
        with self._lock:
            progress = self._known(number)
            if progress.state not in (State.READY, State.LOADING):
                self._work.submit(self._fulfil, progress, self._start(progress))
            return self._loading[number]

    def unload(self, number: int) -> None:
        """Free a version once nobody is served by it any more.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it carries a label, or is just loading.
        """
        with self._lock:
            progress = self._known(number)
            if labels := self._labels.of(number):
                raise VersionConflict(
                    f"version {number} carries {' and '.join(labels)}",
                    "a version without a label",
                    "move or remove the label first",
                )
            if progress.state is State.FAILED:
                progress.move(State.UNLOADED)
            elif progress.state not in (State.UNLOADED, State.DRAINING):
                progress.move(State.DRAINING)
                self._free_if_drained(progress)

    def set_label(self, label: Label, number: int, share: float | None = None) -> None:
        """Put a label on a version that is ready; new streams follow it from now on.

        Args:
            share: of new streams and requests, for the canary.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is not ready.
            InvalidParameter: the share is missing or out of place.
        """
        with self._lock:
            progress = self._known(number)
            if progress.state is not State.READY:
                raise VersionConflict(
                    f"version {number} is {progress.state}",
                    "a version that is ready",
                    "load it first",
                )
            self._keep(self._labels.put(label, number, share))

    def remove_label(self, label: Label) -> None:
        """Take a label off; without it nothing is canary, or shadow.

        Raises:
            VersionConflict: production can only be moved.
        """
        with self._lock:
            self._keep(self._labels.take_off(label))

    def cache(self, number: int, since_ns: int) -> CacheView:
        """What the decoder's cache of a loaded version costs, and how it was used.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is not loaded.
        """
        with self._lock:
            progress = self._known(number)
            recognizer = self._recognizers.get(number)
        if recognizer is None:
            raise VersionConflict(
                f"version {number} is {progress.state}", "a version that is loaded", "load it first"
            )
        return recognizer.cache(since_ns)

    @property
    def batching(self) -> Batching:
        """The policy that every version's engine follows."""
        return self._batching

    def use(self, batching: Batching) -> None:
        """Change the batching policy of every version, those loaded later included."""
        with self._lock:
            self._batching = batching
            for recognizer in self._recognizers.values():
                recognizer.use(batching)

    def stop(self) -> None:
        """Free everything; returns when all workers have ended."""
        with self._lock:
            self._stopping = True
        self._work.shutdown(wait=True, cancel_futures=True)
        self._relabel(Labels())
        while self._recognizers:
            self._recognizers.popitem()[1].stop()

    # -- the steps ---------------------------------------------------------------------------

    def _begin(self, publish_first: Callable[[], None]) -> None:
        try:
            if not self._repository.numbers(self.model):
                publish_first()
            kept = self._repository.labels(self.model)
            production = kept.production or self._repository.numbers(self.model)[0]
            loading = self.load(production)
        except Exception as error:  # kept for /readyz
            self._failure = error
            _log.error("no version answers: %s", error, exc_info=not isinstance(error, LabError))
            return
        loading.add_done_callback(partial(self._restore, Label.PRODUCTION, production, None))
        for label, number in ((Label.CANARY, kept.canary), (Label.SHADOW, kept.shadow)):
            if number in self._repository.numbers(self.model):
                share = kept.share if label is Label.CANARY else None
                self.load(number).add_done_callback(partial(self._restore, label, number, share))

    def _restore(
        self, label: Label, number: int, share: float | None, loaded: "Future[None]"
    ) -> None:
        """A labelled version has come, or not: then only production is missed by callers."""
        failure = loaded.exception()
        if failure is None:
            with self._lock:
                self._relabel(self._labels.put(label, number, share))
        elif label is Label.PRODUCTION:
            self._failure = failure

    def _start(self, progress: Progress) -> "Future[None]":
        progress.move(State.LOADING)
        future: Future[None] = Future()
        self._loading[progress.number] = future
        return future

    def _fulfil(self, progress: Progress, future: "Future[None]") -> None:
        try:
            self._load(progress)
        except VersionFailed as failure:
            future.set_exception(failure)
        else:
            future.set_result(None)

    def _load(self, progress: Progress) -> None:
        number = progress.number
        try:
            recognizer = open_warm(self._open, self._repository.open(self.model, number))
        except Exception as error:  # whatever a runtime raises at weights it cannot use
            failure = version_failure(number, error)
            _log.error("%s", failure, exc_info=not isinstance(error, LabError))
            with self._lock:
                progress.move(State.FAILED, str(failure))
            raise failure from error
        self._metrics.watch(number, recognizer.engine)
        with self._lock:
            recognizer.use(self._batching)
            self._recognizers[number] = recognizer
            progress.move(State.READY)
        _log.info("version %d is ready", number)

    def _free_if_drained(self, progress: Progress) -> None:
        if progress.is_drained and not self._stopping:
            self._work.submit(self._free, progress)

    def _free(self, progress: Progress) -> None:
        """Not on the thread that gave it back: that may be one of the workers to be ended."""
        with self._lock:
            recognizer = self._recognizers.pop(progress.number)
        recognizer.stop()
        self._metrics.forget(progress.number)
        with self._lock:
            progress.move(State.UNLOADED)

    def _give_back(self, progress: Progress) -> None:
        with self._lock:
            progress.in_flight -= 1
            self._free_if_drained(progress)

    def _keep(self, labels: Labels) -> None:
        """Write first: labels that could not be kept are not taken over either."""
        self._repository.keep_labels(self.model, labels)
        self._relabel(labels)

    def _relabel(self, labels: Labels) -> None:
        before, self._labels = self._labels, labels
        if labels.share is not None and labels.share != before.share:
            self._turns = Turns(labels.share)
        if labels.shadow != before.shadow:
            self._shadow = None if labels.shadow is None else self._new_shadow(labels.shadow)
        _log.info("labels: %s", labels)

    def _new_shadow(self, number: int) -> Shadow:
        return Shadow(number, partial(self.lease, number), self._metrics.count_comparison)

    def _heard(self, number: int, request: DecodeRequest, outcome: Outcome) -> None:
        """A decode of version ``number`` has ended; called on its engine's threads."""
        self._metrics.count_decode(number, request, outcome)
        shadow = self._shadow
        if shadow is None or shadow.version == number or self._labels.production != number:
            return
        if isinstance(outcome, Hypothesis) and request.priority is not Priority.INTERIM:
            shadow.ask(request, outcome.text)

    def _chosen(self) -> Progress:
        canary = self._labels.canary
        if canary is not None and self._turns.next():
            return self._progress[canary]
        return self._answering()

    def _answering(self) -> Progress:
        production = self._labels.production
        if production is None:
            raise ModelNotLoaded(
                self.failure or "the model is not loaded yet",
                "a server whose /readyz answers 200",
                "wait, or read the server's log",
            )
        return self._progress[production]

    def _known(self, number: int) -> Progress:
        if number not in self._progress:
            self._repository.folder(self.model, number)  # raises if there is none
            self._progress[number] = Progress(number)
        return self._progress[number]
