"""Load and its surroundings: callers in turn, at once or by a plan; distance; busy devices.

It sees the client only, so it can load any server the client can talk to.
"""

from lab_kit.load.arrivals import Arrivals, Constant, Poisson
from lab_kit.load.company import Company, alone_and_together
from lab_kit.load.fault_proxy import between, far_away
from lab_kit.load.network import Network
from lab_kit.load.open_loop import Offered, OfferedRequest, offer, sweep
from lab_kit.load.telemetry import DeviceRecord, DeviceSample, GpuSample, Source, watch_device
from lab_kit.load.turns import Turns, at_once, in_turn, neighbours
from lab_kit.load.unread import Unread, never_read
from lab_kit.load.utilisation import Busy, watch

__all__ = [
    "Arrivals",
    "Busy",
    "Company",
    "Constant",
    "DeviceRecord",
    "DeviceSample",
    "GpuSample",
    "Network",
    "Offered",
    "OfferedRequest",
    "Poisson",
    "Source",
    "Turns",
    "Unread",
    "alone_and_together",
    "at_once",
    "between",
    "far_away",
    "in_turn",
    "neighbours",
    "never_read",
    "offer",
    "sweep",
    "watch",
    "watch_device",
]
