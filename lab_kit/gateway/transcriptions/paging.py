"""What a list of operations is asked for: filter and order, page by page.

A page ends with the number of its last entry, and the next one begins behind that: numbers sort by
age, so that what is added or removed meanwhile moves nothing else.

Source: Google, 2025, AIP-132 "Standard methods: List", AIP-158 "Pagination", AIP-160 "Filtering".
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self
from uuid import UUID

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.gateway.state.subjects import WRAPPED
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.protocol.operations import OperationState

USUAL_SIZE, LARGEST_SIZE = 50, 1_000
_ORDERS = {"create_time": False, "create_time desc": True}
_NEWEST_FIRST = "create_time desc"
_TERM = re.compile(r'(state|done|create_time)\s*(!=|<=|>=|=|<|>)\s*("[^"]*"|[^\s"]+)')
LONGEST_FILTER = 1_000
_EXAMPLE = 'state = RUNNING AND create_time > "2026-01-31T12:00:00Z"'
_DONE = tuple(state for state in OperationState if state.is_done)


@dataclass(frozen=True, slots=True)
class Page:
    """Some operations, and the token of the page behind them; empty where there is none."""

    operations: tuple[Operation, ...]
    next_token: str


@dataclass(frozen=True, slots=True)
class Query:
    """One page of a list.

    Attributes:
        conditions: in SQL, each with its parameters.
        after: the last entry of the page before.
        asked: names filter and order, so that a token fits no other list.
    """

    size: int
    is_newest_first: bool
    conditions: tuple[tuple[str, tuple[str | int, ...]], ...]
    after: UUID | None
    asked: str

    @classmethod
    def parse(cls, size: int, token: str, filter_: str, order: str) -> Self:
        """From a request's query.

        Raises:
            InvalidParameter: one of them has no meaning.
        """
        if size < 0:
            raise InvalidParameter(
                f"page_size={size}", f"0 to {LARGEST_SIZE}", "leave it out for the usual size"
            )
        wanted = " ".join(order.split()) or _NEWEST_FIRST
        if wanted not in _ORDERS:
            raise InvalidParameter(
                f"order_by={shown(order)}", " or ".join(_ORDERS), "choose one of these"
            )
        asked = sha256(f"{filter_}\n{wanted}".encode()).hexdigest()[:16]
        return cls(
            min(size or USUAL_SIZE, LARGEST_SIZE),
            _ORDERS[wanted],
            _conditions(filter_),
            _after(token, asked) if token else None,
            asked,
        )

    @classmethod
    def of_provider(
        cls,
        provider: str,
        size: int,
        states: Collection[OperationState],
        created_ms: tuple[int, int] | None,
        before: UUID | None,
        after: UUID | None,
    ) -> Self:
        """Of what was asked for in a provider's words: the newest, or next to one of them.

        Args:
            created_ms: from when, and to when without that; None for any time.
            before: older than this one.
            after: newer than this one. Where this alone is given, the oldest of those come first.
        """
        marks = ", ".join("?" * len(states))
        conditions: list[tuple[str, tuple[str | int, ...]]] = [
            ("provider = ?", (provider,)),
            (f"state IN ({marks})", tuple(states)),
        ]
        if created_ms is not None:
            conditions.append(("created_ms >= ? AND created_ms < ?", created_ms))
        if before is not None and after is not None:
            conditions.append(("number > ?", (str(after),)))
        is_newest_first = before is not None or after is None
        return cls(size, is_newest_first, tuple(conditions), before or after, provider)

    def sql(self, tenant: TenantId) -> tuple[str, tuple[str | int, ...]]:
        """The statement and its parameters; it finds one operation more than the page holds."""
        conditions = [
            ("tenant = ?", (str(tenant),)),
            ("state != ?", (OperationState.RECEIVING,)),
            *self.conditions,
        ]
        if self.after is not None:
            sign = "<" if self.is_newest_first else ">"
            conditions.append((f"number {sign} ?", (str(self.after),)))
        where = " AND ".join(condition for condition, _ in conditions)
        direction = "DESC" if self.is_newest_first else "ASC"
        parameters = tuple(one for _, given in conditions for one in given)
        order = f"ORDER BY number {direction} LIMIT ?"
        sql = f"SELECT *, {WRAPPED} FROM operations WHERE {where} {order}"
        return sql, (*parameters, self.size + 1)

    def page(self, found: Sequence[Operation]) -> Page:
        """What the statement found, cut to the page."""
        operations = tuple(found[: self.size])
        if len(found) <= self.size:
            return Page(operations, "")
        last = f"{operations[-1].number}.{self.asked}"
        return Page(operations, urlsafe_b64encode(last.encode()).decode().rstrip("="))


def _after(token: str, asked: str) -> UUID:
    try:
        told = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        number, _, of = told.partition(".")
        after = UUID(number)
    except ValueError:
        of = ""
    if of != asked:
        raise InvalidParameter(
            f"page_token={shown(token)}",
            "the next_page_token of the page before, with the same filter and order_by",
            "begin with the first page, without a token",
        )
    return after


def _conditions(filter_: str) -> tuple[tuple[str, tuple[str | int, ...]], ...]:
    if not filter_.strip():
        return ()
    terms = re.split(r"\s+AND\s+", filter_.strip())
    matches = [_TERM.fullmatch(term) for term in terms]
    found = [_condition(*match.groups()) for match in matches if match is not None]
    if len(filter_) > LONGEST_FILTER or len(found) != len(terms) or None in found:
        raise InvalidParameter(
            f"filter={shown(filter_)}",
            f"state, done or create_time, compared, joined with AND, as in {_EXAMPLE}",
            "write it like that",
        )
    return tuple(condition for condition in found if condition is not None)


def _condition(field: str, sign: str, value: str) -> tuple[str, tuple[str | int, ...]] | None:
    """In SQL; None where the value or the sign does not fit the field."""
    plain = value.strip('"')
    if field == "create_time":
        try:
            at = datetime.fromisoformat(plain)
        except ValueError:
            return None
        return (
            None if at.tzinfo is None else (f"created_ms {sign} ?", (round(at.timestamp() * 1e3),))
        )
    if sign not in ("=", "!="):
        return None
    if field == "state":
        return (f"state {sign} ?", (plain,)) if plain in list(OperationState) else None
    if plain not in ("true", "false"):
        return None
    is_among = (plain == "true") == (sign == "=")
    marks = ", ".join("?" * len(_DONE))
    return f"state {'IN' if is_among else 'NOT IN'} ({marks})", _DONE
