"""Lab 09's exercises: what a change does to clients, and a guide from one version to the next."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from numbers import Real
from typing import Any

from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.contracts import BothAnswers, Proposals, leaves
from lab_kit.protocol.contract.change import Verdict

_VERDICTS = tuple(kind.value for kind in Verdict)
_UP_TO = 4


# -- 09.1 ----------------------------------------------------------------------------------------


def judge_changes(answer: Any, measured: object) -> Outcome:
    """09.1: a verdict on each of twelve proposals."""
    if not isinstance(measured, Proposals):
        return not_yet("no proposals", "those of the cell above", 'check("09.1", mine, twelve)')
    if not isinstance(answer, Mapping) or set(answer) != set(measured):
        expected = f"a dict with the keys 1 to {len(measured)}"
        return not_yet(f"{answer!r:.60}", expected, "the table's first column")
    unknown = [number for number, said in answer.items() if said not in _VERDICTS]
    if unknown:
        told = f"{unknown[0]}: {answer[unknown[0]]!r:.40}"
        return not_yet(told, f"one of {', '.join(_VERDICTS)}", f"{len(unknown)} of {len(measured)}")
    wrong = [
        f"{number}: not {answer[number]}; {one.question}"
        for number, one in measured.items()
        if answer[number] != one.verdict
    ]
    if wrong:
        return not_yet(
            _few(wrong),
            "what each does to a client that keeps to the contract of today",
            f"{len(measured) - len(wrong)} of {len(measured)} right",
        )
    return passed(*(f"{number} {one.verdict}: {one.why}." for number, one in measured.items()))


# -- 09.2 ----------------------------------------------------------------------------------------

_KEYS = ("call", "deprecated", "gone", "status_when_gone", "fields")
_GONE = 410
_NEAR = 0.02
"""Two runs of one recording: a probability may differ so much, and a time by a millisecond."""


def judge_guide(answer: Any, measured: object) -> Outcome:
    """09.2: a guide that is followed, value by value, from one real answer to the other."""
    if not isinstance(measured, BothAnswers):
        return not_yet("no answers", "both of the cell above", 'check("09.2", guide, both)')
    if not isinstance(answer, Mapping) or set(answer) != set(_KEYS):
        return not_yet(f"{answer!r:.60}", f"a dict with the keys {', '.join(_KEYS)}", "its form")
    wrong = [*_wrong_call(answer, measured), *_wrong_dates(answer, measured)]
    fields = answer["fields"]
    if not isinstance(fields, Mapping):
        wrong.append(f"fields: {fields!r:.40} is no dict from an old field to (new field, factor)")
    else:
        wrong += _wrong_fields(fields, measured)
    if wrong:
        return not_yet(_few(wrong), "a guide that a client can follow", f"{len(wrong)} to mend")
    return passed(
        f"A client that follows your guide reads from {measured.new.path} all that it read from"
        f" {measured.old.path}.",
        f"Ours is served at {_linked_guide(measured)}: compare.",
    )


def _wrong_call(guide: Mapping[str, Any], both: BothAnswers) -> list[str]:
    if guide["call"] == both.new.path:
        return []
    if guide["call"] == both.old.path:
        return ["call: that is the old one; the guide names what to call instead"]
    return [f"call: {guide['call']!r:.50} is not what answered; both.new.path is"]


def _wrong_dates(guide: Mapping[str, Any], both: BothAnswers) -> Iterator[str]:
    deprecated, gone = announced_dates(both)
    said = {name: str(guide[name]) for name in ("deprecated", "gone")}
    if said == {"deprecated": gone, "gone": deprecated}:
        yield "deprecated and gone are the wrong way round: one says to move, the other is the end"
        return
    for name, date, header in (
        ("deprecated", deprecated, "deprecation"),
        ("gone", gone, "sunset"),
    ):
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", said[name]):
            yield f"{name}: {said[name]!r:.40} is no date as 2026-12-31"
        elif said[name] != date:
            yield f"{name}: {said[name]} is not what the header {header} says, in UTC"
    status = guide["status_when_gone"]
    if status != _GONE:
        yield f"status_when_gone: {status!r:.20} is not what is answered for something that was"


def announced_dates(both: BothAnswers) -> tuple[str, str]:
    """From when on the old route is deprecated, and from when on gone, as ``2026-12-31``.

    Raises:
        KeyError: nothing was announced.
    """
    seconds = float(both.old.headers["deprecation"].removeprefix("@"))  # RFC 9745, 2.1
    deprecated = datetime.fromtimestamp(seconds, UTC)
    gone = parsedate_to_datetime(both.old.headers["sunset"])
    return deprecated.date().isoformat(), gone.date().isoformat()


def _linked_guide(both: BothAnswers) -> str:
    found = re.search(r"<([^>]*)>;\s*rel=\"?deprecation", both.old.headers.get("link", ""))
    return found.group(1) if found else "the address of the header link"


def _wrong_fields(fields: Mapping[Any, Any], both: BothAnswers) -> Iterator[str]:
    old, new = leaves(both.old.body), leaves(both.new.body)
    for name in old:
        if name not in new and name not in fields:
            yield f"fields: nothing is said of {name}, and the new answer has no such field"
    for name, said in fields.items():
        if name not in old:
            yield f"fields: the old answer has no {name!r:.50}"
            continue
        if not isinstance(said, tuple | list) or len(said) != 2:
            yield f"fields: {name}: {said!r:.50} is no pair (new field, factor)"
            continue
        target, factor = said
        if target not in new:
            yield f"fields: {name}: the new answer has no {target!r:.50}"
        elif (why := _differs(old[name], new[target], factor)) is not None:
            yield f"fields: {name}: {why}"


def _differs(old: Sequence[Any], new: Sequence[Any], factor: object) -> str | None:
    """Why values of the old answer do not become those of the new one; None if they do."""
    if factor is not None and (not isinstance(factor, Real) or isinstance(factor, bool)):
        return f"{factor!r:.20} is no factor: a number, or None where the value stays as it is"
    if len(old) != len(new):
        return f"{len(old)} values in the old answer, {len(new)} under that name in the new one"
    for before, after in zip(old, new, strict=True):
        wanted = before if factor is None else _times(before, factor)
        if not _is_near(wanted, after):
            by = "as it is" if factor is None else f"times {factor}"
            return f"{before!r} {by} is not {after!r}, which the new answer says"
    return None


def _times(value: Any, factor: object) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value * factor if is_number else value


def _is_near(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, int | float) and isinstance(value, int | float):
        return abs(wanted - value) <= (1.0 if isinstance(value, int) else _NEAR)
    return bool(wanted == value)


EXERCISES = (
    Exercise(
        "09.1",
        "Judge twelve changes",
        judge_changes,
        (
            "Who writes the value that changes, the client or the server? And who has to cope?",
            "What a client sends may be taken more widely. What it reads may become narrower. New"
            " values and messages of the server, and other defaults, are valid and still surprise:"
            " behaviour.",
            "Make a change in a copy of served.openapi and let contracts.compared tell:"
            ' edited["components"]["schemas"]["Transcript"]["required"].remove("device"). One'
            " of the twelve is in no schema; think of what a client computes from it.",
        ),
    ),
    Exercise(
        "09.2",
        "Write the guide from v1 to v2",
        judge_guide,
        (
            "Which values does a client of v1 read that are somewhere else, or in another unit?",
            "Print both.old.body and both.new.body side by side. Each value of the old one whose"
            " name is not in the new one needs a line. deprecation counts seconds since 1970.",
            'fields = {"audio_s": ("duration_ms", 1000), "segments[].words[].text":'
            ' ("words[].text", None), …}: ten lines in all; datetime.fromtimestamp(n, UTC) gives'
            " the date.",
        ),
    ),
)


def _few(wrong: Sequence[str]) -> str:
    more = [f"and {len(wrong) - _UP_TO} more"] if len(wrong) > _UP_TO else []
    return "\n".join([*wrong[:_UP_TO], *more])
