"""From nothing to the first answer: processes started anew, each phase measured, and what helps.

``measure()`` starts one by a recipe and says where its time went; ``RECIPES`` are the ones worth
comparing; ``shared_memory()`` shows what several workers on the same weights cost.
"""

from lab_kit.coldstart.memory import WorkersMemory, shared_memory
from lab_kit.coldstart.recipes import RECIPES, Recipe, recipes
from lab_kit.coldstart.starts import ColdStart, measure

__all__ = [
    "RECIPES",
    "ColdStart",
    "Recipe",
    "WorkersMemory",
    "measure",
    "recipes",
    "shared_memory",
]
