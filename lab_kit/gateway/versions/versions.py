"""The versions of one model on a server: loaded, labelled, leased, drained.

For routes, whatever their protocol:

    with versions.lease() as lease:           # by label: the canary's turn, else production
        lease.engine.submit(...)              # lease.version says which it is
    with versions.lease(3) as lease:          # that version, if it is ready
    with versions.lease(Label.PRODUCTION) as lease:  # production, whoever's turn it is
    versions.statuses()                       # number, state, reason, labels of each

A stream keeps its lease, and so its version, for life: moving a label decides about new ones only.
Ready means verified, loaded, and having answered a warm-up inference.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from lab_kit.core.errors import LabError, ModelNotLoaded, VersionConflict
from lab_kit.core.events import ModelInfo
from lab_kit.engine.api import CacheView, Load
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Lease, Recognizer
from lab_kit.gateway.versions.loader import Loader
from lab_kit.gateway.versions.observed_engine import ObservedEngine
from lab_kit.gateway.versions.routing import Routing
from lab_kit.gateway.versions.state import VersionProgress
from lab_kit.gateway.versions.table import VersionTable
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.version import Label, Settings, VersionFiles
from lab_kit.protocol.versions import EngineProcess, VersionState, VersionStatus

_log = logging.getLogger(__name__)


class Versions:
    """The versions of ``model`` in ``repository``, as this server serves them.

    Args:
        open_recognizer: loads and warms one; raises whatever its runtime raises.

    Attributes:
        loader: loads and frees them.
        routing: which of them new callers get.
    """

    def __init__(
        self,
        repository: Repository,
        model: str,
        open_recognizer: Callable[[VersionFiles], Recognizer],
        metrics: Metrics,
    ) -> None:
        self.model = model
        self._failures = metrics.background_failures
        self._table = VersionTable(repository, model)
        self.loader = Loader(self._table, open_recognizer, metrics)
        self.routing = Routing(self._table, self.lease, metrics)

    @property
    def is_ready(self) -> bool:
        """Whether a version answers: production is loaded and warm."""
        number = self.routing.labels.production
        return number is not None and self._table.progress(number).state is VersionState.READY

    @property
    def failure(self) -> str | None:
        """Why no production version answers, if none does and none is on its way."""
        number = self.routing.labels.production
        if number is not None:
            return self._table.progress(number).reason or None
        return None if self.routing.failure is None else str(self.routing.failure)

    @property
    def production(self) -> ModelInfo:
        """What callers are answered by, the canary's share aside.

        Raises:
            ModelNotLoaded: nothing, yet or ever.
        """
        with self._table.lock:
            return self._recognizer(self.routing.answering()).engine.model

    def load_now(self) -> Load | None:
        """How busy the engines are that answer callers, the shadow's left out; None before any.

        They have the same cores, so their work adds up and their workers do not.
        """
        with self._table.lock:
            shadow = self.routing.labels.shadow
            recognizers = self._table.recognizers.items()
            loads = [r.engine.load() for n, r in recognizers if n != shadow]
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

    def lease(self, asked: int | Label | None = None) -> Lease:
        """A version for one stream or request: that of a number, or the one whose turn it is.

        Args:
            asked: a number; ``production`` for it alone; None for whose turn it is, the canary
                included.

        Raises:
            VersionNotFound: there is no such version.
            ModelNotLoaded: it is not ready, or no version is.
        """
        with self._table.lock:
            match asked:
                case None:
                    chosen = self.routing.chosen()
                case Label.PRODUCTION:
                    chosen = self.routing.answering()
                case _:
                    chosen = self._table.progress(int(asked))
            recognizer = self._recognizer(chosen)
            chosen.in_flight += 1
        ended = partial(self.routing.decode_ended, chosen.number)
        return Lease(
            chosen.number,
            ObservedEngine(recognizer.engine, ended),
            recognizer.new_scorer,
            partial(self._give_back, chosen),
        )

    def statuses(self) -> list[VersionStatus]:
        """Every version that the repository holds now or this server still has, in order."""
        return [self.status(number) for number in self._table.numbers()]

    def status(self, number: int) -> VersionStatus:
        """One version as an operator sees it.

        Raises:
            VersionNotFound: there is no such version.
        """
        settings, published, unreadable = Settings(), "", ""
        try:
            version = self._table.repository.read(self.model, number)
            settings, published = version.settings, version.published
        except LabError as error:  # listed all the same, with what is wrong with it
            unreadable = str(error)
        with self._table.lock:
            progress = self._table.progress(number)
            status = progress.status(self.routing.labels, settings, published)
        return status if status.reason else replace(status, reason=unreadable)

    def unload(self, number: int) -> None:
        """Free a version once nobody is served by it any more.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it carries a label, or is just loading.
        """
        with self._table.lock:
            progress = self._table.progress(number)
            if labels := self.routing.labels.of(number):
                raise VersionConflict(
                    f"version {number} carries {' and '.join(labels)}",
                    "a version without a label",
                    "move or remove the label first",
                )
            self.loader.give_up(progress)

    def cache(self, number: int, since_ns: int) -> CacheView:
        """What the decoder's cache of a loaded version costs, and how it was used.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is not loaded.
        """
        return self._loaded(number).cache(since_ns)

    def processes(self, number: int) -> tuple[EngineProcess, ...]:
        """The processes that decode with a loaded version; none where the server's own does.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is not loaded.
        """
        return self._loaded(number).processes()

    def begin(self, publish_first: Callable[[], None]) -> None:
        """Load what was labelled when the server last ran, in the background.

        Args:
            publish_first: called where the repository holds no version yet; the lowest number
                becomes production where no label was kept.
        """
        self.loader.in_background(partial(self._begin, publish_first))

    def stop(self) -> None:
        """Free everything; returns when all workers have ended."""
        self.loader.stop()
        self.routing.clear()
        while self._table.recognizers:
            self._table.recognizers.popitem()[1].stop()

    def _begin(self, publish_first: Callable[[], None]) -> None:
        repository = self._table.repository
        try:
            if not repository.numbers(self.model):
                publish_first()
            kept = repository.labels(self.model)
            production = kept.production or repository.numbers(self.model)[0]
            loading = self.loader.load(production)
        except Exception as error:  # kept for /readyz
            self.routing.failure = error
            _log.error("no version answers: %s", error, exc_info=not isinstance(error, LabError))
            return
        loading.add_done_callback(partial(self._restore, Label.PRODUCTION, production, None))
        for label, number in ((Label.CANARY, kept.canary), (Label.SHADOW, kept.shadow)):
            if number in repository.numbers(self.model):
                share = kept.share if label is Label.CANARY else None
                loading = self.loader.load(number)
                loading.add_done_callback(partial(self._restore, label, number, share))

    def _restore(
        self, label: Label, number: int, share: float | None, loaded: "Future[None]"
    ) -> None:
        """A labelled version has come, or not: then only production is missed by callers."""
        failure = loaded.exception()
        if failure is None:
            try:
                self.routing.restore(label, number, share)
            except Exception as error:  # a label that was kept and cannot be put
                self._failures.note("versions", error)
                failure = error
        if failure is not None and label is Label.PRODUCTION:
            self.routing.failure = failure

    def _loaded(self, number: int) -> Recognizer:
        with self._table.lock:
            progress = self._table.progress(number)
            recognizer = self._table.recognizers.get(number)
        if recognizer is None:
            raise VersionConflict(
                f"version {number} is {progress.state}", "a version that is loaded", "load it first"
            )
        return recognizer

    def _recognizer(self, progress: VersionProgress) -> Recognizer:
        if progress.state is not VersionState.READY:
            raise ModelNotLoaded(
                f"version {progress.number} is {progress.state}",
                "a version that is ready",
                "ask for another, or have the operator load it",
            )
        return self._table.recognizers[progress.number]

    def _give_back(self, progress: VersionProgress) -> None:
        with self._table.lock:
            progress.in_flight -= 1
            self.loader.free_if_drained(progress)
