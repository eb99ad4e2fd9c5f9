"""The meter of one stream, recording, inference or text: positions in, usage events out.

It is asked before its caller is told of anything, and again at the end. What it gives has to be
written down before the caller is told; where that cannot be done, nothing is lost: the next event
holds it, too.
"""

from dataclasses import dataclass

from lab_kit.metering.event import Quantities, UsageEvent, Used


@dataclass(frozen=True, slots=True)
class Reached:
    """How far work has got, from its beginning.

    Attributes:
        told_us: the sound that its caller is told about now.
        submitted_us, processed_us, characters, tokens, compute_us: as in `Quantities`.
    """

    told_us: int = 0
    submitted_us: int = 0
    processed_us: int = 0
    characters: int = 0
    tokens: int = 0
    compute_us: int = 0
    channels: int = 1
    features: tuple[str, ...] = ()


class Meter:
    """One piece of work's.

    Args:
        source: who writes its events.
        told_us: sound that was told, and is in earlier events, where work goes on after a restart.

    Attributes:
        reached: all that was used so far, written or not.
        written: of that, what is in events that were written.
    """

    def __init__(self, source: str, used: Used, told_us: int = 0) -> None:
        self._source = source
        self._used = used
        self.reached = self.written = Quantities(told_us, told_us, told_us)
        self._channels, self._features = 1, ()  # type: int, tuple[str, ...]
        self._events = 0

    def reach(self, to: Reached) -> None:
        """Note how far the work has got; nothing ever goes back."""
        told = self.reached
        self._channels, self._features = to.channels, to.features
        self.reached = Quantities(
            max(told.submitted_us, to.submitted_us, to.told_us),
            max(told.processed_us, to.processed_us),
            max(told.billed_us, to.told_us),
            max(told.characters, to.characters),
            max(told.tokens, to.tokens),
            max(told.compute_us, to.compute_us),
        )

    def event(self, time_us: int, code: str = "", name: str | None = None) -> UsageEvent:
        """What is not written yet, as an event.

        Args:
            code: how the work ended; empty while it goes on.
            name: by which the same event is known again, though another server makes it; one that
                no other event of this work has by default.
        """
        name = f"{self._events}" if name is None else name
        return UsageEvent(
            self._source,
            f"{self._used.stream}:{name}",
            time_us,
            self._used,
            self.reached - self.written,
            self._channels,
            self._features,
            self.reached.billed_us,
            code,
        )

    def wrote(self) -> None:
        """The last event was written."""
        self._events += 1
        self.written = self.reached
