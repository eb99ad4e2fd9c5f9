"""Optional steps between hearing and telling, each opted in by the stream, each failing alone.

A step gets a draft of a result and returns one. One that raises, or takes longer than its budget,
is left out of that result and counted; the result goes on. With one exception: where redaction
fails, letting the text pass would do what it is there to prevent, so the text is withheld and the
event goes on.

Punctuation and numerals are first forms, by rule: they know English number words.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Final, Interim
from lab_kit.core.personal_data import REDACT, PersonalKind, parse_redact, redacted_kinds
from lab_kit.stream.sink.drafts import Draft
from lab_kit.stream.sink.named import NamedPersons, Spans
from lab_kit.stream.sink.redaction import redact, remembered

_Result = TypeVar("_Result", bound=Interim | Final)
BUDGET_S = 0.005
WITHHELD = "[withheld]"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        is_guard: it keeps something in; without it, or in spite of a failure, nothing passes.
    """

    apply: Callable[[Draft], Draft]
    is_guard: bool = False


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
        persons: what tells them by a model; None where rules and lists alone do.
    """

    def __init__(self, persons: NamedPersons | None = None) -> None:
        self.failing: set[str] = set()
        self.persons = persons
        self.table = {name: self._switchable(name, step) for name, step in STEPS.items()}

    def _switchable(self, name: str, step: Step) -> Step:
        def apply(draft: Draft) -> Draft:
            if name in self.failing:
                raise StepSwitchedOff(name)
            return step.apply(draft)

        return replace(step, apply=apply)


@dataclass(slots=True)
class Begun(Generic[_Result]):
    """A result half-way: what comes before redaction is done.

    Attributes:
        skipped: the steps that were left out so far.
    """

    event: _Result
    draft: Draft
    skipped: list[Skipped] = field(default_factory=list)


class Postprocess:
    """The steps of one stream, in the order of `STEPS`.

    Args:
        names: what the client opted in to; see `personal_data.redaction_of` for kinds.
        steps: what there is.
        persons: what tells them by a model, if anything does.

    Raises:
        InvalidParameter: there is no such step, or no such kind of personal data.

    Attributes:
        keeps_in: whether one of them is there to keep something in.
        persons: whom to ask before `end`, for what `begin` gave; None for nobody.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        steps: Mapping[str, Step] | None = None,
        persons: NamedPersons | None = None,
    ) -> None:
        known = STEPS if steps is None else steps
        asked = {name.partition(":")[0] for name in names}
        if strange := asked - set(known):
            raise InvalidParameter(
                f"postprocessing {', '.join(sorted(strange))}",
                f"one of {', '.join(known)}",
                "ask for these steps only",
            )
        self._steps = {name: step for name, step in known.items() if name in asked}
        self._kinds = redacted_kinds(names)
        self._before = ""
        self.keeps_in = any(step.is_guard for step in self._steps.values())
        looks_for_names = self.keeps_in and PersonalKind.NAME in self._kinds
        self.persons = persons if looks_for_names else None

    def __call__(
        self, event: _Result, now_ns: Callable[[], int] = time.perf_counter_ns
    ) -> tuple[_Result, list[Skipped]]:
        """The event with its text as the steps leave it, and the steps that were left out.

        Events come in the stream's order: what a final says is remembered for those after it. Where
        there are `persons` to be asked, this tells nothing without them.
        """
        return self.end(self.begin(event, now_ns), [] if self.persons is None else None, now_ns)

    def begin(
        self, event: _Result, now_ns: Callable[[], int] = time.perf_counter_ns
    ) -> Begun[_Result]:
        """The steps up to redaction, which others may have to be asked for."""
        begun = Begun(event, self._draft(event))
        for name, step in self._steps.items():
            if not step.is_guard:
                self._apply(name, step, begun, now_ns)
        return begun

    def end(
        self,
        begun: Begun[_Result],
        named: Spans | None,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> tuple[_Result, list[Skipped]]:
        """The steps from redaction on; see `__call__`.

        Args:
            named: where in `Draft.looked_at` persons are named; None where nobody could tell, so
                that the text is withheld.
        """
        heard = begun.draft.text
        begun.draft = replace(begun.draft, named=tuple(named or ()))
        for name, step in self._steps.items():
            if not step.is_guard:
                continue
            if named is None:
                begun.skipped.append(Skipped(name, "persons not told"))
                begun.draft = begun.draft.withheld(WITHHELD)
            else:
                self._apply(name, step, begun, now_ns)
        if isinstance(begun.event, Final) and self.keeps_in:
            self._before = remembered(self._before, heard)
        return _told(begun.event, begun.draft), begun.skipped

    def _apply(
        self, name: str, step: Step, begun: Begun[_Result], now_ns: Callable[[], int]
    ) -> None:
        began_ns = now_ns()
        try:
            done = step.apply(begun.draft)
        except Exception as error:  # whatever a step raises is that step's affair
            begun.skipped.append(Skipped(name, f"raised {type(error).__name__}"))
            if step.is_guard:
                begun.draft = begun.draft.withheld(WITHHELD)
            return
        if now_ns() - began_ns > BUDGET_S * 1e9:
            begun.skipped.append(Skipped(name, "over budget"))
            if not step.is_guard:
                return
        begun.draft = done

    def _draft(self, event: Interim | Final) -> Draft:
        is_final = isinstance(event, Final)
        return Draft(
            text=event.text,
            start_s=event.start_s,
            end_s=event.end_s,
            stable_chars=event.stable_chars if isinstance(event, Interim) else len(event.text),
            words=event.words,
            is_final=is_final,
            before=self._before,
            kinds=self._kinds,
        )


def _told(event: _Result, draft: Draft) -> _Result:
    told = replace(event, text=draft.text, words=draft.words)
    if isinstance(told, Interim):
        return replace(told, stable_chars=draft.stable_chars)
    return replace(told, redactions=draft.redactions)


def asked_for(query: Mapping[str, str]) -> tuple[str, ...]:
    """The steps that a query switches on, as in ``redact=true``; other names are not looked at.

    Raises:
        InvalidParameter: a value that is neither true nor false, nor kinds of personal data.
    """
    return tuple(step for name in STEPS for step in _asked(name, query.get(name, "false")))


def _asked(name: str, value: str) -> Iterable[str]:
    if name == REDACT:
        return parse_redact(value)
    if value.lower() not in ("true", "false"):
        raise InvalidParameter(f"{name}={value[:80]}", "true or false", f"send {name}=true")
    return (name,) if value.lower() == "true" else ()


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


STEPS: Mapping[str, Step] = {
    "punctuate": Step(lambda draft: draft.rewritten(punctuate)),
    "numerals": Step(lambda draft: draft.rewritten(numerals)),
    REDACT: Step(redact, is_guard=True),
}
"""Redaction last: what it takes out, no other step writes again."""

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
