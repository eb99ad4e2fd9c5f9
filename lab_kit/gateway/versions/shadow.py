"""A version that is asked what production is asked, and never answers.

Every decode of production that somebody waited for (finals and uploads, not interims) is put to
the shadow once production has answered, and the texts are compared. A caller waits for nothing of
it: what the shadow cannot take is skipped and counted. It does take processor time from
everybody, like any other load.

Texts are users' words: a few are kept in memory, for the operator alone; metrics and logs get
counts.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from enum import StrEnum

from lab_kit.core.errors import LabError, ModelNotLoaded, SystemOverloaded
from lab_kit.core.events import PriorityClass
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import DecodeRequest, Hypothesis
from lab_kit.gateway.versions.lease import Lease
from lab_kit.measure.accuracy import bare_words, word_error_rate
from lab_kit.protocol.versions import ShadowPair, ShadowReport

MOST_WAITING = 4
"""Decodes at once in the shadow: enough for a batch, too few to fall behind by seconds."""
KEPT_PAIRS = 20


class Comparison(StrEnum):
    """What became of one decode that the shadow should have repeated."""

    SAME = "same"
    DIFFERENT = "different"
    SKIPPED = "skipped"
    FAILED = "failed"


class Shadow:
    """One version's time as the shadow.

    Args:
        lease: its engine, for one decode.
        count: told what became of each.
    """

    def __init__(
        self, version: int, lease: Callable[[], Lease], count: Callable[[Comparison], None]
    ) -> None:
        self.version = version
        self._lease = lease
        self._count = count
        self._lock = threading.Lock()
        self._waiting = 0
        self._counts = dict.fromkeys(Comparison, 0)
        self._rated = 0
        self._rates_sum = 0.0
        self._pairs: deque[ShadowPair] = deque(maxlen=KEPT_PAIRS)

    def ask(self, request: DecodeRequest, production: str) -> None:
        """Repeat a decode that production answered with the text ``production``; never waits."""
        with self._lock:
            has_room = self._waiting < MOST_WAITING
            self._waiting += has_room
        if not has_room:
            self._note(Comparison.SKIPPED)
            return
        try:
            lease = self._lease()
        except ModelNotLoaded:  # it lost its label and its place at this very moment
            self._done(Comparison.SKIPPED)
            return
        self._repeat(lease, request, production)

    def report(self) -> ShadowReport:
        """The comparison so far."""
        with self._lock:
            return ShadowReport(
                version=self.version,
                same=self._counts[Comparison.SAME],
                different=self._counts[Comparison.DIFFERENT],
                skipped=self._counts[Comparison.SKIPPED],
                failed=self._counts[Comparison.FAILED],
                word_error_rate=self._rates_sum / self._rated if self._rated else None,
                pairs=tuple(self._pairs),
            )

    def _repeat(self, lease: Lease, request: DecodeRequest, production: str) -> None:
        def ended(future: "Future[Hypothesis]") -> None:
            with lease:
                self._done(self._compared(request, production, future))

        try:
            # a draft is tokens of production's vocabulary and of its opinion; and the caller of
            # production has not asked for this one, so that its compute is nobody's
            waits = replace(request, priority_class=PriorityClass.BATCH, draft=(), on_compute=None)
            ticket = lease.engine.submit(waits)
        except Exception as failure:
            is_full = isinstance(failure, SystemOverloaded)
            self._done(Comparison.SKIPPED if is_full else Comparison.FAILED)
            lease.release()
            if isinstance(failure, LabError):
                return
            raise
        ticket.future.add_done_callback(ended)

    def _compared(
        self, request: DecodeRequest, production: str, future: "Future[Hypothesis]"
    ) -> Comparison:
        if future.cancelled() or future.exception() is not None:
            return Comparison.FAILED
        shadow = future.result().text
        rate = word_error_rate(production, shadow) if bare_words(production) else None
        is_same = bare_words(production) == bare_words(shadow)
        with self._lock:
            if rate is not None:
                self._rated += 1
                self._rates_sum += rate
            if not is_same and not request.is_private:
                audio_s = len(request.audio) / SAMPLE_RATE_HZ
                self._pairs.append(ShadowPair(audio_s, production, shadow, rate))
        return Comparison.SAME if is_same else Comparison.DIFFERENT

    def _done(self, comparison: Comparison) -> None:
        with self._lock:
            self._waiting -= 1
        self._note(comparison)

    def _note(self, comparison: Comparison) -> None:
        with self._lock:
            self._counts[comparison] += 1
        self._count(comparison)
