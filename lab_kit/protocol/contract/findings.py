"""What a comparison found, gathered: one change is one change, however often it is met."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lab_kit.protocol.contract.change import Change, Side, Verdict, shown
from lab_kit.protocol.contract.rules import RULES


@dataclass(slots=True)
class Findings:
    """The changes of one comparison, each with what holds it: operations, or named schemas."""

    _holders: dict[tuple[str, Side, str, str, str], dict[str, None]] = field(default_factory=dict)
    _users: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(
        self, rule: str, side: Side, path: str, was: object, now: object, used_by: str = ""
    ) -> None:
        """Note a change.

        Args:
            used_by: the operation that it is met in, or a schema that was told by `link`.

        Raises:
            KeyError, ValueError: no such rule, or none for this side.
        """
        RULES[rule].on(side)
        holders = self._holders.setdefault((rule, side, path, shown(was), shown(now)), {})
        if used_by:
            holders[used_by] = None

    def link(self, schema: str, used_by: str) -> None:
        """Note that a schema is met in an operation, or in another schema."""
        self._users.setdefault(schema, {})[used_by] = None

    def changes(self) -> tuple[Change, ...]:
        """The worst first, otherwise in the order of the documents."""
        order = list(Verdict)
        found = []
        for (rule, side, path, was, now), holders in self._holders.items():
            verdict, why = RULES[rule].on(side)
            why = why.replace("{was}", was).replace("{now}", now)
            operations = self._operations(holders)
            found.append(Change(verdict, rule, side, path, was, now, why, operations))
        return tuple(sorted(found, key=lambda change: order.index(change.verdict)))

    def _operations(self, holders: Iterable[str]) -> tuple[str, ...]:
        """Those that lead to any of the holders."""
        met, todo = dict.fromkeys(holders), list(holders)
        while todo:
            for user in self._users.get(todo.pop(), ()):
                if user not in met:
                    met[user] = None
                    todo.append(user)
        return tuple(sorted(one for one in met if one not in self._users))
