"""What a reader has done, in one small local file outside the repository.

Only what was passed and which role was chosen; nothing is sent anywhere. A file that cannot be
read is set aside, never overwritten.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from platformdirs import user_data_path

from lab_kit.core.clock import wall_clock_iso
from lab_kit.course.catalog import LABS, Lab, find_role

VARIABLE = "LAB_PROGRESS"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of one reader.

    Attributes:
        role: key of the role they chose.
        passed: when each exercise was first passed, in UTC, by its id.
        note: what the reader should know about the file itself; not kept in it.
    """

    role: str | None = None
    passed: Mapping[str, str] = field(default_factory=dict)
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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Progress()
    try:
        return _parsed(text)
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


def choose_role(key: str) -> Progress:
    """Remember the reader's role.

    Raises:
        InvalidParameter: there is no such role.
        OSError: the file cannot be written.
    """
    return _save(replace(load(), role=find_role(key).key))


def report() -> str:
    """The progress as Markdown, every available lab with its exercises."""
    known = load()
    role = find_role(known.role).name if known.role else "none chosen yet"
    lines = ["# Progress", "", f"Role: {role}", "", "| exercise | lab | passed |", "|---|---|---|"]
    for lab in LABS:
        lines += [
            f"| {exercise} | {lab.number} {lab.title} | {known.passed.get(exercise, 'not yet')} |"
            for exercise in lab.exercises
        ]
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
    return Progress(role if role is None else find_role(role).key, passed)


def _save(known: Progress) -> Progress:
    """Write the whole file under another name, then give it its own."""
    path = location()
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": _VERSION, "role": known.role, "passed": dict(known.passed)}
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
