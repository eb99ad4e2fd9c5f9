"""What a reader has done, in one small local file outside the repository.

Only what was guessed and passed and which role was chosen; nothing is sent anywhere. A file that
cannot be read is set aside, never overwritten.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from lab_kit.core.clock import wall_clock_iso
from lab_kit.course.catalog import LABS, Lab, find_role
from lab_kit.measure.guess import Answer, compare_guess

VARIABLE = "LAB_PROGRESS"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class KeptGuess:
    """What a reader expected of one figure.

    Attributes:
        unit: of both numbers; empty for a count or a choice.
        outcome: what last came out; None until it was measured.
    """

    guessed: Answer
    unit: str
    outcome: Answer | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of one reader.

    Attributes:
        role: key of the role they chose.
        passed: when each exercise was first passed, in UTC, by its id.
        guesses: the guesses that stand, by name, which begins with the lab's number.
        note: what the reader should know about the file itself; not kept in it.
    """

    role: str | None = None
    passed: Mapping[str, str] = field(default_factory=dict)
    guesses: Mapping[str, KeptGuess] = field(default_factory=dict)
    note: str | None = None


def location(environ: Mapping[str, str] | None = None) -> Path:
    """The file: ``LAB_PROGRESS``, or ``progress.json`` in the user's data folder."""
    if chosen := (os.environ if environ is None else environ).get(VARIABLE):
        return Path(chosen).expanduser()
    return user_data_path("lab_kit") / "progress.json"


def load() -> Progress:
    """Read the file; without one nothing has been done yet.

    A damaged file is renamed and named in the result's note.
    """
    path = location()
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Progress()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        aside = _unused(path)
        path.replace(aside)
        return Progress(
            note=f"{path.name} could not be read ({error}); kept as {aside}, and a new one begun"
        )


def record_pass(exercise: str) -> Progress:
    """Remember that an exercise was passed; the first time counts.

    Raises:
        OSError: the file cannot be written.
    """
    known = load()
    return _save(replace(known, passed={exercise: wall_clock_iso(), **known.passed}))


def record_guess(name: str, guessed: Answer | None, unit: str) -> Progress:
    """Remember a guess in place of an earlier one and its outcome; None forgets it.

    Raises:
        OSError: the file cannot be written.
    """
    known = load()
    others = {key: kept for key, kept in known.guesses.items() if key != name}
    mine = {} if guessed is None else {name: KeptGuess(guessed, unit)}
    return _save(replace(known, guesses={**others, **mine}))


def record_outcome(name: str, guessed: Answer, outcome: Answer, unit: str) -> Progress:
    """Remember what came out where ``guessed`` was expected; the last time counts.

    Raises:
        OSError: the file cannot be written.
    """
    known = load()
    mine = {name: KeptGuess(guessed, unit, outcome)}
    return _save(replace(known, guesses={**known.guesses, **mine}))


def choose_role(key: str) -> Progress:
    """Remember the reader's role.

    Raises:
        InvalidParameter: there is no such role.
        OSError: the file cannot be written.
    """
    return _save(replace(load(), role=find_role(key).key))


def report() -> str:
    """The progress as Markdown: every exercise, and each guess with what came out."""
    known = load()
    role = find_role(known.role).name if known.role else "none chosen yet"
    lines = ["# Progress", "", f"Role: {role}", "", "| exercise | lab | passed |", "|---|---|---|"]
    for lab in LABS:
        lines += [
            f"| {exercise} | {lab.number} {lab.title} | {known.passed.get(exercise, 'not yet')} |"
            for exercise in lab.exercises
        ]
    if known.guesses:
        lines += ["", "| guess | how it came out |", "|---|---|"]
        lines += [f"| {name} | {_told(known.guesses[name])} |" for name in sorted(known.guesses)]
    return "\n".join([*lines, *(["", known.note] if known.note else [])]) + "\n"


def state(lab: Lab, known: Progress) -> str:
    """Where a reader stands with a lab: ``done``, ``2 of 3``, ``not begun`` or ``to come``."""
    if not lab.is_available:
        return "to come"
    count = sum(exercise in known.passed for exercise in lab.exercises)
    if count == len(lab.exercises):
        return "done"
    return f"{count} of {len(lab.exercises)}" if count else "not begun"


def _parsed(text: str) -> Progress:
    data = json.loads(text)
    if data["version"] != _VERSION:
        raise ValueError(f"version {data['version']}, expected {_VERSION}")
    role = data["role"]
    passed = {str(exercise): str(when) for exercise, when in data["passed"].items()}
    guesses = {str(name): _kept_guess(kept) for name, kept in data.get("guesses", {}).items()}
    return Progress(role if role is None else find_role(role).key, passed, guesses)


def _kept_guess(kept: Mapping[str, Any]) -> KeptGuess:
    answers = [kept["guessed"], kept["outcome"]]
    for answer in answers:
        if isinstance(answer, bool) or not isinstance(answer, float | int | str | None):
            raise TypeError(f"a guess of type {type(answer).__name__}")
    if answers[0] is None:
        raise TypeError("a guess without an answer")
    return KeptGuess(answers[0], str(kept["unit"]), answers[1])


def _told(kept: KeptGuess) -> str:
    if kept.outcome is None:
        return "not measured yet"
    return compare_guess(kept.guessed, kept.outcome, kept.unit)


def _save(known: Progress) -> Progress:
    """Write the whole file under another name, then give it its own."""
    path = location()
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": _VERSION,
        "role": known.role,
        "passed": dict(known.passed),
        "guesses": {name: asdict(kept) for name, kept in known.guesses.items()},
    }
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return known


def _unused(path: Path) -> Path:
    """A name for a damaged file that no earlier one has."""
    number = 1
    while (aside := path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")).exists():
        number += 1
    return aside
