"""How many calls of a second are recorded one by one; the others are counted.

Who may call at all can call as often as the network lets through, so without a limit anybody could
fill the disk that the log is on. What was let in leaves records of its work as well, which are all
kept: admission bounds those.
"""

from collections import Counter

from lab_kit.governance.record import Action, Entry

PER_S = {Action.CALL_ADMITTED: 100, Action.CALL_REFUSED: 10, Action.POLICY_DECIDED: 100}
"""At 400 bytes a record, a flood writes 84 kB a second."""


class Allowance:
    """What is left of this second's."""

    def __init__(self) -> None:
        self._second = 0
        self._taken: Counter[Action] = Counter()
        self._over: Counter[Action] = Counter()
        self._over_since_ms = 0

    def take(self, entry: Entry) -> bool:
        """Whether an entry is recorded by itself; if not, it is counted."""
        most = PER_S.get(entry.action)
        if most is None:
            return True
        second = entry.at_ms // 1_000
        if second != self._second:
            self._second = second
            self._taken.clear()
        self._taken[entry.action] += 1
        if self._taken[entry.action] <= most:
            return True
        self._over_since_ms = self._over_since_ms or entry.at_ms
        self._over[entry.action] += 1
        return False

    def counted(self, now_ms: int, at_least_ms: int = 1_000) -> Entry | None:
        """How many were not recorded by themselves; told once.

        Args:
            at_least_ms: None is told of a shorter time.
        """
        if not self._over or now_ms - self._over_since_ms < at_least_ms:
            return None
        about = {
            "admitted": self._over[Action.CALL_ADMITTED],
            "refused": self._over[Action.CALL_REFUSED],
            "decided": self._over[Action.POLICY_DECIDED],
            "lasted_ms": max(0, now_ms - self._over_since_ms),
        }
        self._over.clear()
        self._over_since_ms = 0
        return Entry(Action.CALLS_COUNTED, now_ms, about=about)
