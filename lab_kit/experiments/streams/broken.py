"""Captures of the reader's own stream in which one rule is broken, and nothing else."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.table import Table
from lab_kit.experiments.streams.captured import read_back
from lab_kit.protocol.judge import Breach, judged
from lab_kit.protocol.judge.capture import Capture, Line

Spoil = Callable[[list[Line]], None]


def _messages(lines: list[Line], kind: str) -> list[int]:
    """Where messages of that type are."""
    return [at for at, line in enumerate(lines) if (line.message or {}).get("type") == kind]


def _changed(lines: list[Line], at: int, **values: Any) -> None:
    line = lines[at]
    lines[at] = line.model_copy(update={"message": {**(line.message or {}), **values}})


def _renumbered(lines: list[Line]) -> None:
    """Numbers without a hole again, after a message was added or left out."""
    number = 0
    for at, line in enumerate(lines):
        if "sequence" in (line.message or {}):
            number += 1
            _changed(lines, at, sequence=number)


def _hole(lines: list[Line]) -> None:
    at = _messages(lines, "interim")[2]
    for later in range(at, len(lines)):
        if "sequence" in (message := lines[later].message or {}):
            _changed(lines, later, sequence=message["sequence"] + 1)


def _second_final(lines: list[Line]) -> None:
    at = _messages(lines, "final")[0]
    first = lines[at].message or {}
    lines.insert(at + 1, lines[at])
    _changed(
        lines,
        at + 1,
        revision=first["revision"] + 1,
        start_s=first["end_s"],
        words=[],
        text=first["text"] + " And more.",
    )
    _renumbered(lines)


def _lost_usage(lines: list[Line]) -> None:
    at = _messages(lines, "usage")[-1]
    message = lines[at].message or {}
    _changed(lines, at, from_s=message["from_s"] + 0.7)


def _never_asked(lines: list[Line]) -> None:
    _changed(lines, _messages(lines, "final")[0], requested=True)


def _after_the_end(lines: list[Line]) -> None:
    ended = _messages(lines, "session_ended")[0]
    late = lines[_messages(lines, "speech_started")[-1]]
    lines.insert(ended + 1, late.model_copy(update={"at_ms": lines[ended].at_ms + 60.0}))
    _changed(lines, ended + 1, at_s=(lines[ended].message or {})["audio_s"])
    _renumbered(lines)


def _skipped_revision(lines: list[Line]) -> None:
    at = _messages(lines, "interim")[1]
    segment = (lines[at].message or {})["segment"]
    for later in range(at, len(lines)):
        message = lines[later].message or {}
        if message.get("segment") == segment:
            _changed(lines, later, revision=message["revision"] + 1)


FAULTS: dict[str, Spoil] = {
    "numbers": _hole,
    "final-is-final": _second_final,
    "usage": _lost_usage,
    "asked-for": _never_asked,
    "nothing-after-the-end": _after_the_end,
    "revisions": _skipped_revision,
}
"""How each of these rules is broken, by its name."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A capture with a fault.

    Attributes:
        rule: that is broken; not shown before it was guessed.
    """

    capture: Capture
    rule: str = field(repr=False)

    @property
    def breach(self) -> Breach:
        """What the judge finds."""
        (found,) = judged(read_back(self.capture))
        return found

    @property
    def table(self) -> Table:
        """The server's messages, shortened to what the rules look at."""
        head = ("line", "ms", "number", "type", "segment", "revision", "from s", "to s", "text")
        rows = [
            _row(number, line) for number, line in enumerate(self.capture.lines, 2) if line.message
        ]
        return Table("message", head, rows, left=9)


def one_broken(capture: Capture, rule: str | None = None) -> Broken:
    """A copy of a capture in which one rule is broken, drawn by lot where none is named.

    Args:
        capture: of our own messages, with at least three interims and a final.

    Raises:
        InvalidParameter: the capture breaks a rule already, or is too short for one.
    """
    chosen = rule or random.choice(list(FAULTS))
    if judged(read_back(capture)) or len(_messages(capture.lines, "interim")) < 3:
        raise InvalidParameter(
            "a capture that is not whole",
            "one of our own messages that keeps every rule, with some interims",
            "capture a longer clip: api.captured(bench, clip)",
        )
    lines = list(capture.lines)
    FAULTS[chosen](lines)
    return Broken(Capture(capture.head, lines), chosen)


def four_captures(capture: Capture, seed: int | None = None) -> dict[str, Broken]:
    """Four copies, each with a fault of its own, named A to D."""
    rules = random.Random(seed).sample(list(FAULTS), 4)
    return {name: one_broken(capture, rule) for name, rule in zip("ABCD", rules, strict=True)}


def _row(number: int, line: Line) -> tuple[str, ...]:
    message = line.message or {}

    def shown(*names: str) -> str:
        found = next((message[name] for name in names if name in message), None)
        return f"{found:.2f}" if isinstance(found, float) else "" if found is None else str(found)

    text = shown("text", "reason") + (" (requested)" if message.get("requested") else "")
    return (
        str(number),
        f"{line.at_ms:,.0f}",
        shown("sequence"),
        f"{message.get('type')}{' ←' if line.by == 'client' else ''}",
        shown("segment"),
        shown("revision"),
        shown("start_s", "from_s", "at_s"),
        shown("end_s", "until_s", "audio_s"),
        text[:60],
    )
