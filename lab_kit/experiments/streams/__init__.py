"""What the messages of a live stream mean, each question answered by a real server.

A stream recorded in a dialect, connections that are lost, endings on each wire, and captures in
which one rule is broken. Everything goes over the server's public surface.
"""

from lab_kit.experiments.streams.broken import FAULTS, Broken, four_captures, one_broken
from lab_kit.experiments.streams.captured import captured, read_back
from lab_kit.experiments.streams.endings import Ending, endings_table, four_endings
from lab_kit.experiments.streams.lost_lines import Listener, LostLine, through_lost_lines

__all__ = [
    "FAULTS",
    "Broken",
    "Ending",
    "Listener",
    "LostLine",
    "captured",
    "endings_table",
    "four_captures",
    "four_endings",
    "one_broken",
    "read_back",
    "through_lost_lines",
]
