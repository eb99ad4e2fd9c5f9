"""The lab's own client: streams and requests, stamped where it matters, errors by name.

It sees wires and dialects only, so it works against any server that speaks them.
"""

from lab_kit.client.inference import InferCall, Inference
from lab_kit.client.live import LiveClient, connect
from lab_kit.client.operations import (
    CacheFrame,
    CacheUse,
    LevelChange,
    Operator,
    ServiceLevel,
    ShadowPair,
    ShadowReport,
    VersionState,
)
from lab_kit.client.requests import exemplars, probe_clock, transcribe
from lab_kit.client.streaming import stream

__all__ = [
    "CacheFrame",
    "CacheUse",
    "InferCall",
    "Inference",
    "LevelChange",
    "LiveClient",
    "Operator",
    "ServiceLevel",
    "ShadowPair",
    "ShadowReport",
    "VersionState",
    "connect",
    "exemplars",
    "probe_clock",
    "stream",
    "transcribe",
]
