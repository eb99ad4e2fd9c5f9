"""The port with TLS: what clients speak behind it, they say in the handshake.

Whoever speaks HTTP/1.1, and WebSockets with it, gets what the other port has, with the same limits.
Whoever prefers HTTP/2 gets that, see `http2`.
"""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec

from lab_kit.core.errors import NotInstalled
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.accepting import Tls
from lab_kit.gateway.run.authority import new_identity

PROTOCOLS = ("h2", "http/1.1")
Begin = Callable[[], asyncio.BaseProtocol]


def tls(limits: Limits) -> Tls:
    """How the port is encrypted, by a certificate of the lab's own authority.

    Raises:
        NotInstalled: it takes packages that are not here.
        StateUnusable: the authority cannot be read or made.
    """
    if find_spec("hypercorn") is None:
        raise NotInstalled.extra("TLS", "hypercorn", "tls")
    context = new_identity().context(PROTOCOLS)
    return Tls(context, handshake_s=limits.unreceived_s, shutdown_s=limits.unsent_s)


class ByProtocol(asyncio.Protocol):
    """A connection whose handshake is over: it goes on with the protocol that was agreed on.

    Args:
        http2: makes the protocol of a connection that speaks HTTP/2, and ``http`` of any other.
    """

    def __init__(self, http: Begin, http2: Begin) -> None:
        self._http = http
        self._http2 = http2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand it over."""
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        protocol = self._http2() if agreed == PROTOCOLS[0] else self._http()
        assert isinstance(transport, asyncio.Transport)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
