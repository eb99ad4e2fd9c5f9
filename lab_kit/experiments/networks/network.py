"""What a network does to packets: delay, jitter, loss, a narrow line; idle and deaf connections.

Pure: a link is told when something is sent and says when it arrives. Loss is the difference
between the two transports: UDP drops the packet and goes on, TCP sends it again, and whatever was
sent meanwhile waits behind it.

How long TCP needs was measured on Linux 6.18: a small packet every 20 ms, between two network
namespaces over a relay that drops 2 % one way. With 30 ms each way a lost packet came 80 to 86 ms
late in 28 of 36 losses, with 80 ms each way 201 to 214 ms: the time until the next packet shows the
gap, and a round trip (RACK, RFC 8985). A timeout ends only where nothing follows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lab_kit.core.errors import InvalidParameter

LONGEST_S = 2.0
"""Farther than any cable on Earth; more is a typing error in the unit."""
PACKET_BYTES = 1_448
"""TCP's payload in an Ethernet frame of 1,500 bytes with timestamps."""
RETRANSMIT_S = 0.2
"""Least retransmission timeout of Linux (TCP_RTO_MIN): how long a gap stays unseen at most."""
LONGEST_QUEUE_S = 0.5
"""Of a narrow line: a packet that would wait longer is dropped, where the transport can lose it."""


@dataclass(frozen=True, slots=True)
class Network:
    """What lies between a client and a server; nothing by default.

    Attributes:
        one_way_s: delay each way.
        jitter_s: up to so much more, by chance, for each piece.
        loss: share of packets that are lost, in [0, 1).
        bytes_per_s: what the line carries each way; None is no limit.
        idle_close_s: TCP connections are closed when nothing has passed for so long.
        deaf_after_s: a connection so old passes nothing more, and is not closed either.
        reset_after_s: a TCP connection so old is reset, both ways.
        calm_s: a connection so young loses nothing, so that its set-up is not what is measured.
        seed: of the chance in jitter and loss.

    Raises:
        InvalidParameter: a value has no meaning.
    """

    one_way_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    bytes_per_s: float | None = None
    idle_close_s: float | None = None
    deaf_after_s: float | None = None
    reset_after_s: float | None = None
    calm_s: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.calm_s < 0:
            raise InvalidParameter(
                f"calm of {self.calm_s} s", "0 s or more", "pass a calm_s of 0 or more"
            )
        for name, value in (("a delay", self.one_way_s), ("jitter", self.jitter_s)):
            if not 0 <= value <= LONGEST_S:
                raise InvalidParameter(
                    f"{name} of {value} s",
                    f"0 to {LONGEST_S:.0f} s",
                    "pass seconds, such as 0.08 for 80 ms",
                )
        if not 0 <= self.loss < 1:
            raise InvalidParameter(
                f"a loss of {self.loss}", "0 to 1", "pass a share, such as 0.02 for 2%"
            )
        limits = (self.bytes_per_s, self.idle_close_s, self.deaf_after_s, self.reset_after_s)
        if any(limit is not None and limit <= 0 for limit in limits):
            raise InvalidParameter(
                "a limit of zero or less", "a positive one", "pass None for no limit"
            )


class Link:
    """One direction of one connection.

    Args:
        is_reliable: what is lost is sent again and everything behind it waits, as in TCP.
        chance: gives a number in [0, 1).
        opens_s: nothing leaves before.
    """

    def __init__(
        self,
        network: Network,
        is_reliable: bool,
        chance: Callable[[], float],
        opens_s: float = 0.0,
    ) -> None:
        self._network = network
        self._is_reliable = is_reliable
        self._chance = chance
        self._free_s = opens_s
        self._last_s = 0.0
        self._began_s: float | None = None
        self._sent_s: float | None = None

    def arrival_s(self, now_s: float, size_bytes: int) -> float | None:
        """When what is sent at ``now_s`` arrives; None if it never does."""
        network = self._network
        self._began_s = now_s if self._began_s is None else self._began_s
        begun_s = max(now_s, self._free_s)
        if not self._is_reliable and begun_s - now_s > LONGEST_QUEUE_S:
            return None
        self._free_s = begun_s + (size_bytes / network.bytes_per_s if network.bytes_per_s else 0.0)
        arrives_s = self._free_s + network.one_way_s + network.jitter_s * self._chance()
        is_calm = now_s - self._began_s < network.calm_s
        is_lost = self._chance() < self._lost_share(size_bytes) and not is_calm
        if not self._is_reliable:
            return None if is_lost else arrives_s
        if is_lost:
            arrives_s += self._unseen_s(now_s) + 2 * network.one_way_s
        self._sent_s = now_s
        self._last_s = max(self._last_s, arrives_s)
        return self._last_s

    def _unseen_s(self, now_s: float) -> float:
        """How long until the next packet shows that this one is lost: as long as since the last."""
        if self._sent_s is None:
            return RETRANSMIT_S
        return min(now_s - self._sent_s, RETRANSMIT_S)

    def _lost_share(self, size_bytes: int) -> float:
        """How probable it is that at least one of the packets is lost."""
        packets = -(-size_bytes // PACKET_BYTES) if self._is_reliable else 1
        return float(1 - (1 - self._network.loss) ** packets)


def chances(network: Network) -> Callable[[], float]:
    """The network's chance, the same each time for the same seed."""
    return Random(network.seed).random


@dataclass(slots=True)
class ByteCounter:
    """Bytes that passed, each way."""

    up_bytes: int = 0
    down_bytes: int = 0
