"""Loads and frees versions, on a thread of its own and one at a time.

A version that cannot be loaded keeps its reason and changes nothing for the others. One that is
given up is freed once nobody is served by it any more.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lab_kit.core.errors import LabError, VersionFailed
from lab_kit.engine.batching import Batching
from lab_kit.engine.loop import DEFAULT_BATCHING
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.gateway.versions.state import VersionProgress, VersionState
from lab_kit.gateway.versions.table import VersionTable
from lab_kit.gateway.versions.warming import open_warm, version_failure
from lab_kit.models.store.version import VersionFiles

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
        self._work.submit(work)

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
                self._work.submit(self._fulfil, progress, future)
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
            self._work.submit(self._free, progress)

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

    def _fulfil(self, progress: VersionProgress, future: "Future[None]") -> None:
        try:
            self._load(progress)
        except VersionFailed as failure:
            future.set_exception(failure)
        else:
            future.set_result(None)

    def _load(self, progress: VersionProgress) -> None:
        number, table = progress.number, self._table
        try:
            recognizer = open_warm(self._open, table.repository.open(table.model, number))
        except Exception as error:  # whatever a runtime raises at weights it cannot use
            failure = version_failure(number, error)
            _log.error("%s", failure, exc_info=not isinstance(error, LabError))
            with table.lock:
                progress.move(VersionState.FAILED, str(failure))
            raise failure from error
        self._metrics.engine_loaded(number, recognizer.engine)
        with table.lock:
            recognizer.use(self.batching)
            table.recognizers[number] = recognizer
            progress.move(VersionState.READY)
        _log.info("version %d is ready", number)

    def _free(self, progress: VersionProgress) -> None:
        with self._table.lock:
            recognizer = self._table.recognizers.pop(progress.number)
        recognizer.stop()
        self._metrics.engine_freed(progress.number)
        with self._table.lock:
            progress.move(VersionState.UNLOADED)
