"""Load: calls and requests in turn, at once or by a plan, and what their answers have in common.

It sees the client only, so it can load any server the client can talk to. What a lab uses beside a
load is offered here too: a slower network (`experiments.networks`) and the device's own figures
(`experiments.device`).
"""

from lab_kit.experiments.device.telemetry import (
    DeviceRecord,
    DeviceSample,
    DeviceWatch,
    GpuSample,
    Source,
    watch_device,
)
from lab_kit.experiments.device.utilisation import Utilisation, watch
from lab_kit.experiments.load.arrivals import Arrivals, Constant, Poisson
from lab_kit.experiments.load.call_plans import (
    CallPlan,
    ClosedCalls,
    OpenCalls,
    PlannedCall,
    Stairs,
)
from lab_kit.experiments.load.calling import Watcher, call_all
from lab_kit.experiments.load.invariance import BatchInvariance, batch_invariance
from lab_kit.experiments.load.live_load import (
    CallEnding,
    LiveLoad,
    OfferedCall,
    Turn,
    TurnLimits,
    stream_steps,
    turns_of,
)
from lab_kit.experiments.load.open_loop import (
    OfferedRequest,
    OpenLoopRun,
    Transcribe,
    lowest_at_highest,
    offer,
    sweep,
)
from lab_kit.experiments.load.turns import ClosedLoopRun, at_once, in_turn, neighbours
from lab_kit.experiments.load.unread import UnreadStream, never_read
from lab_kit.experiments.networks.fault_proxy import between, far_away
from lab_kit.experiments.networks.network import Network

__all__ = [
    "Arrivals",
    "BatchInvariance",
    "CallEnding",
    "CallPlan",
    "ClosedCalls",
    "ClosedLoopRun",
    "Constant",
    "DeviceRecord",
    "DeviceSample",
    "DeviceWatch",
    "GpuSample",
    "LiveLoad",
    "Network",
    "OfferedCall",
    "OfferedRequest",
    "OpenCalls",
    "OpenLoopRun",
    "PlannedCall",
    "Poisson",
    "Source",
    "Stairs",
    "Transcribe",
    "Turn",
    "TurnLimits",
    "UnreadStream",
    "Utilisation",
    "Watcher",
    "at_once",
    "batch_invariance",
    "between",
    "call_all",
    "far_away",
    "in_turn",
    "lowest_at_highest",
    "neighbours",
    "never_read",
    "offer",
    "stream_steps",
    "sweep",
    "turns_of",
    "watch",
    "watch_device",
]
