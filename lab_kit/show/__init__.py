"""Everything that draws: waterfalls, delays, transcripts, load, an API, its access, its bill."""

from lab_kit.show.access.drain_moving import draining
from lab_kit.show.access.flood import flood
from lab_kit.show.access.leaks import leaks
from lab_kit.show.access.revocations import revocations
from lab_kit.show.access.saying import said
from lab_kit.show.api.costs import cuts, paid
from lab_kit.show.api.deliveries import checks_table, deliveries
from lab_kit.show.api.deprecation import deprecation
from lab_kit.show.api.first_call import first_call, stopwatch
from lab_kit.show.api.gate import gate
from lab_kit.show.api.storming import storms
from lab_kit.show.api.ways import ways
from lab_kit.show.billing.invoice import invoice
from lab_kit.show.billing.kill_moving import killing
from lab_kit.show.billing.margins import margins
from lab_kit.show.billing.prices import minimum, schemes
from lab_kit.show.billing.stream_events import stream_events
from lab_kit.show.game_day.incidents import incidents
from lab_kit.show.latency.delays import delays
from lab_kit.show.latency.stages import stages
from lab_kit.show.latency.transcript import transcript
from lab_kit.show.latency.turns import turns
from lab_kit.show.latency.waterfall import waterfall, waterfalls
from lab_kit.show.live.browser_microphone import BrowserMicrophone as microphone
from lab_kit.show.live.live import live
from lab_kit.show.load.explorer import batching_explorer
from lab_kit.show.load.frontier import frontier
from lab_kit.show.load.live import live_load
from lab_kit.show.load.load import load, loads
from lab_kit.show.load.offered import offered
from lab_kit.show.load.offering import offering
from lab_kit.show.messages.lost_lines import lost_lines
from lab_kit.show.messages.revisions import revisions
from lab_kit.show.messages.timeline import messages
from lab_kit.show.proof.tree import changed_tree, proof_tree
from lab_kit.show.scale.days import day, policies, starts
from lab_kit.show.scale.endings import endings
from lab_kit.show.scale.placing import placements
from lab_kit.show.scale.predictions import prediction
from lab_kit.show.scale.regions import regions
from lab_kit.show.scale.replicas import disturbances, moves, round_trips
from lab_kit.show.serving.cache import cache
from lab_kit.show.serving.runtimes import runtimes
from lab_kit.show.serving.starts import cold_starts
from lab_kit.show.serving.versions import shadow, versions
from lab_kit.show.serving.wires import lags, wires
from lab_kit.show.slo.burn_moving import burning
from lab_kit.show.slo.ends import both_ends
from lab_kit.show.slo.omitted import omission
from lab_kit.show.slo.panels import panels
from lab_kit.show.sound.chunks import chunks
from lab_kit.show.sound.codecs import codecs
from lab_kit.show.sound.confidence import confidence
from lab_kit.show.sound.detectors import detectors
from lab_kit.show.sound.listen import sound
from lab_kit.show.sound.networks import buffers
from lab_kit.show.sound.silences import silences
from lab_kit.show.sound.spectrum import spectrum
from lab_kit.show.voice.conversation import conversation
from lab_kit.show.voice.talk import talk

__all__ = [
    "batching_explorer",
    "both_ends",
    "buffers",
    "burning",
    "cache",
    "changed_tree",
    "checks_table",
    "chunks",
    "codecs",
    "cold_starts",
    "confidence",
    "conversation",
    "cuts",
    "day",
    "delays",
    "deliveries",
    "deprecation",
    "detectors",
    "disturbances",
    "draining",
    "endings",
    "first_call",
    "flood",
    "frontier",
    "gate",
    "incidents",
    "invoice",
    "killing",
    "lags",
    "leaks",
    "live",
    "live_load",
    "load",
    "loads",
    "lost_lines",
    "margins",
    "messages",
    "microphone",
    "minimum",
    "moves",
    "offered",
    "offering",
    "omission",
    "paid",
    "panels",
    "placements",
    "policies",
    "prediction",
    "proof_tree",
    "regions",
    "revisions",
    "revocations",
    "round_trips",
    "runtimes",
    "said",
    "schemes",
    "shadow",
    "silences",
    "sound",
    "spectrum",
    "stages",
    "starts",
    "stopwatch",
    "storms",
    "stream_events",
    "talk",
    "transcript",
    "turns",
    "versions",
    "waterfall",
    "waterfalls",
    "ways",
    "wires",
]
