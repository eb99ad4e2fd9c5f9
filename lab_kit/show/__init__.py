"""Everything that draws: waterfalls, delays, transcripts, load and versions against 300 ms."""

from lab_kit.show.cache import cache
from lab_kit.show.chunks import chunks
from lab_kit.show.codecs import codecs
from lab_kit.show.delays import delays
from lab_kit.show.detectors import detectors
from lab_kit.show.explorer import batching_explorer
from lab_kit.show.frontier import frontier
from lab_kit.show.live import live
from lab_kit.show.live_load import live_load
from lab_kit.show.load import load, loads
from lab_kit.show.networks import buffers
from lab_kit.show.offered import offered
from lab_kit.show.offering import offering
from lab_kit.show.runtimes import runtimes
from lab_kit.show.silences import silences
from lab_kit.show.sound import sound
from lab_kit.show.spectrum import spectrum
from lab_kit.show.stages import stages
from lab_kit.show.starts import cold_starts
from lab_kit.show.transcript import transcript
from lab_kit.show.turns import turns
from lab_kit.show.versions import shadow, versions
from lab_kit.show.waterfall import waterfall, waterfalls
from lab_kit.show.wires import lags, wires

__all__ = [
    "batching_explorer",
    "buffers",
    "cache",
    "chunks",
    "codecs",
    "cold_starts",
    "delays",
    "detectors",
    "frontier",
    "lags",
    "live",
    "live_load",
    "load",
    "loads",
    "offered",
    "offering",
    "runtimes",
    "shadow",
    "silences",
    "sound",
    "spectrum",
    "stages",
    "transcript",
    "turns",
    "versions",
    "waterfall",
    "waterfalls",
    "wires",
]
