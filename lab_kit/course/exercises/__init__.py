"""The exercises: what each accepts as an answer, and its hints. One module a lab."""

from collections.abc import Mapping
from types import MappingProxyType

from lab_kit.course.exercises import lab00, lab01, lab02
from lab_kit.course.exercises.exercise import Exercise

EXERCISES: Mapping[str, Exercise] = MappingProxyType(
    {exercise.id: exercise for exercise in (*lab00.EXERCISES, *lab01.EXERCISES, *lab02.EXERCISES)}
)
"""Every exercise by its id."""

__all__ = ["EXERCISES", "Exercise"]
