"""The engine as a queue: finals first, newer interims for waiting ones, passes that are shared.

The rules are those of `engine.scheduler` with continuous batching for a decoder in lockstep, told
in numbers: no token is computed. What is left out: several priority classes, bounded caches.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from lab_kit.scale.cores import Thread
from lab_kit.scale.costs import ServerCosts

MAX_BATCH = 4
"""Sequences in a pass, and places a worker; `engine.loop.DEFAULT_BATCHING`."""


@dataclass(slots=True, eq=False)
class Decode:
    """One decode: how much sound it encodes, how many passes it then needs.

    Attributes:
        window_s: sound that is encoded.
        tokens: of the answer, its end included.
        drafted: of them, those that are checked in the first pass.
        answer: called when it is done, and was not cancelled.
        position: tokens computed so far; sequences at the same one can share a pass.
    """

    stream: int
    is_final: bool
    window_s: float
    tokens: int
    drafted: int
    answer: Callable[[], None]
    number: int = 0
    is_encoded: bool = False
    position: int = 0
    done: int = 0
    is_admitted: bool = False
    is_busy: bool = False
    is_cancelled: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether anything was done for it: from then on its sound cannot be replaced."""
        return self.is_busy or self.is_encoded


@dataclass(slots=True)
class Decoder:
    """Workers, and what waits for them.

    Attributes:
        finals, interims: decodes that were done.
    """

    costs: ServerCosts
    workers: list[Thread]
    finals: int = 0
    interims: int = 0
    _numbers: int = 0
    _lanes: dict[bool, list[Decode]] = field(default_factory=lambda: {True: [], False: []})

    def submit(self, decode: Decode) -> None:
        """Let it wait, and begin if a worker is free."""
        self._numbers += 1
        decode.number = self._numbers
        self._lanes[decode.is_final].append(decode)
        self._begin()

    def refresh(self, decode: Decode, window_s: float, tokens: int, drafted: int) -> bool:
        """Replace what waits by newer sound; False once anything was done for it."""
        if decode.has_begun:
            return False
        decode.window_s, decode.tokens, decode.drafted = window_s, tokens, drafted
        return True

    def cancel(self, decode: Decode) -> None:
        """Drop it, after its present pass where there is one."""
        decode.is_cancelled = True
        if not decode.is_busy:
            self._remove(decode)

    def _begin(self) -> None:
        for worker in self.workers:
            if worker.is_idle and not self._give(worker):
                return

    def _give(self, worker: Thread) -> bool:
        for is_final in (True, False):
            self._admit(is_final)
            ready = [d for d in self._lanes[is_final] if d.is_admitted and not d.is_busy]
            if ready:
                self._do(worker, *self._next(ready))
                return True
        return False

    def _admit(self, is_final: bool) -> None:
        """Places are taken in groups, as who joins has to catch up alone before it shares."""
        lane = self._lanes[is_final]
        places = MAX_BATCH * self.costs.workers
        free = places - sum(decode.is_admitted for decode in lane)
        if free < (places + 1) // 2:
            return
        for decode in [d for d in lane if not d.is_admitted][:free]:
            decode.is_admitted = True

    def _next(self, ready: list[Decode]) -> tuple[list[Decode], float]:
        """Who is computed next, and what that costs: encode, start, then the furthest behind."""
        unencoded = next((d for d in ready if not d.is_encoded), None)
        if unencoded is not None:
            return [unencoded], unencoded.window_s * self.costs.encode + self.costs.decode
        starting = [d for d in ready if d.position == 0]
        if starting and starting[0].drafted:
            return starting[:1], self._pass_s(1, starting[0].drafted)
        if starting:
            together = [d for d in starting if not d.drafted][:MAX_BATCH]
            return together, self._pass_s(len(together))
        behind = min(d.position for d in ready)
        together = [d for d in ready if d.position == behind][:MAX_BATCH]
        return together, self._pass_s(len(together))

    def _pass_s(self, rows: int, drafted: int = 0) -> float:
        return self.costs.passes + self.costs.row * (rows - 1) + self.costs.drafted * drafted

    def _do(self, worker: Thread, decodes: list[Decode], cost_s: float) -> None:
        for decode in decodes:
            decode.is_busy = True
        worker.do(cost_s, lambda: self._done(decodes))

    def _done(self, decodes: list[Decode]) -> None:
        for decode in decodes:
            decode.is_busy = False
            self._advance(decode)
            if decode.is_cancelled:
                self._remove(decode)
            elif decode.done >= decode.tokens:
                self._remove(decode)
                self.finals += decode.is_final
                self.interims += not decode.is_final
                decode.answer()
        self._begin()

    def _advance(self, decode: Decode) -> None:
        if not decode.is_encoded:
            decode.is_encoded = True
            return
        kept = round(decode.drafted * self.costs.draft_kept) if decode.position == 0 else 0
        decode.done += kept + 1
        decode.position += kept + 1

    def _remove(self, decode: Decode) -> None:
        lane = self._lanes[decode.is_final]
        if decode in lane:
            lane.remove(decode)
