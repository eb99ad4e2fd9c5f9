"""The lab's own client: streams and requests, stamped where it matters, errors by name.

It sees wires and dialects only, so it works against any server that speaks them.
"""

from lab_kit.client.address import ServerAddress, Wire
from lab_kit.client.inference import InferCall, Inference
from lab_kit.client.live import LiveClient, connect
from lab_kit.client.operations import Operations
from lab_kit.client.operator import Operator
from lab_kit.client.placing import place
from lab_kit.client.requests import exemplars, probe_clock, transcribe
from lab_kit.client.retries import Retries, RetryBudget
from lab_kit.client.sessions import (
    FailoverClient,
    NativeWire,
    SessionClient,
    connect_anywhere,
    connect_session,
)
from lab_kit.client.speech import synthesize
from lab_kit.client.streaming import stream, stream_on, stream_over
from lab_kit.client.tokens import access_token
from lab_kit.client.webhooks import Webhooks
from lab_kit.client.wires import WIRES, connect_over
from lab_kit.protocol.degradation import DegradationStatus, LevelChange
from lab_kit.protocol.versions import CacheFrame, CacheUse, ShadowPair, ShadowReport, VersionStatus

__all__ = [
    "WIRES",
    "CacheFrame",
    "CacheUse",
    "DegradationStatus",
    "FailoverClient",
    "InferCall",
    "Inference",
    "LevelChange",
    "LiveClient",
    "NativeWire",
    "Operations",
    "Operator",
    "Retries",
    "RetryBudget",
    "ServerAddress",
    "SessionClient",
    "ShadowPair",
    "ShadowReport",
    "VersionStatus",
    "Webhooks",
    "Wire",
    "access_token",
    "connect",
    "connect_anywhere",
    "connect_over",
    "connect_session",
    "exemplars",
    "place",
    "probe_clock",
    "stream",
    "stream_on",
    "stream_over",
    "synthesize",
    "transcribe",
]
