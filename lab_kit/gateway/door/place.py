"""A live stream's place: held from its admission to its end, whatever happens in between.

Others are admitted while a stream is still being set up, so the place is what is counted, and what
a server that stops or is overloaded turns to.
"""

import time
from typing import Protocol

from lab_kit.core.errors import LabError
from lab_kit.core.events import PriorityClass
from lab_kit.gateway.door.compute import AHEAD_S, Spending
from lab_kit.gateway.door.keys import Principal
from lab_kit.gateway.observe.work import Work
from lab_kit.gateway.versions.lease import Lease


class PlacedStream(Protocol):
    """What a place needs of the stream that has it."""

    @property
    def last_audio_ns(self) -> int:
        """When sound last came; its opening, if none has."""
        ...

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest final that it owes was decided; None if it owes none."""
        ...

    @property
    def is_ahead(self) -> bool:
        """Whether its sound comes faster than speech."""
        ...

    @property
    def audio_s(self) -> float:
        """Sound that came so far."""
        ...

    def close_early(self, reason: LabError) -> None:
        """Send what is owed, tell the client why, and close."""
        ...

    def leave(self, reason: LabError, patience_s: float) -> None:
        """The same between two utterances, if that comes within ``patience_s``."""
        ...


class Place:
    """One place.

    Attributes:
        work: what it is counted as.
        lease: the version that serves the stream to its end.
        caller: by what name it takes turns.
        steps: what all results of its tenant go through, whatever the stream asks for.
        principal: who has it, by the key or the token that counts now.
        stream: who has the place; None until it is set up.
    """

    def __init__(
        self,
        work: Work,
        priority_class: PriorityClass,
        lease: Lease,
        caller: str,
        spending: Spending,
        principal: Principal,
        steps: tuple[str, ...] = (),
    ) -> None:
        self.work = work
        # a plain value: others' admission reads it, and must not depend on what this client says
        self.priority_class = priority_class
        self.lease = lease
        self.caller = caller
        self.principal = principal
        self.steps = steps
        self.opened_ns = time.perf_counter_ns()
        self.stream: PlacedStream | None = None
        self._spending = spending
        self._settled_audio_s = 0.0
        self._reason: LabError | None = None

    @property
    def last_audio_ns(self) -> int:
        """When sound last came; the admission, if none has."""
        return self.opened_ns if self.stream is None else self.stream.last_audio_ns

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest final that is owed was decided; None if none is."""
        return None if self.stream is None else self.stream.owed_since_ns

    @property
    def is_ahead(self) -> bool:
        """Whether sound comes faster than speech."""
        return self.stream is not None and self.stream.is_ahead

    @property
    def spent_ns(self) -> int:
        """Time of the device that it took so far."""
        return self._spending.spent_ns

    def renew_compute(self) -> None:
        """Settle what it spent since the last time, and reserve for its next seconds.

        Raises:
            QuotaExceeded, PayloadTooLarge: there is not enough left.
        """
        self.settle()
        self._spending.hold(AHEAD_S)

    def settle(self) -> None:
        """Settle what it spent since the last time; nothing is reserved then."""
        unsettled_s = self.unsettled_s
        self._settled_audio_s += unsettled_s
        self._spending.settle(unsettled_s)

    @property
    def unsettled_s(self) -> float:
        """Sound that came since then."""
        audio_s = 0.0 if self.stream is None else self.stream.audio_s
        return audio_s - self._settled_audio_s

    def take(self, stream: PlacedStream) -> None:
        """The stream is set up; if it was asked to end meanwhile, it is told now."""
        self.stream = stream
        if self._reason is not None:
            stream.close_early(self._reason)

    def leave(self, reason: LabError, patience_s: float) -> None:
        """Have the stream end between two utterances, if that comes within ``patience_s``."""
        if self.stream is None:
            self._reason = reason
        else:
            self.stream.leave(reason, patience_s)

    def close_early(self, reason: LabError) -> None:
        """Have the stream end, as soon as there is one."""
        if self.stream is None:
            self._reason = reason
        else:
            self.stream.close_early(reason)
