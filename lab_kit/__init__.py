"""The lab's one package: real servers, real audio, real measurements, drawn against 300 ms.

Notebooks need three names: ``Bench`` starts the server, ``datasets`` holds the clips,
``show`` draws. They are imported when first used, so that ``import lab_kit`` does no work
and the lower layers stay usable without a plotting library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab_kit import course, datasets, show
    from lab_kit.bench import Bench

__all__ = ["Bench", "course", "datasets", "show"]


def __getattr__(name: str) -> Any:
    if name == "Bench":
        return import_module("lab_kit.bench").Bench
    if name in __all__:
        return import_module(f"lab_kit.{name}")
    raise AttributeError(f"module 'lab_kit' has no attribute {name!r}")
