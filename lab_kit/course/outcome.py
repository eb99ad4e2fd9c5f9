"""What a check can say: four verdicts, each with its reasons. It does not know any exercise."""

from dataclasses import dataclass
from enum import StrEnum

MARGIN = "  | "
"""Begins every line of an explanation, which may differ from run to run; verdict lines may not."""


class Verdict(StrEnum):
    """How an answer was judged."""

    PASS = "PASS"
    NOT_YET = "NOT YET"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict and why.

    Attributes:
        reasons: lines for the reader: what was seen, what was expected, what shows it.
    """

    verdict: Verdict
    reasons: tuple[str, ...]

    def text(self, exercise: str) -> str:
        """The verdict line, then the reasons behind a margin."""
        lines = [line for reason in self.reasons for line in reason.splitlines()]
        return "\n".join([f"{exercise} {self.verdict}", *(MARGIN + line for line in lines)])


def passed(*reasons: str) -> Outcome:
    """The answer is right; reasons say what it shows."""
    return Outcome(Verdict.PASS, reasons)


def not_yet(seen: str, expected: str, shown_by: str) -> Outcome:
    """The answer is not right yet.

    Args:
        seen: what the answer says.
        expected: what was asked for.
        shown_by: the measurement or rule that shows the difference.
    """
    return Outcome(
        Verdict.NOT_YET, (f"seen: {seen}", f"expected: {expected}", f"shown by: {shown_by}")
    )


def inconclusive(reason: str, next_step: str) -> Outcome:
    """Too few samples or too noisy a machine to tell right from wrong."""
    return Outcome(Verdict.INCONCLUSIVE, (reason, f"try: {next_step}"))


def error(trace: str) -> Outcome:
    """The answer raised; ``trace`` shows the reader's own lines."""
    return Outcome(Verdict.ERROR, ("your answer raised", trace))
