"""Loads and frees versions, on a thread of its own and one at a time.

A version that cannot be loaded keeps its reason and changes nothing for the others. One that is
given up is freed once nobody is served by it any more.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from lab_kit.core.errors import LabError
from lab_kit.engine.batching import Batching
from lab_kit.engine.loop import DEFAULT_BATCHING
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.gateway.versions.state import VersionProgress
from lab_kit.gateway.versions.table import VersionTable
from lab_kit.gateway.versions.warming import open_warm, version_failure
from lab_kit.models.store.version import VersionFiles
from lab_kit.protocol.versions import VersionState

_log = logging.getLogger(__name__)


class Loader:
    """Moves versions between the disk and their callers.

    Args:
        open_recognizer: loads and warms one; raises whatever its runtime raises.

    Attributes:
        batching: the policy that every version's engine follows.
    """

    def __init__(
        self,
        table: VersionTable,
        open_recognizer: Callable[[VersionFiles], Recognizer],
        metrics: Metrics,
    ) -> None:
        self.batching: Batching = DEFAULT_BATCHING
        self._table = table
        self._open = open_recognizer
        self._metrics = metrics
        self._loading: dict[int, Future[None]] = {}
        self._is_stopping = False
        self._work = ThreadPoolExecutor(1, "versions")

    def in_background(self, work: Callable[[], None]) -> None:
        """Run ``work`` on the thread that loads, before any load that is asked for later."""
        self._work.submit(self._noted, work)

    def load(self, number: int) -> "Future[None]":
        """Begin to load a version; nothing to do if it is ready.

        Returns:
            Done when the version is ready; raises `VersionFailed` when it is not going to be.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is draining.
        """
        with self._table.lock:
            progress = self._table.progress(number)
            if progress.state not in (VersionState.READY, VersionState.LOADING):
                progress.move(VersionState.LOADING)
                future: Future[None] = Future()
                self._loading[number] = future
                self._work.submit(self._noted, partial(self._fulfil, progress, future))
            return self._loading[number]

    def give_up(self, progress: VersionProgress) -> None:
        """Free a version once nobody is served by it any more.

        Raises:
            VersionConflict: it is just loading.
        """
        with self._table.lock:
            if progress.state is VersionState.FAILED:
                progress.move(VersionState.UNLOADED)
            elif progress.state not in (VersionState.UNLOADED, VersionState.DRAINING):
                progress.move(VersionState.DRAINING)
                self.free_if_drained(progress)

    def free_if_drained(self, progress: VersionProgress) -> None:
        """Free a version that was given up, if it serves nobody.

        Not on the thread that gave it back: that may be one of the workers to be ended.
        """
        if progress.is_drained and not self._is_stopping:
            self._work.submit(self._noted, partial(self._free, progress))

    def use(self, batching: Batching) -> None:
        """Change the batching policy of every version, those loaded later included."""
        with self._table.lock:
            self.batching = batching
            for recognizer in self._table.recognizers.values():
                recognizer.use(batching)

    def stop(self) -> None:
        """Load and free nothing any more; returns when what is under way has ended."""
        with self._table.lock:
            self._is_stopping = True
        self._work.shutdown(wait=True, cancel_futures=True)

    def _noted(self, work: Callable[[], None]) -> None:
        """Do ``work``; nobody looks at what it raises, so that is noted."""
        try:
            work()
        except Exception as error:
            self._metrics.background_failures.note("versions", error)

    def _fulfil(self, progress: VersionProgress, future: "Future[None]") -> None:
        try:
            self._load(progress)
        except Exception as error:  # whatever a runtime raises at weights it cannot use
            failure = version_failure(progress.number, error)
            _log.error("%s", failure, exc_info=not isinstance(error, LabError))
            with self._table.lock:
                progress.move(VersionState.FAILED, str(failure))
            failure.__cause__ = error
            future.set_exception(failure)
        else:
            _log.info("version %d is ready", progress.number)
            future.set_result(None)

    def _load(self, progress: VersionProgress) -> None:
        number, table = progress.number, self._table
        recognizer = open_warm(self._open, table.repository.open(table.model, number))
        try:
            self._metrics.engine_loaded(number, recognizer.engine)
            with table.lock:
                recognizer.use(self.batching)
                table.recognizers[number] = recognizer
                progress.move(VersionState.READY)
        except Exception:
            table.recognizers.pop(number, None)
            recognizer.stop()
            raise
        recognizer.broken.add_done_callback(partial(self._give_up_broken, progress))

    def _give_up_broken(self, progress: VersionProgress, broken: "Future[None]") -> None:
        """A version's engine broke: nobody is given it any more, until it is loaded again.

        Called on one of the engine's threads, which must not free the engine.
        """
        error = broken.exception()
        assert error is not None
        self._metrics.background_failures.note("engine", error)
        with self._table.lock:
            if progress.state is VersionState.READY and not self._is_stopping:
                progress.move(VersionState.FAILED, str(version_failure(progress.number, error)))
                self._work.submit(self._noted, partial(self._end, progress.number))

    def _free(self, progress: VersionProgress) -> None:
        try:
            self._end(progress.number)
        finally:  # whatever it raises, nobody can be served by it any more
            with self._table.lock:
                progress.move(VersionState.UNLOADED)

    def _end(self, number: int) -> None:
        with self._table.lock:
            recognizer = self._table.recognizers.pop(number)
        self._metrics.engine_freed(number)
        recognizer.stop()
