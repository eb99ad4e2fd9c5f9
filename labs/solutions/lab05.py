"""Lab 05's answers.

05.1: one sentence of each brief decides. A cannot stand a stall, so no TCP. B wants flow control
for each of many streams on one connection, which HTTP/2 has. C keeps nothing open. D gets no UDP
out, and pays for bytes. E can send nothing but text.

05.2: delay moves every lag by the same, a stall moves some of them. So the stall is the latest lag
less the usual one, which is the median; an average would hide a single packet.

05.3: a proxy counts from the last byte. Half of its limit leaves room for one message that is late.
"""

from collections.abc import Mapping

from lab_kit.client import Wire
from lab_kit.core.call_record import StreamCall
from lab_kit.experiments.load import Network
from lab_kit.measure.percentiles import percentile
from lab_kit.measure.wires import audio_lags_s


def decision() -> dict[str, Wire]:
    """A wire for each client."""
    return {
        "A": Wire.WEBRTC,
        "B": Wire.GRPC,
        "C": Wire.UPLOAD,
        "D": Wire.WEBSOCKET,
        "E": Wire.REALTIME,
    }


def stalls_ms(calls: Mapping[str, StreamCall]) -> dict[str, float]:
    """The longest stall of each call."""
    found = {}
    for name, call in calls.items():
        lags_ms = [lag_s * 1000 for _, lag_s in audio_lags_s(call)]
        found[name] = max(lags_ms) - percentile(lags_ms, 0.5)
    return found


def keep_alive_s(network: Network) -> float:
    """How often a silent stream says something."""
    assert network.idle_close_s is not None
    return network.idle_close_s / 2
