"""A reader's guess, and how far it was from what came out, in words.

It knows neither how a guess is entered nor where it is kept.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

Answer = float | str
"""A number in the guess's unit, or the words of a choice."""

NEVER = "never"
"""Of an outcome that is infinitely late."""
PERCENT = "%"
_CLOSE_FACTOR = 1.1
_FEW = 10
"""Up to a tenth off counts as right: two runs of one experiment differ by as much."""
_CLOSE_POINTS = 5.0
_SOME_FACTOR = 10.0
"""From here on a factor is told without decimals."""


def _keep_nowhere(guessed: Answer | None, outcome: Answer) -> None:
    """For a guess that is not part of a course."""


@dataclass(slots=True)
class Guess:
    """What a reader expects of one figure.

    Attributes:
        unit: of the number, such as ``ms`` or ``%``; empty for a choice or a count.
        keep: is told the guess and the outcome whenever the two are compared.
        value: what was entered; None for no guess.
    """

    unit: str = ""
    keep: Callable[[Answer | None, Answer], None] = _keep_nowhere
    value: Answer | None = None

    @property
    def number(self) -> float | None:
        """The number entered, in the guess's unit; None for no guess or a choice."""
        return self.value if isinstance(self.value, float | int) else None

    @property
    def choice(self) -> str:
        """The words chosen; empty for no guess or a number."""
        return self.value if isinstance(self.value, str) else ""

    def against(self, outcome: Answer, *, is_void: bool = False) -> str:
        """Compare with what came out, in the guess's unit; a sentence for the reader.

        An infinite outcome is one that never came. One that is no number was not to be had; it is
        not kept, and neither is that of a void run.

        Args:
            is_void: whether the run measured something else, such as a busy generator.
        """
        if is_void:
            return "This run is void: no figure to compare with."
        if isinstance(outcome, float) and (math.isnan(outcome) or outcome == -math.inf):
            return "This run gives no figure to compare with; run it again."
        came = NEVER if outcome == math.inf else outcome
        self.keep(self.value, came)
        return compare_guess(self.value, came, self.unit)


def compare_guess(guessed: Answer | None, outcome: Answer, unit: str = "") -> str:
    """Guess and outcome in a sentence, with the distance between them.

    Shares differ in points, other numbers by a factor; where either is not positive, or both are
    small counts, by a difference.
    """
    came = "it never came" if outcome == NEVER else f"it was {_named(outcome, unit)}"
    if guessed is None:
        return f"No guess; {came}."
    said = f"You said {_named(guessed, unit)}; {came}"
    if isinstance(guessed, str) or isinstance(outcome, str):
        right = f"You said {_named(guessed, unit)}, and so it was."
        return right if guessed == outcome else f"{said}."
    return f"{said}: {_distance(guessed, outcome, unit)}."


def told(answer: Answer, unit: str = "") -> str:
    """A number with its unit; a choice as is.

    It is whole or has three significant digits; a share has two.
    """
    if isinstance(answer, str):
        return answer
    digits, whole_from = (2, 10) if unit == PERCENT else (3, 100)
    figure = f"{answer:,.0f}" if abs(answer) >= whole_from else f"{answer:.{digits}g}"
    return f"{figure} {unit}".rstrip()


def _named(answer: Answer, unit: str) -> str:
    """As `told`; a choice of several words in quotation marks, so that it is not read on."""
    is_phrase = isinstance(answer, str) and " " in answer
    return f'"{answer}"' if is_phrase else told(answer, unit)


def _distance(guessed: float, outcome: float, unit: str) -> str:
    more = "too high" if guessed > outcome else "too low"
    if unit == PERCENT:
        points = abs(guessed - outcome)
        return "close" if points <= _CLOSE_POINTS else f"{points:.0f} points {more}"
    is_count = not unit and max(guessed, outcome) <= _FEW and float(outcome).is_integer()
    if min(guessed, outcome) <= 0 or is_count:
        return "right" if guessed == outcome else f"{told(abs(guessed - outcome), unit)} {more}"
    factor = max(guessed / outcome, outcome / guessed)
    if factor <= _CLOSE_FACTOR:
        return "close"
    digits = 1 if factor < _SOME_FACTOR else 0
    return f"{more} by a factor of {factor:,.{digits}f}"
