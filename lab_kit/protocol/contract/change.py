"""A change of a contract, its verdict, and the list in which changes are gathered."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_MOST_SHOWN_CHARS = 120
"""Of a value in a sentence; an enum of a thousand values is told by its first ones."""


class Verdict(StrEnum):
    """What a change means to a client that was written for the old contract; worst first."""

    BREAKING = "breaking"
    BEHAVIOUR = "behaviour"
    """Valid by the schema, and still able to break a client: somebody has to decide."""
    ADDITIVE = "additive"


class Side(StrEnum):
    """Who writes the value: the direction by which the same change breaks or does not."""

    REQUEST = "request"
    """The client writes: what the server takes may grow, and may not shrink."""
    ANSWER = "answer"
    """The server writes: what it says may shrink, and may not grow."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        rule: its kind, a name in `rules.RULES`.
        path: where in the document, such as ``POST /v1/x, body application/json: speed``. What
            stands in a named schema is told once, with the schema's name.
        was, now: the old and the new value, in words; "nothing" where there is none.
        why: one sentence, which client breaks or why none does.
        used_by: the operations whose requests or answers hold it.
    """

    verdict: Verdict
    rule: str
    side: Side
    path: str
    was: str
    now: str
    why: str
    used_by: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return f"{self.path}: {self.was} → {self.now}: {self.why}"


def worst(changes: Iterable[Change]) -> Verdict | None:
    """The verdict on all of them together; None where there are none."""
    order = list(Verdict)
    return min((change.verdict for change in changes), key=order.index, default=None)


def shown(value: Any) -> str:
    """A value of a document as a sentence tells it."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN_CHARS else f"{text[:_MOST_SHOWN_CHARS]}…"
