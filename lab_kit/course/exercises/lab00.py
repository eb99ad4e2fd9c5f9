"""Lab 00: pick a role; read one number from a waterfall."""

from lab_kit.core.call_record import StageSpan
from lab_kit.core.units import ms
from lab_kit.course import progress
from lab_kit.course.catalog import ROLES, find_lab, find_role
from lab_kit.course.exercises.exercise import Exercise, as_waterfall
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.measure.calls import STAGES

_KEYS = ", ".join(role.key for role in ROLES)


def judge_role(answer: object, measured: object) -> Outcome:
    """00.1: a known role."""
    if not isinstance(answer, str) or answer.strip().lower() not in {r.key for r in ROLES}:
        return not_yet(repr(answer), f"one of {_KEYS}", "the table of roles above")
    role = find_role(answer)
    labs = ", ".join(f"{number} {find_lab(number).title}" for number in role.after_foundations)
    return passed(f"{role.name}: after labs 01 to 03, {labs}.")


def judge_longest(answer: object, measured: object) -> Outcome:
    """00.2: the longest stage of the waterfall that the reader measured."""
    waterfall = as_waterfall(measured)
    if waterfall is None:
        return not_yet(
            "no measurement, or a stream without a final",
            "the waterfall that you drew",
            'check("00.2", longest_stage, call)',
        )
    longest, second = sorted(waterfall.stages, key=lambda s: s.length_s, reverse=True)[:2]
    # a border that is off by the clock's error makes one stage longer and its neighbour shorter
    if longest.length_s - second.length_s <= 2 * waterfall.clock_error_s:
        return inconclusive(
            f"{_bar(longest)} and {_bar(second)} differ by no more than the clocks can tell apart"
            f" (error {ms(waterfall.clock_error_s):.1f} ms at each border)",
            "measure again on an idle machine",
        )
    if isinstance(answer, str) and answer.strip().lower() == longest.name:
        return passed(
            f"{_bar(longest)} of {ms(waterfall.total_s):,.0f} ms; next is {_bar(second)}."
        )
    return not_yet(_named(answer, waterfall.stages), "the longest stage", "the bars' lengths")


EXERCISES = (
    Exercise(
        "00.1",
        "Pick a role",
        judge_role,
        (
            "Read the table of roles: which line is nearest to your work?",
            f"The answer is one word in quotes, one of {_KEYS}. You may change it at any time.",
        ),
        keep=progress.choose_role,
    ),
    Exercise(
        "00.2",
        "Read the waterfall",
        judge_longest,
        (
            "Each bar is a stage, and its length is time. Which bar is the longest?",
            "Unfold the table with the plot: it lists the milliseconds of each stage.",
            f"Give its name in quotes, spelled as in the plot: one of {', '.join(STAGES)}.",
        ),
    ),
)


def _named(answer: object, stages: tuple[StageSpan, ...]) -> str:
    for stage in stages:
        if stage.name == answer:
            return _bar(stage)
    return f"{answer!r}, which is not a stage of this waterfall"


def _bar(stage: StageSpan) -> str:
    return f"{stage.name} ({ms(stage.length_s):.1f} ms)"
