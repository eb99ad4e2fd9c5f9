"""Recorded traces that exercises ask about: true measurements, kept with how they were made."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from lab_kit.core.call_record import StageSpan, Waterfall
from lab_kit.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Recording:
    """One trace.

    Attributes:
        how: what was done to get it, as a sentence.
    """

    waterfall: Waterfall
    how: str


def traces(lab: str) -> dict[str, Waterfall]:
    """The recorded traces of a lab by their names, which give nothing away.

    Raises:
        InvalidParameter: the lab has none.
    """
    return {name: recording.waterfall for name, recording in recordings(lab).items()}


@cache
def recordings(lab: str) -> dict[str, Recording]:
    """The traces with how each was recorded.

    Raises:
        InvalidParameter: the lab has none.
    """
    file = files("lab_kit.course") / "traces" / f"{lab}.json"
    if not file.is_file():
        raise InvalidParameter(f"traces of lab {lab!r}", "a lab that has some", 'pass "01"')
    kept = json.loads(file.read_text(encoding="utf-8"))["traces"]
    return {name: Recording(_waterfall(trace), trace["how"]) for name, trace in kept.items()}


def _waterfall(trace: dict[str, Any]) -> Waterfall:
    fields = trace["waterfall"]
    return Waterfall(
        title=fields["title"],
        zero=fields["zero"],
        stages=tuple(StageSpan(**stage) for stage in fields["stages"]),
        hidden=tuple(StageSpan(**stage) for stage in fields["hidden"]),
        clock_error_s=fields["clock_error_s"],
        device=fields["device"],
    )
