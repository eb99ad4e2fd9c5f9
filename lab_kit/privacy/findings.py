"""What a scan says: where personal data is, and where some may still be coming."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab_kit.core.personal_data import PersonalKind


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data in a text.

    Attributes:
        start, end: its characters, the end not included.
        score: how sure that is, in [0, 1]; set by hand for each rule, and no probability.
        reason: the rule that found it, without a word of what was said.
    """

    kind: PersonalKind
    start: int
    end: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """From ``start`` on, what comes next may make a finding of one of the ``kinds``."""

    start: int
    kinds: frozenset[PersonalKind]


Seen = Finding | Hold


def without_overlaps(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in order; those that overlap are one, of the kind that is surest."""
    merged: list[Finding] = []
    for one in sorted(findings, key=lambda found: (found.start, found.end)):
        if merged and one.start < merged[-1].end:
            last = merged[-1]
            surest = max(last, one, key=lambda found: found.score)
            merged[-1] = replace(surest, start=last.start, end=max(last.end, one.end))
        else:
            merged.append(one)
    return tuple(merged)
