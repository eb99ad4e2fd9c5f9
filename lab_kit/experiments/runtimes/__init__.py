"""The same Whisper weights in several runtimes and precisions, and what each of them costs.

``available()`` says which there are and why some cannot run here; ``load()`` makes one ready;
``compare(clips)`` runs clips through them and reports. Knows no engine and no server.
"""

from lab_kit.experiments.runtimes.choices import REFERENCE, Runtime, available, same_precision
from lab_kit.experiments.runtimes.network import Loaded, Transcript
from lab_kit.experiments.runtimes.report import (
    THREADS,
    RuntimeFigures,
    RuntimeReport,
    compare,
)

__all__ = [
    "REFERENCE",
    "THREADS",
    "Loaded",
    "Runtime",
    "RuntimeFigures",
    "RuntimeReport",
    "Transcript",
    "available",
    "compare",
    "same_precision",
]
