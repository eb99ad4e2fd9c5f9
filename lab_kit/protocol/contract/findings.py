"""What a comparison found, gathered: one change is one change, however often it is met."""

from dataclasses import dataclass, field

from lab_kit.protocol.contract.change import Change, Side, Verdict, shown
from lab_kit.protocol.contract.rules import RULES


@dataclass(slots=True)
class Findings:
    """The changes of one comparison, each once, however many operations it is met in."""

    _by_what: dict[tuple[str, Side, str, str, str], list[str]] = field(default_factory=dict)

    def add(
        self, rule: str, side: Side, path: str, was: object, now: object, used_by: str = ""
    ) -> None:
        """Note a change.

        Raises:
            KeyError, ValueError: no such rule, or none for this side.
        """
        RULES[rule].on(side)
        users = self._by_what.setdefault((rule, side, path, shown(was), shown(now)), [])
        if used_by and used_by not in users:
            users.append(used_by)

    def changes(self) -> tuple[Change, ...]:
        """The worst first, otherwise in the order of the documents."""
        order = list(Verdict)
        found = []
        for (rule, side, path, was, now), users in self._by_what.items():
            verdict, why = RULES[rule].on(side)
            why = why.replace("{was}", was).replace("{now}", now)
            found.append(Change(verdict, rule, side, path, was, now, why, tuple(users)))
        return tuple(sorted(found, key=lambda change: order.index(change.verdict)))
