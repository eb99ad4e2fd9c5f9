"""The lab's own client: streams and requests, stamped where it matters, errors by name.

It sees wires and dialects only, so it works against any server that speaks them.
"""

from lab_kit.client.address import ServerAddress, Wire
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
from lab_kit.client.streaming import stream, stream_over
from lab_kit.client.wires import WIRES, connect_over

__all__ = [
    "WIRES",
    "CacheFrame",
    "CacheUse",
    "InferCall",
    "Inference",
    "LevelChange",
    "LiveClient",
    "Operator",
    "ServerAddress",
    "ServiceLevel",
    "ShadowPair",
    "ShadowReport",
    "VersionState",
    "Wire",
    "connect",
    "connect_over",
    "exemplars",
    "probe_clock",
    "stream",
    "stream_over",
    "transcribe",
]
