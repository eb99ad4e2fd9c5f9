"""Optional steps between hearing and telling, each opted in by the stream, each failing alone.

A step gets a text and returns one. One that raises, or takes longer than its budget, is left out
of that result and counted; the result goes on. With one exception: where redaction fails, letting
the text pass would do what it is there to prevent, so the text is withheld and the event goes on.

These are first forms, by rule and pattern: they know English number words, and personal data only
as it is written, not as it is spelled out.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Final, Interim
from lab_kit.stream.words import carried

_Result = TypeVar("_Result", bound=Interim | Final)
BUDGET_S = 0.005
WITHHELD = "[withheld]"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        is_guard: it keeps something in; without it, or in spite of a failure, nothing passes.
        settled: of an interim's text, what comes before a number or an address that the next word
            may complete. What does not look like one yet is told.
    """

    apply: Callable[[str], str]
    is_guard: bool = False
    settled: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that was left out of a result, and why: ``raised ValueError``, ``over budget``."""

    step: str
    reason: str


class StepSwitchedOff(Exception):
    """An operator wanted to see an optional step fail."""


class SwitchableSteps:
    """The steps there are, each of which can be made to fail, to see that it fails alone.

    Attributes:
        failing: the names of those that are made to fail now.
        table: the steps, by name, in their order.
    """

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.table = {name: self._switchable(name, step) for name, step in STEPS.items()}

    def _switchable(self, name: str, step: Step) -> Step:
        def apply(text: str) -> str:
            if name in self.failing:
                raise StepSwitchedOff(name)
            return step.apply(text)

        return replace(step, apply=apply)


class Postprocess:
    """The steps of one stream, in the order of `STEPS`.

    Args:
        names: what the client opted in to.
        steps: what there is.

    Raises:
        InvalidParameter: there is no such step.

    Attributes:
        keeps_in: whether one of them is there to keep something in.
    """

    def __init__(self, names: tuple[str, ...], steps: Mapping[str, Step] | None = None) -> None:
        known = STEPS if steps is None else steps
        if strange := set(names) - set(known):
            raise InvalidParameter(
                f"postprocessing {', '.join(sorted(strange))}",
                f"one of {', '.join(known)}",
                "ask for these steps only",
            )
        self._steps = {name: step for name, step in known.items() if name in names}
        self.keeps_in = any(step.is_guard for step in self._steps.values())

    def __call__(
        self, event: _Result, now_ns: Callable[[], int] = time.perf_counter_ns
    ) -> tuple[_Result, list[Skipped]]:
        """The event with its text as the steps leave it, and the steps that were left out."""
        skipped: list[Skipped] = []
        text = event.text
        stable = text[: event.stable_chars] if isinstance(event, Interim) else ""
        for name, step in self._steps.items():
            began_ns = now_ns()
            try:
                done = step.apply(text), step.apply(stable)
                if isinstance(event, Interim):
                    done = step.settled(done[0]), step.settled(done[1])
            except Exception as error:  # whatever a step raises is that step's affair
                skipped.append(Skipped(name, f"raised {type(error).__name__}"))
                if step.is_guard:
                    text = stable = WITHHELD if text else ""
                continue
            if now_ns() - began_ns > BUDGET_S * 1e9:
                skipped.append(Skipped(name, "over budget"))
                if not step.is_guard:
                    continue
            text, stable = done
        if isinstance(event, Interim):
            event = replace(event, stable_chars=_agreed(text, stable))
        return replace(event, text=text, words=carried(event.words, text)), skipped


def asked_for(query: Mapping[str, str]) -> tuple[str, ...]:
    """The steps that a query switches on, as in ``redact=true``; other names are not looked at.

    Raises:
        InvalidParameter: a value that is neither true nor false.
    """
    return tuple(name for name in STEPS if _is_on(name, query.get(name, "false")))


def _is_on(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidParameter(f"{name}={value[:80]}", "true or false", f"send {name}=true")
    return value.lower() == "true"


def punctuate(text: str) -> str:
    """A capital and a full stop, where the model gives neither."""
    if not text or any(c.isupper() or c in ".?!" for c in text):
        return text
    return text[0].upper() + text[1:] + "."


def numerals(text: str) -> str:
    """English number words as digits: "twenty one" is 21, digits said one by one are a row.

    Single words below ten stay: "one of them" is no number.
    """
    return _NUMBER.sub(lambda found: _digits(found.group()), text)


def redact(text: str) -> str:
    """E-mail addresses, card numbers (those that pass Luhn's check) and phone numbers, by name."""
    text = _EMAIL.sub("[email]", text)
    text = _CARD.sub(lambda m: "[card]" if _luhn(m.group()) else m.group(), text)
    return _PHONE.sub("[phone]", text)


def before_unfinished(text: str) -> str:
    """The text without a number or an address at its end, which the next word may complete.

    An interim cannot be taken back once it was told.
    """
    begin = max(0, len(text) - _LONGEST_UNFINISHED)
    return text[:begin] + _UNFINISHED.sub("", text[begin:].rstrip())


STEPS: Mapping[str, Step] = {
    "punctuate": Step(punctuate),
    "numerals": Step(numerals),
    "redact": Step(redact, is_guard=True, settled=before_unfinished),
}
"""Numerals before redaction, which looks for digits."""

_UNITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: n for n, word in enumerate(_UNITS)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_SCALES = {"hundred": 100, "thousand": 1_000}
_WORD = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
_NUMBER = re.compile(rf"\b(?:{_WORD})(?:[ -](?:{_WORD}))*\b", re.IGNORECASE)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_PHONE = re.compile(r"(?<![\w.])\+?\(?\d(?:[ ()./-]{0,2}\d){6,14}\b")
_UNFINISHED = re.compile(r"\s*(?<!\w)(?:[+(]*\d[\d ()./+-]*|\S*@\S*)\s*$")
_LONGEST_UNFINISHED = 100
"""Characters at the end that are looked at."""
_ROW = 3
"""So many single digits are a row of digits, such as a code, and no sum."""


def _digits(said: str) -> str:
    words = re.split(r"[ -]", said.lower())
    if all(_VALUES.get(word, 10) < 10 for word in words):
        row = "".join(str(_VALUES[word]) for word in words)
        return row if len(words) >= _ROW else said
    total = current = 0
    for before, word in zip(["", *words], words, strict=False):
        if word in _SCALES:
            current = max(1, current) * _SCALES[word]
            if _SCALES[word] == 1_000:
                total, current = total + current, 0
        elif before in _VALUES and not (_VALUES[before] >= 20 and 0 < _VALUES[word] < 10):
            return said  # two numbers one after the other; which ones, nobody can tell
        else:
            current += _VALUES[word]
    return str(total + current)


def _agreed(text: str, stable: str) -> int:
    """How many characters the text and what its stable part becomes have in common."""
    pairs = enumerate(zip(text, stable, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(text), len(stable)))


def _luhn(number: str) -> bool:
    """Whether the digits pass the check of ISO/IEC 7812."""
    digits = [int(c) for c in number if c.isdigit()][::-1]
    doubled = (2 * d if n % 2 else d for n, d in enumerate(digits))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
