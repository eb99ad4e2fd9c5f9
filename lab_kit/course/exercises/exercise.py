"""An exercise as data: how its answer is judged, and what is said to someone who is stuck."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab_kit.core.call_record import RequestCall, StreamCall, Waterfall
from lab_kit.course.outcome import Outcome, not_yet
from lab_kit.measure.calls import final_waterfall, request_waterfall, utterance_delays

Judge = Callable[[Any, Any], Outcome]
"""Takes the answer and what the reader measured (None where nothing was given)."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise.

    Attributes:
        id: lab and number, as ``01.2``.
        title: one line for reports.
        judge: called with an answer that is not the starter.
        hints: from a nudge to almost the answer.
        keep: called with an answer that passed, where the answer itself is to be remembered.
    """

    id: str
    title: str
    judge: Judge
    hints: tuple[str, ...]
    keep: Callable[[Any], object] | None = None


def is_starter(answer: object) -> bool:
    """Whether nothing was answered: ``...`` or None, or one of them left inside a dict."""
    if isinstance(answer, dict):
        return any(is_starter(value) for value in answer.values())
    return answer is None or answer is ...


def nothing_returned(answers: Sequence[object], todo: str) -> Outcome | None:
    """What is said of a function that gave nothing to any of its calls; None if it gave something.

    Args:
        todo: what the exercise asks for.
    """
    if all(answer is ... for answer in answers):
        return not_yet("no answer yet", todo, "the cell above")
    if all(answer is None for answer in answers):
        told = "None from every call: a function without return gives that"
        return not_yet(told, "a function that returns its answer", "the cell above")
    return None


def as_waterfall(measured: object) -> Waterfall | None:
    """The waterfall of whatever call was given; None if it is no call.

    A stream's waterfall is the one that `show.waterfall` draws: of its last utterance that got a
    final; None if none did.
    """
    if isinstance(measured, Waterfall):
        return measured
    if isinstance(measured, RequestCall):
        return request_waterfall(measured)
    if isinstance(measured, StreamCall):
        heard = [delays.spoken for delays in utterance_delays(measured) if delays.heard]
        return final_waterfall(measured, heard[-1]) if heard else None
    return None
