"""From nothing to the first answer: processes started anew, each phase measured, and what helps.

``measure()`` starts one by a recipe and says where its time went; ``RECIPES`` are the ones worth
comparing; ``shared_memory()`` shows what several workers on the same weights cost.
"""

from lab_kit.experiments.cold_start.memory import WorkersMemory, shared_memory
from lab_kit.experiments.cold_start.recipes import RECIPES, Recipe, recipes
from lab_kit.experiments.cold_start.starts import ColdStart, measure

__all__ = [
    "RECIPES",
    "ColdStart",
    "Recipe",
    "WorkersMemory",
    "measure",
    "recipes",
    "shared_memory",
]
