"""What a stream or a request holds while it is served: one version, to its end."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from lab_kit.audio.detect.vad import SpeechScorer
from lab_kit.engine.api import CacheView, Engine
from lab_kit.engine.batching import Batching
from lab_kit.protocol.versions import EngineProcess


@dataclass(frozen=True, slots=True)
class Recognizer:
    """A loaded, warm model: an engine for all streams and a scorer for each.

    Attributes:
        use: changes the engine's batching policy while it runs.
        cache: what its decoder's cache costs, and how it was used since a moment.
        processes: that it decodes in; none where that is the server's own.
        broken: raises what the engine broke of; not done while it works.
    """

    engine: Engine
    new_scorer: Callable[[], SpeechScorer]
    use: Callable[[Batching], None]
    cache: Callable[[int], CacheView]
    stop: Callable[[], None]
    broken: "Future[None]" = field(default_factory=Future)
    processes: Callable[[], tuple[EngineProcess, ...]] = tuple


class Lease:
    """A version that stays loaded until this is released; a context manager.

    Args:
        version: its number.
        engine: decodes with it, and with nothing else however labels move.
        new_scorer: voice activity for one stream.
        give_back: called once, by the first release.
    """

    def __init__(
        self,
        version: int,
        engine: Engine,
        new_scorer: Callable[[], SpeechScorer],
        give_back: Callable[[], None],
    ) -> None:
        self.version = version
        self.engine = engine
        self.new_scorer = new_scorer
        self._give_back: Callable[[], None] | None = give_back

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the version back; a second time does nothing."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()
