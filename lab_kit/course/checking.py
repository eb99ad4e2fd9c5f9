"""``check`` and ``hint``: judge an answer, say why, help on request.

The first line printed is the verdict and is the same in every run with that verdict; everything
after it stands behind a margin, so that a test can tell the two apart.
"""

import os
import sys
import sysconfig
import traceback
from collections import Counter
from pathlib import Path

from lab_kit.core.errors import InvalidParameter
from lab_kit.course import progress
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.exercises.exercise import Exercise, is_starter
from lab_kit.course.outcome import Outcome, Verdict, error, not_yet

_hints_given: Counter[str] = Counter()
_NOT_THE_READERS = (
    str(Path(__file__).parents[1]) + os.sep,
    sysconfig.get_path("stdlib") + os.sep,
    sysconfig.get_path("purelib") + os.sep,
)


def check(exercise: str, answer: object, measured: object = None) -> None:
    """Judge an answer and print the verdict with its reasons; a pass is remembered.

    Args:
        exercise: its id, such as ``"01.2"``.
        measured: the call or waterfall that the answer is about, where the exercise asks for one.

    Raises:
        InvalidParameter: there is no such exercise.
    """
    asked = find_exercise(exercise)
    outcome = judge(asked, answer, measured)
    print(outcome.text(exercise))
    if outcome.verdict is Verdict.PASS:
        _remember(asked, answer)


def judge(exercise: Exercise, answer: object, measured: object = None) -> Outcome:
    """Judge an answer; an untouched starter and an answer that raises are judged too."""
    if is_starter(answer):
        return not_yet("no answer yet", exercise.title.lower(), "the cell above")
    try:
        return exercise.judge(answer, measured)
    except Exception as raised:  # the reader's code may raise anything; ours is raised again
        trace = readers_trace(raised)
        if trace is None:
            raise
        return error(trace)


def hint(exercise: str) -> None:
    """Print a hint; each further call is more specific, until they are used up.

    Raises:
        InvalidParameter: there is no such exercise.
    """
    asked = find_exercise(exercise)
    number = min(_hints_given[exercise], len(asked.hints) - 1)
    _hints_given[exercise] += 1
    print(f"Hint {number + 1} of {len(asked.hints)} for {exercise}: {asked.hints[number]}")
    if number == len(asked.hints) - 1:
        print(f"That was the last one. The solution: labs/solutions/lab{exercise[:2]}.py")


def find_exercise(exercise: str) -> Exercise:
    """Look an exercise up by its id.

    Raises:
        InvalidParameter: there is none.
    """
    if exercise not in EXERCISES:
        raise InvalidParameter(
            f"exercise {exercise!r}",
            f"one of {', '.join(EXERCISES)}",
            "pass one of these ids as text",
        )
    return EXERCISES[exercise]


def readers_trace(raised: Exception) -> str | None:
    """The traceback with the reader's frames only; None if no frame is theirs."""
    frames = traceback.extract_tb(raised.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_NOT_THE_READERS)]
    if not theirs:
        return None
    lines = traceback.format_list(theirs) + traceback.format_exception_only(raised)
    return "".join(lines).rstrip()


def _remember(exercise: Exercise, answer: object) -> None:
    try:
        known = progress.record_pass(exercise.id)
        if exercise.keep is not None:
            exercise.keep(answer)
    except OSError as error_:
        # the answer is right all the same; say what is lost and where
        print(f"progress not kept: {progress.location()}: {error_.strerror}", file=sys.stderr)
        return
    if known.note:
        print(known.note, file=sys.stderr)
