"""The port with TLS: what clients speak behind it, they say in the handshake.

Whoever speaks HTTP/1.1, and WebSockets with it, gets what the other port has, with the same limits.
Whoever prefers HTTP/2 gets that, see `http2`.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from lab_kit.core.errors import NotInstalled
from lab_kit.gateway.door.connections import Connections
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.certificates import CertificateFiles, Certificates

PROTOCOLS = ("h2", "http/1.1")
Begin = Callable[[], asyncio.BaseProtocol]


def certificates(files: CertificateFiles) -> Certificates:
    """How the ports are encrypted.

    Raises:
        NotInstalled: it takes packages that are not here.
        InvalidParameter, StateUnusable: see `Certificates`.
    """
    if find_spec("hypercorn") is None:
        raise NotInstalled.extra("TLS", "hypercorn", "tls")
    return Certificates(files, PROTOCOLS)


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections begin.

    Attributes:
        certificates: what is shown; new connections see what is new.
        handshakes: places for those; who is through has one of the server's others.
        http2: makes the protocol of a connection that speaks HTTP/2, and ``http`` of any other.
    """

    certificates: Certificates
    limits: Limits
    handshakes: Connections
    http: Begin
    http2: Begin

    async def begin(self, connection: socket.socket, peer: str) -> None:
        """Shake hands; a client that will not is gone, and that is nobody's failure."""
        if not self.handshakes.enter(connection, peer):
            connection.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: ByProtocol(self.http, self.http2),
                connection,
                ssl=self.certificates.context,
                ssl_handshake_timeout=self.limits.unreceived_s,
                ssl_shutdown_timeout=self.limits.unsent_s,
            )
        except OSError:  # of which TLS' own errors are a kind
            pass
        except BaseException:
            connection.close()
            raise
        finally:
            self.handshakes.leave(connection)


class ByProtocol(asyncio.Protocol):
    """A connection whose handshake is over: it goes on with the protocol that was agreed on."""

    def __init__(self, http: Begin, http2: Begin) -> None:
        self._http = http
        self._http2 = http2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand it over."""
        assert isinstance(transport, asyncio.Transport)
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        protocol = self._http2() if agreed == PROTOCOLS[0] else self._http()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
