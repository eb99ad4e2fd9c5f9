"""How many connections may be open, and from whom.

Each takes a file descriptor, and a process without any left can accept nobody, health probes
included, and open no file. So connections get half of the descriptors that the process may have; a
quarter is gRPC's, see `gateway.run.grpc`, and the rest is left for files and for WebRTC's sockets.

One address gets three quarters of the places: on this machine, and behind a proxy, everybody has
the same one.

Probes have a few places of their own. Who comes when all others are taken is let in to say what it
wants; when these few are taken too, whoever has said nothing for longest has to go. So a probe,
which speaks at once, is heard however many others are silent.
"""

import resource
from collections import Counter
from typing import Protocol

from lab_kit.gateway.door.limits import Limits

HTTP_SHARE = 1 / 2
GRPC_SHARE = 1 / 4
HANDSHAKES_SHARE = 1 / 16
"""Of TLS, before a connection has a place: each takes milliseconds of a client that means it."""
PEER_SHARE = 3 / 4


class Visitor(Protocol):
    """A connection without a place, which may be a probe."""

    @property
    def is_silent(self) -> bool:
        """It has not said yet what it wants."""
        ...

    def evict(self) -> None:
        """Close it at once."""
        ...


class Connections:
    """The places of one server's HTTP port, and who has them.

    Args:
        most: in all.
        most_a_peer: from one address.
        most_visitors: without a place, to be heard and then to leave.
    """

    def __init__(self, most: int, most_a_peer: int, most_visitors: int) -> None:
        self._most = most
        self._most_a_peer = most_a_peer
        self._most_visitors = most_visitors
        self._peers: dict[object, str] = {}
        self._by_peer: Counter[str] = Counter()
        self._visitors: dict[Visitor, None] = {}  # in the order of their coming

    @property
    def open(self) -> int:
        """Places taken."""
        return len(self._peers)

    def enter(self, transport: object, peer: str) -> bool:
        """Take a place for a connection from this address, if there is one."""
        has_room = self.open < self._most and self._by_peer[peer] < self._most_a_peer
        if has_room:
            self._peers[transport] = peer
            self._by_peer[peer] += 1
        return has_room

    def leave(self, transport: object) -> None:
        """Give the place back, if it had one."""
        peer = self._peers.pop(transport, None)
        if peer is not None:
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def visit(self, visitor: Visitor) -> bool:
        """Let one in without a place, if need be for one that is silent; whether there is room."""
        if len(self._visitors) >= self._most_visitors:
            silent = next((one for one in self._visitors if one.is_silent), None)
            if silent is None:
                return False
            self.end_visit(silent)
            silent.evict()
        self._visitors[visitor] = None
        return True

    def end_visit(self, visitor: Visitor) -> None:
        """It is gone."""
        self._visitors.pop(visitor, None)


def connections(limits: Limits) -> Connections:
    """The places that this process can give."""
    most = min(limits.connections, share_of_descriptors(HTTP_SHARE))
    return Connections(most, max(1, int(most * PEER_SHARE)), limits.probe_connections)


def handshakes(limits: Limits) -> Connections:
    """Places for those who begin to speak TLS."""
    most = min(limits.connections, share_of_descriptors(HANDSHAKES_SHARE))
    return Connections(most, max(1, int(most * PEER_SHARE)), 0)


def share_of_descriptors(share: float) -> int:
    """Connections that a share of the process's file descriptors is enough for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 - 1 if soft == resource.RLIM_INFINITY else max(1, int(soft * share))
