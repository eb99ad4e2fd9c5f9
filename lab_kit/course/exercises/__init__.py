"""The exercises: what each accepts as an answer, and its hints. One module a lab."""

from collections.abc import Mapping
from types import MappingProxyType

from lab_kit.course.exercises import (
    lab00,
    lab01,
    lab02,
    lab03,
    lab04,
    lab05,
    lab06,
    lab07,
    lab08,
    lab09,
    lab10,
    lab11,
    lab12,
    lab13,
    lab14,
    lab15,
)
from lab_kit.course.exercises.exercise import Exercise

_LABS = (
    lab00,
    lab01,
    lab02,
    lab03,
    lab04,
    lab05,
    lab06,
    lab07,
    lab08,
    lab09,
    lab10,
    lab11,
    lab12,
    lab13,
    lab14,
    lab15,
)

EXERCISES: Mapping[str, Exercise] = MappingProxyType(
    {exercise.id: exercise for lab in _LABS for exercise in lab.EXERCISES}
)
"""Every exercise by its id."""

__all__ = ["EXERCISES", "Exercise"]
