"""What was said in a conversation, as a model is given it."""

from collections.abc import Callable, Sequence

from lab_kit.core.replies import Role, Said

MOST_ITEMS = 200
"""Of a conversation; what was said before is forgotten."""


class History:
    """Items by name, in the order of the conversation."""

    def __init__(self) -> None:
        self._items: dict[str, Said] = {}

    def add(self, name: str, said: Said, after: str | None = None) -> None:
        """Add an item, at the end or behind another; one that is known is said anew in its place.

        An item that is longest ago is forgotten where there are too many.
        """
        if after is not None and name not in self._items and after in self._items:
            order = list(self._items)
            behind = order[order.index(after) + 1 :]
            self._items[name] = said
            for other in behind:
                self._items[other] = self._items.pop(other)
        else:
            self._items[name] = said
        while len(self._items) > MOST_ITEMS:
            del self._items[next(iter(self._items))]

    def get(self, name: str) -> Said | None:
        """An item; None if there is none."""
        return self._items.get(name)

    def remove(self, name: str) -> None:
        """Forget an item."""
        self._items.pop(name, None)

    @property
    def last(self) -> str | None:
        """The name of the newest item."""
        return next(reversed(self._items), None)

    def said(self, instructions: str = "") -> list[Said]:
        """All of it, behind the instructions."""
        first = [Said(Role.SYSTEM, instructions)] if instructions else []
        return [*first, *(one for one in self._items.values() if one.text or one.call)]


class Remembered:
    """What of a conversation a model is given: without what was said longest ago.

    What is forgotten is forgotten in halves. A model reads from its cache what begins as before;
    were a little left out every time, it would have to read everything anew every time.

    Args:
        most: how long it may be, as ``length`` measures each part; the newest is always taken.
    """

    def __init__(self, most: int, length: Callable[[Said], int]) -> None:
        self._most = most
        self._length = length
        self._first: Said | None = None

    def of(self, said: Sequence[Said]) -> list[Said]:
        """What is remembered of all that was said."""
        first = [one for one in said[:1] if one.role is Role.SYSTEM]
        rest = list(said[len(first) :])
        begins = next((n for n, one in enumerate(rest) if one is self._first), 0)
        lengths = [self._length(one) for one in rest]
        left = self._most - sum(map(self._length, first))
        if sum(lengths[begins:]) > left:
            while begins < len(rest) - 1 and sum(lengths[begins:]) > left // 2:
                begins += 1
            self._first = rest[begins]
        return [*first, *rest[begins:]]
