"""Everything that draws: waterfalls, delays, transcripts, load and versions against 300 ms."""

from lab_kit.show.cache import cache
from lab_kit.show.delays import delays
from lab_kit.show.explorer import batching_explorer
from lab_kit.show.frontier import frontier
from lab_kit.show.live import live
from lab_kit.show.live_load import live_load
from lab_kit.show.load import load, loads
from lab_kit.show.offered import offered
from lab_kit.show.runtimes import runtimes
from lab_kit.show.sound import sound
from lab_kit.show.stages import stages
from lab_kit.show.starts import cold_starts
from lab_kit.show.transcript import transcript
from lab_kit.show.turns import turns
from lab_kit.show.versions import shadow, versions
from lab_kit.show.waterfall import waterfall, waterfalls

__all__ = [
    "batching_explorer",
    "cache",
    "cold_starts",
    "delays",
    "frontier",
    "live",
    "live_load",
    "load",
    "loads",
    "offered",
    "runtimes",
    "shadow",
    "sound",
    "stages",
    "transcript",
    "turns",
    "versions",
    "waterfall",
    "waterfalls",
]
