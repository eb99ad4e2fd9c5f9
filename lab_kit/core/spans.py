"""Spans as the server wrote them: read back, and put together into traces.

A span is a piece of work with a beginning, an end and a parent; a trace is all spans of one stream
or request.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """One span.

    Attributes:
        start_s, end_s: the time of day of the server, in seconds since 1970.
        events: names of what happened in it, in order.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_s: float
    end_s: float
    attributes: Mapping[str, Any]
    events: tuple[str, ...]

    @property
    def length_s(self) -> float:
        """How long it took."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Trace:
    """All spans of one stream or request, in the order in which they began."""

    spans: tuple[Span, ...]

    @cached_property
    def root(self) -> Span:
        """The stream's or the request's own span."""
        return next(span for span in self.spans if span.parent_id is None)

    @property
    def trace_id(self) -> str:
        """As metrics' exemplars name it."""
        return self.root.trace_id

    def named(self, name: str) -> tuple[Span, ...]:
        """Its spans of that name, such as a stage's."""
        return tuple(span for span in self.spans if span.name == name)

    def lengths_s(self, name: str) -> list[float]:
        """What each span of that name took."""
        return [span.length_s for span in self.named(name)]


def read_traces(lines: Iterable[str]) -> list[Trace]:
    """The traces whose root has ended, in the order in which they ended.

    Args:
        lines: of the file that the server writes; the last may be half written.
    """
    spans: dict[str, list[Span]] = {}
    for span in _spans(lines):
        spans.setdefault(span.trace_id, []).append(span)
    whole = [
        Trace(tuple(sorted(each, key=lambda span: span.start_s)))
        for each in spans.values()
        if any(span.parent_id is None for span in each)
    ]
    return sorted(whole, key=lambda trace: trace.root.end_s)


def _spans(lines: Iterable[str]) -> Iterable[Span]:
    for line in lines:
        try:
            yield _span(json.loads(line))
        except ValueError:
            return  # the last line, still being written


def _span(told: Mapping[str, Any]) -> Span:
    return Span(
        name=told["name"],
        trace_id=told["context"]["trace_id"].removeprefix("0x"),
        span_id=told["context"]["span_id"].removeprefix("0x"),
        parent_id=told["parent_id"].removeprefix("0x") if told["parent_id"] else None,
        start_s=_seconds(told["start_time"]),
        end_s=_seconds(told["end_time"]),
        attributes=told["attributes"],
        events=tuple(event["name"] for event in told["events"]),
    )


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
