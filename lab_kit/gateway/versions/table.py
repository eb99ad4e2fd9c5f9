"""How far each version of one model has come, and what is loaded of it: one lock around both."""

import threading

from lab_kit.core.errors import VersionConflict
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.gateway.versions.state import VersionProgress
from lab_kit.models.store.repository import Repository
from lab_kit.protocol.versions import VersionState


class VersionTable:
    """Every version that the server knows of.

    Attributes:
        lock: held by whoever reads or changes anything here; reentrant.
        recognizers: those that are loaded.
    """

    def __init__(self, repository: Repository, model: str) -> None:
        self.repository = repository
        self.model = model
        self.lock = threading.RLock()
        self.recognizers: dict[int, Recognizer] = {}
        self._progress: dict[int, VersionProgress] = {}

    def progress(self, number: int) -> VersionProgress:
        """How far a version has come.

        Raises:
            VersionNotFound: there is no such version.
        """
        if number not in self._progress:
            self.repository.folder(self.model, number)  # raises if there is none
            self._progress[number] = VersionProgress(number)
        return self._progress[number]

    def ready(self, number: int) -> VersionProgress:
        """A version that answers.

        Raises:
            VersionNotFound: there is no such version.
            VersionConflict: it is not ready.
        """
        progress = self.progress(number)
        if progress.state is not VersionState.READY:
            raise VersionConflict(
                f"version {number} is {progress.state}", "a version that is ready", "load it first"
            )
        return progress

    def numbers(self) -> list[int]:
        """Versions that the repository holds now or this server still has, in order."""
        with self.lock:
            here = {n for n, p in self._progress.items() if p.state is not VersionState.UNLOADED}
        return sorted(here.union(self.repository.numbers(self.model)))
