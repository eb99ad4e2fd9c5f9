"""``guess``: a reader says what they expect before they measure it; kept with their progress."""

import math
import re
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.still_form import still_form
from lab_kit.course import progress
from lab_kit.measure.guess import PERCENT, Answer, Guess, told

_WHOLE_PERCENT = 100.0
_IN_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


def guess(
    name: str,
    question: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    of: Sequence[str] = (),
) -> Guess:
    """Ask the reader for a number or a choice, with nothing filled in but an earlier guess.

    Args:
        name: what the guess is kept under; begins with the lab's number, as in ``"01.share"``.
        low, high: what is plausible, in ``unit``; a number outside is taken all the same.
        of: what to choose from; then there is no number.

    Raises:
        InvalidParameter: neither a plausible range nor choices, or both.
    """
    is_choice = bool(of)
    if is_choice == (low is not None and high is not None):
        raise InvalidParameter(
            f"guess {name!r}",
            "low= and high= for a number, or of= for a choice",
            "pass one of them",
        )
    asked = Guess(unit=unit, keep=lambda said, came: _keep(name, unit, said, came))
    asked.value = _earlier(name, unit, of)
    if is_choice:
        _show_choice(asked, name, question, of)
    elif low is not None and high is not None:
        _show_number(asked, name, question, (low, high))
    return asked


def read_number(text: str, unit: str, example: float = 250) -> float | None:
    """The number in what a reader typed: ``1,500``, ``1.5e3`` and ``1500 ms`` are the same.

    Empty text is no guess.

    Args:
        example: of what would be taken, for whoever typed something else.

    Raises:
        ValueError: it holds no number, or one that cannot be; the message says what is expected.
    """
    bare = text.strip().removesuffix(unit).replace("_", "").strip()
    if not bare:
        return None
    if _IN_THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    if "," in bare:
        raise ValueError("a comma parts thousands here; write a decimal point, as in 1.5")
    try:
        number = float(bare)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text.strip()[:40]!r} is no number; write one, such as {told(example)}")
    if number < 0:
        raise ValueError("less than nothing cannot come out; write a number from 0 up")
    if unit == PERCENT and number > _WHOLE_PERCENT:
        raise ValueError("a share is at most 100 %")
    return number


def _earlier(name: str, unit: str, of: Sequence[str]) -> Answer | None:
    """What the reader said the last time, if it still is an answer to the question."""
    try:
        kept = progress.load().guesses.get(name)
    except OSError as error:
        print(f"not read: {progress.location()}: {error.strerror}", file=sys.stderr)
        return None
    if kept is None or kept.unit != unit:
        return None
    fits = kept.guessed in of if of else not isinstance(kept.guessed, str)
    return kept.guessed if fits else None


def _show_number(asked: Guess, name: str, question: str, plausible: tuple[float, float]) -> None:
    import ipywidgets as widgets  # only a notebook needs it

    low, high = (told(end) for end in plausible)
    field = widgets.Text(
        value="" if asked.number is None else f"{asked.number:g}",
        placeholder=f"{low} to {high}",
        continuous_update=False,
        layout=widgets.Layout(width="9em"),
    )
    remark = widgets.Label()

    def entered(change: dict[str, str]) -> None:
        try:
            number = read_number(change["new"], asked.unit, sum(plausible) / 2)
        except ValueError as refused:
            remark.value = f"{refused}. Not taken."
            return
        asked.value = number
        tell(_still(question, asked))
        remark.value = _kept(name, asked.unit, number)
        if number is not None and not plausible[0] <= number <= plausible[1]:
            remark.value += f" It lies outside {low} to {high} {asked.unit}.".replace(" .", ".")

    field.observe(entered, names="value")
    shown = [widgets.HTML(question), field, widgets.Label(asked.unit), remark]
    tell = _show(widgets.HBox(shown), _still(question, asked))


def _show_choice(asked: Guess, name: str, question: str, of: Sequence[str]) -> None:
    import ipywidgets as widgets

    # a dropdown whose value is None shows nothing at all
    options = [("choose one", ""), *((each, each) for each in of)]
    field = widgets.Dropdown(options=options, value=asked.value or "")
    remark = widgets.Label()

    def chosen(change: dict[str, str]) -> None:
        asked.value = change["new"] or None
        tell(_still(question, asked))
        remark.value = _kept(name, "", asked.value)

    field.observe(chosen, names="value")
    row = widgets.HBox([widgets.HTML(question), field, remark])
    tell = _show(row, _still(question, asked))


def _show(row: Any, still: str) -> Callable[[str], None]:
    """Put a row under the cell with its still form behind it; returns what changes that form."""
    from IPython.display import display, publish_display_data

    name = {"display_id": uuid.uuid4().hex}
    display(row, exclude=["text/plain"])  # type: ignore[no-untyped-call]
    publish_display_data(still_form(still), transient=name)  # type: ignore[no-untyped-call]

    def tell(still: str) -> None:
        publish_display_data(still_form(still), transient=name, update=True)  # type: ignore[no-untyped-call]

    return tell


def _still(question: str, asked: Guess) -> str:
    """What a page says of the guess where its control is gone."""
    if asked.value is None:
        return f'No guess for "{question}"; run this cell to enter one.'
    return f'Your guess for "{question}": {told(asked.value, asked.unit)}.'


def _kept(name: str, unit: str, value: Answer | None) -> str:
    """Keep a guess and say so; where that fails, say what is lost: the run goes on all the same."""
    try:
        progress.record_guess(name, value, unit)
    except OSError as error:
        return f"Taken, but not kept: {progress.location()}: {error.strerror}."
    return "No guess." if value is None else f"Taken: {told(value, unit)}."


def _keep(name: str, unit: str, guessed: Answer | None, outcome: Answer) -> None:
    if guessed is None:
        return
    try:
        progress.record_outcome(name, guessed, outcome, unit)
    except OSError as error:
        print(f"not kept: {progress.location()}: {error.strerror}", file=sys.stderr)
