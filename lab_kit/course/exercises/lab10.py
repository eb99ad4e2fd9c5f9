"""Lab 10's exercises: what found credentials open, a limiter of compute, a finder of personal data.

The first is judged here, by what each thing opened on the server; the others in `limiting` and
`finding`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.exercises.finding import judge_finder
from lab_kit.course.exercises.limiting import judge_limiter
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.access import Opens, TriedLoot

_UP_TO = 4


# -- 10.1 ----------------------------------------------------------------------------------------


def judge_loot(answer: Any, measured: object) -> Outcome:
    """10.1: one word for each thing found, held against what it opened on the server."""
    if not isinstance(measured, TriedLoot):
        expected = "what was tried on the server"
        return not_yet("no tries", expected, 'check("10.1", mine, await access.tried_loot(bench))')
    if not isinstance(answer, Mapping) or set(answer) != set(measured):
        return not_yet(
            f"{answer!r:.60}", f"a dict with the keys 1 to {len(measured)}", "the first column"
        )
    unknown = [number for number, said in answer.items() if said not in tuple(Opens)]
    if unknown:
        told = f"{unknown[0]}: {answer[unknown[0]]!r:.40}"
        return not_yet(told, f"one of {', '.join(Opens)}", f"{len(unknown)} of {len(measured)}")
    wrong = [
        f"{number}: not {answer[number]}; {one.found.question}?"
        for number, one in measured.items()
        if answer[number] != one.opens
    ]
    if wrong:
        right = f"{len(measured) - len(wrong)} of {len(measured)} right"
        return not_yet(_few(wrong), "what each opened when it was tried", right)
    return passed(*(f"{number} {one.opens}: {_said(one.said)}" for number, one in measured.items()))


def _said(words: str) -> str:
    return f"else refused: {words}." if words else "nothing was refused."


EXERCISES = (
    Exercise(
        "10.1",
        "Say what each found credential still opens",
        judge_loot,
        (
            "Which of them say themselves what they are for, and until when? access.claims_table"
            " reads a token.",
            "What only the server knows cannot be read: whether a key was revoked, and whether a"
            " token has opened its stream. Try it: (await access.attempt(bench, loot[3])).table.",
            "One opens everything, two open recordings, one opens streams, and eight open nothing."
            " A token that has opened a stream is still good for the rest of its scope.",
        ),
    ),
    Exercise(
        "10.2",
        "Write reserve and settle",
        judge_limiter,
        (
            "Picture a tank that drains at per_s and holds burst_s. What is poured in when work is"
            " reserved, and what may be taken out again later?",
            "Keep two numbers that only grow: what has drained by now (per_s times now_s), and the"
            " surface, up to where it was poured. What fits is burst_s less what lies between them."
            " Keep with each reservation where it ends, below the surface.",
            "settle: back = min(reserved - cost, max(0, end - drained)); the surface sinks by that,"
            " and so do the ends of all that lie above. What cost more is poured on top, from where"
            " the surface or the drained is, whichever is higher.",
        ),
    ),
    Exercise(
        "10.3",
        "Raise recall without wrecking precision",
        judge_finder,
        (
            "How do people say a telephone number, and how does the starter expect to read it?",
            "A row of five number words is nearly always a number that identifies something. Let"
            " commas and spaces stand between them. Then names: what is said before one?",
            "Rules that pay: a row of number words; a word, 'at', a word, 'dot', a word; a capital"
            " behind 'my name is', 'this is', 'Mr'; number words, capitals and then 'Street' or"
            " 'Road'; what follows 'born'.",
        ),
    ),
)


def _few(wrong: Sequence[str]) -> str:
    more = [f"and {len(wrong) - _UP_TO} more"] if len(wrong) > _UP_TO else []
    return "\n".join([*wrong[:_UP_TO], *more])
