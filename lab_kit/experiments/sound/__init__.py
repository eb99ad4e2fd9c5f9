"""What sound costs before a model hears it, each question answered from one run.

Codecs and chunks on the wire, detectors in noise, silences that end a sentence, networks that lose
packets, and a relay that makes a stream click. Truth comes from the clips' aligned words; text
comes from a real model behind a door that is passed in. Nothing here starts a server.
"""

from lab_kit.experiments.sound.clicking import (
    StreamOutcome,
    as_pcm16,
    clicking,
    clicks,
    stream_pieces,
)
from lab_kit.experiments.sound.codec_costs import LADDER, CodecReport, compare_codecs
from lab_kit.experiments.sound.confidence import judge_confidence
from lab_kit.experiments.sound.detectors import Detection, Noise, RocPoint, compare_detectors
from lab_kit.experiments.sound.networks import NetworkReport, carried, compare_buffers
from lab_kit.experiments.sound.overhead import RTP, WEBSOCKET, HeaderStack
from lab_kit.experiments.sound.silences import SilenceReport, compare_silences, compare_turns

__all__ = [
    "LADDER",
    "RTP",
    "WEBSOCKET",
    "CodecReport",
    "Detection",
    "HeaderStack",
    "NetworkReport",
    "Noise",
    "RocPoint",
    "SilenceReport",
    "StreamOutcome",
    "as_pcm16",
    "carried",
    "clicking",
    "clicks",
    "compare_buffers",
    "compare_codecs",
    "compare_detectors",
    "compare_silences",
    "compare_turns",
    "judge_confidence",
    "stream_pieces",
]
