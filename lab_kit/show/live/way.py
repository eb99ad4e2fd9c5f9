"""How a live run reaches its server: over which wire, and through which network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab_kit.bench import Bench, Caller
from lab_kit.client import Wire
from lab_kit.core.units import ms, percent
from lab_kit.experiments.load import Network


@dataclass(frozen=True, slots=True)
class Way:
    """A wire, and a network before the server; by default a WebSocket and nothing in between."""

    wire: Wire = Wire.WEBSOCKET
    network: Network | None = None

    @contextmanager
    def to(self, bench: Bench) -> Iterator[Caller]:
        """Who calls this way, as long as the block runs."""
        if self.network is None:
            yield bench
            return
        with bench.behind(self.network) as caller:
            yield caller

    def named(self, source: str) -> str:
        """What is streamed this way, for titles."""
        return f"{source} {self}".strip()

    def __str__(self) -> str:
        """Such as ``over WebRTC, 30 ms each way``; a WebSocket alone goes unsaid."""
        return "" if self == Way() else ", ".join([f"over {self.wire}", *_told(self.network)])


def _told(network: Network | None) -> list[str]:
    if network is None:
        return []
    parts = []
    if network.one_way_s:
        parts.append(f"{ms(network.one_way_s):,.0f} ms each way")
    if network.jitter_s:
        parts.append(f"up to {ms(network.jitter_s):,.0f} ms more")
    if network.loss:
        parts.append(f"{percent(network.loss)} of packets lost")
    return parts
