"""A server in simulated time that a reader's client is judged by: refusals, lost answers, keys.

What it does is written down beforehand, step by step; the last step goes on for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real

MOST_SENDS = 60
"""Whoever has asked so often for one thing is not going to stop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets.

    Attributes:
        ok: the work was done; ``text`` is what came of it.
        retryable: whether sending the same again can help.
        retry_after_s: not sooner than after this; None where no time is told.
    """

    status: int
    ok: bool = False
    retryable: bool = False
    retry_after_s: float | None = None
    text: str = ""


DONE = Answer(200, ok=True, text="it was the best of times")
UNFIT = Answer(400)
BUSY = Answer(503, retryable=True)
LOST = "the work is done, and the connection breaks before the answer comes"


def busy(retry_after_s: float) -> Answer:
    """A refusal that names a time."""
    return Answer(503, retryable=True, retry_after_s=retry_after_s)


class NeverStops(BaseException):
    """The client has sent too often; no ``except Exception`` of a reader holds it up."""


class SimulatedServer:
    """One request's life.

    Attributes:
        keys: of each attempt, as they were sent.
        waits_s: what the client slept, in order.
        computed: how often the work was done.
    """

    def __init__(self, steps: Sequence[Answer | str]) -> None:
        self.keys: list[object] = []
        self.waits_s: list[float] = []
        self.computed = 0
        self._steps = steps
        self._known: set[object] = set()

    @property
    def sends(self) -> int:
        """Attempts so far."""
        return len(self.keys)

    def send(self, key: object = None) -> Answer:
        """One attempt.

        Raises:
            ConnectionError: the answer is lost.
            NeverStops: there were far too many.
        """
        step = self._steps[min(self.sends, len(self._steps) - 1)]
        self.keys.append(key)
        if self.sends > MOST_SENDS:
            raise NeverStops
        if isinstance(step, Answer) and not step.ok:
            return step
        if key is None or key not in self._known:
            self.computed += 1
            self._known.add(key)
        if step == LOST:
            raise ConnectionError("the connection broke; nobody knows whether the work was done")
        return DONE

    def sleep(self, seconds: float) -> None:
        """Time passes.

        Raises:
            TypeError, ValueError: it is no number of seconds.
        """
        if not isinstance(seconds, Real):
            raise TypeError(f"sleep({seconds!r}): where no time was told, wait one of your own")
        if not seconds >= 0:
            raise ValueError(f"sleep({seconds}): nobody can wait for less than nothing")
        self.waits_s.append(float(seconds))


Call = Callable[[Callable[[object], Answer], Callable[[float], None], float], object]
