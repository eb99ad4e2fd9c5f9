"""What the engine could not do, noted for somebody to look at instead of lost.

A letter says whose it was, what was asked and how it failed. The sound is somebody's voice, and
nobody knows what is said in it, since it was not recognized: it is not kept, and neither is
anything else of a person.
"""

import logging
from collections import deque

from lab_kit.core.clock import wall_clock_iso
from lab_kit.protocol.degradation import DeadLetter
from lab_kit.stream.failed_decode import FailedDecode

_log = logging.getLogger(__name__)

MOST_KEPT = 64


class DeadLetters:
    """The newest of them, in memory.

    Attributes:
        total: how many there ever were.
    """

    def __init__(self) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=MOST_KEPT)
        self.total = 0

    def keep(self, failed: FailedDecode) -> None:
        """Keep one; the oldest goes if there are too many."""
        self.total += 1
        letter = DeadLetter(
            number=self.total,
            at=wall_clock_iso(),
            **failed.identity.as_attributes(),
            trace_id=failed.trace_id,
            audio_s=failed.audio_s,
            tries=failed.tries,
            error=failed.error,
        )
        self._letters.append(letter)
        _log.error("dead letter %d: %.1f s of sound", letter.number, letter.audio_s)

    def letters(self) -> tuple[DeadLetter, ...]:
        """Those kept, oldest first."""
        return tuple(self._letters)
