"""What the routes share: the model once it is loaded, the limits, the open streams."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol

from lab_kit.audio.vad import SpeechScorer
from lab_kit.engine.api import Engine
from lab_kit.errors import ModelNotLoaded, SystemOverloaded, Unauthenticated
from lab_kit.gateway.limits import Limits
from lab_kit.gateway.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Recognizer:
    """A loaded, warm model: an engine for all streams and a scorer for each."""

    engine: Engine
    new_scorer: Callable[[], SpeechScorer]
    stop: Callable[[], None]


class OpenStream(Protocol):
    """A stream that the server can ask to come to its end."""

    def drain(self) -> None:
        """Finish: send what is owed, then close."""
        ...


@dataclass(slots=True)
class Serving:
    """The server's state.

    Attributes:
        preparation: decodes uploads and finds the speech in them, one at a time: on a few cores
            more at once would only slow down the engine, and with it the live streams.
        key: the only key that is accepted; None accepts any, and none.
        failure: why loading failed, if it did.
    """

    limits: Limits
    key: str | None
    metrics: Metrics = field(default_factory=Metrics)
    failure: BaseException | None = None
    draining: bool = False
    streams: set[OpenStream] = field(default_factory=set)
    preparation: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "preparation"))
    _recognizer: Recognizer | None = None

    @property
    def ready(self) -> bool:
        """Weights loaded, a warm-up inference done, and not about to stop."""
        return self._recognizer is not None and not self.draining

    def load_in_background(self, load: Callable[[], Recognizer]) -> None:
        """Load the model on a thread, so that health can be asked meanwhile."""
        threading.Thread(target=self._load, args=(load,), name="load", daemon=True).start()

    def recognizer(self) -> Recognizer:
        """The loaded model.

        Raises:
            ModelNotLoaded: not yet, or never.
        """
        if self._recognizer is None:
            raise ModelNotLoaded(
                "the model is not loaded yet" if self.failure is None else str(self.failure),
                "a server whose /readyz answers 200",
                "wait, or read the server's log",
            )
        return self._recognizer

    def check_key(self, authorization: str | None, subprotocols: list[str]) -> None:
        """Accept a request's key.

        Args:
            authorization: the header, with any scheme; a browser, which cannot set it, offers
                the scheme and the key as two subprotocols instead.

        Raises:
            Unauthenticated: a key is set and this is not it.
        """
        if self.key is None:
            return
        offered = (authorization or " ".join(subprotocols[:2])).split()
        given = offered[-1] if offered else ""
        if not compare_digest(given.encode(), self.key.encode()):
            raise Unauthenticated(
                "no key" if not given else "a key that is not valid here",
                "Authorization: Token KEY",
                "ask whoever started the server for its key",
            )

    def admit(self) -> None:
        """Make sure that one more stream may open.

        Raises:
            SystemOverloaded: the server is full or stopping.
        """
        if self.draining or len(self.streams) >= self.limits.streams:
            raise SystemOverloaded(
                "the server stops" if self.draining else f"{len(self.streams)} streams are open",
                f"at most {self.limits.streams}",
                "try again after the stated delay",
            )

    def stop(self) -> None:
        """Free the model and the thread that prepares uploads."""
        self.preparation.shutdown(wait=False, cancel_futures=True)
        if self._recognizer is not None:
            self._recognizer.stop()
            self._recognizer = None

    def _load(self, load: Callable[[], Recognizer]) -> None:
        try:
            recognizer = load()
        except BaseException as error:  # kept for /readyz, and raised for the log
            self.failure = error
            raise
        self.metrics.watch(recognizer.engine)
        self._recognizer = recognizer
