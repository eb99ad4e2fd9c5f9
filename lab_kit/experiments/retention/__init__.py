"""What a server keeps of what passed through it: a probe that sends marked speech and looks for it.

A phrase that nobody says and the sound of it go in by every way that there is. Then everything is
searched where they could have been left: files, log, traces, metrics, and the process's memory.
"""

from lab_kit.experiments.retention.entries import WAYS, Answer
from lab_kit.experiments.retention.marks import Kind, Mark, marks_of
from lab_kit.experiments.retention.places import Found, Places, Setting, Source, found_in, told
from lab_kit.experiments.retention.probe import (
    HARDENED,
    PHRASE,
    Report,
    in_memory,
    on_disk,
    probe,
    search_all,
    send_others,
)

__all__ = [
    "HARDENED",
    "PHRASE",
    "WAYS",
    "Answer",
    "Found",
    "Kind",
    "Mark",
    "Places",
    "Report",
    "Setting",
    "Source",
    "found_in",
    "in_memory",
    "marks_of",
    "on_disk",
    "probe",
    "search_all",
    "send_others",
    "told",
]
