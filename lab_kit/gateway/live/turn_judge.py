"""Whether speakers have finished, judged on one thread for all live streams.

The network is loaded when the first stream asks; until it is there, and whenever more pauses wait
than can be judged before their silence is over, nobody answers, and silence alone decides. Who has
many streams takes no other caller's turn: where all places are taken, one of the caller with the
most is given up for somebody who has fewer.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import LabError
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.models.smart_turn import SmartTurn

_log = logging.getLogger(__name__)
MOST_WAITING = 4
"""Pauses: each takes some 25 ms, and of a pause of 200 ms a tenth of a second is left for them."""


class TurnJudge:
    """Answers one pause after the other.

    Args:
        load: opens the network; called once, on the thread.
        gives_way: whether the server has no time for it now.
    """

    def __init__(
        self, load: Callable[[], SmartTurn], gives_way: Callable[[], bool] = lambda: False
    ) -> None:
        self._load = load
        self._gives_way = gives_way
        self._network: SmartTurn | None = None
        self._loading: Future[None] | None = None
        # in the order in which they are answered; the first is being answered
        self._waiting: list[tuple[str, Future[float]]] = []
        # an answer given up is told at once, to the thread that holds the lock
        self._lock = threading.RLock()
        self._thread = ThreadPoolExecutor(1, "turns")

    def __call__(self, caller: str, audio: FloatArray) -> "Future[float] | None":
        """The probability that (samples,) at 16 kHz ends where the speaker has finished.

        Returns:
            None where there is no time for it. A future that is cancelled had its place given to
            another caller.
        """
        with self._lock:
            if self._loading is None:
                self._loading = self._thread.submit(self._open)
            if self._network is None or self._gives_way() or not self._has_room_for(caller):
                return None
            answer = self._thread.submit(self._network.completeness, audio)
            self._waiting.append((caller, answer))
        answer.add_done_callback(self._answered)
        return answer

    def stop(self) -> None:
        """Answer nobody any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _has_room_for(self, caller: str) -> bool:
        """Whether another pause of this caller may wait, if need be instead of somebody else's."""
        if len(self._waiting) < MOST_WAITING:
            return True
        held = Counter(name for name, _ in self._waiting)
        [(greediest, most)] = held.most_common(1)
        if most <= held[caller] + 1:
            return False
        newest = next(answer for name, answer in reversed(self._waiting) if name == greediest)
        return newest.cancel()

    def _answered(self, answer: "Future[float]") -> None:
        with self._lock:
            self._waiting = [one for one in self._waiting if one[1] is not answer]

    def _open(self) -> None:
        try:
            network = self._load()
            network.completeness(np.zeros(SAMPLE_RATE_HZ, np.float32))
        except LabError as error:
            _log.error("turns are left to silence: %s", error)
            return
        except Exception as error:  # whatever the runtime raises
            _log.error("turns are left to silence: %s: %s", type(error).__name__, error)
            return
        self._network = network
